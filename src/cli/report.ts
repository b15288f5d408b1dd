// A failure as one line on stderr: what is wrong, the reason's name, what to do.

import type { AshlarError } from '../base/error.js'
import { errorTable } from '../gen/errors.js'
import { mendOf } from './exit-code.js'
import type { Io } from './io.js'
import type { OutputFormat } from './session.js'

export function reportError(error: AshlarError, io: Io, output: OutputFormat): void {
  const reason = errorTable[error.code].vpcCode
  const message = error.message.replaceAll(/\s*\n\s*/g, ' ').replace(/\.$/, '')
  const mend = mendOf(error)
  if (output === 'table') {
    io.stderr(`ashlar: ${message} (${reason}): ${mend}\n`)
    return
  }
  const field = error.field === undefined ? {} : { field: error.field }
  io.stderr(`${JSON.stringify({ error: { reason, message, mend, ...field } })}\n`)
}
