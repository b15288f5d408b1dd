// A failpoint stands right before an action that nothing can take back; native/base/failpoints.def has
// all of them. It does nothing: no option and no variable of the environment arms it. Tests start their
// daemons with a module of their own before the program (test/support/failpoints.mjs), which hooks in
// and ends the process there.

import type { FailpointName } from '../gen/failpoints.js'

declare global {
  var ashlarFailpoint: ((name: FailpointName) => void) | undefined
}

export function failpoint(name: FailpointName): void {
  globalThis.ashlarFailpoint?.(name)
}
