// Mutual exclusion by key, first come first served.

export class KeyedLock {
  readonly #tails = new Map<string, Promise<unknown>>()

  /** Runs `body` after every earlier one that shares a key with it. */
  async run<T>(keys: readonly string[], body: () => Promise<T>): Promise<T> {
    const before = keys.flatMap((key) => this.#tails.get(key) ?? [])
    const result = Promise.allSettled(before).then(body)
    const tail = result.catch(() => undefined)
    for (const key of keys) this.#tails.set(key, tail)
    try {
      return await result
    } finally {
      for (const key of keys) if (this.#tails.get(key) === tail) this.#tails.delete(key)
    }
  }
}
