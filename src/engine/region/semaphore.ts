// Bounds how many run at once; the others wait in order.

export class Semaphore {
  #free: number
  readonly #waiting: (() => void)[] = []

  constructor(count: number) {
    this.#free = count
  }

  /** Rejects with the signal's reason when it is aborted before `body` begins. */
  async run<T>(signal: AbortSignal, body: () => Promise<T>): Promise<T> {
    await this.#acquire()
    try {
      signal.throwIfAborted()
      return await body()
    } finally {
      this.#release()
    }
  }

  async #acquire(): Promise<void> {
    if (this.#free > 0) {
      this.#free--
      return
    }
    await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }

  #release(): void {
    const next = this.#waiting.shift()
    if (next === undefined) this.#free++
    else next()
  }
}
