// Ends every switch over a union, so that a new member does not compile until it is handled.

/** Requires: unreachable. */
export function assertNever(value: never): never {
  throw new Error(`unhandled case: ${JSON.stringify(value)}`)
}
