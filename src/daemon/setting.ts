// What a site asks for and cannot have, such as a port that somebody else has, is told with the key of
// the configuration that asks for it.

import { AshlarError, asAshlarError } from '../base/error.js'

/** Throws what `take` throws, with the key before its message. */
export async function forSetting<T>(key: string, take: () => Promise<T>): Promise<T> {
  try {
    return await take()
  } catch (thrown) {
    throw ofSetting(key, thrown)
  }
}

export function ofSetting(key: string, thrown: unknown): AshlarError {
  const { code, message } = asAshlarError(thrown)
  return new AshlarError(code, `${key}: ${message}`, { cause: thrown, field: key })
}
