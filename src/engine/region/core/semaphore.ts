// Bounds how many run at once; the others wait in order, and may leave the queue.

export class Semaphore {
  #free: number
  readonly #waiting = new Set<() => void>()

  constructor(count: number) {
    this.#free = count
  }

  /** Rejects with the signal's reason, at once, when it is aborted before `body` begins. */
  async run<T>(signal: AbortSignal, body: () => Promise<T>): Promise<T> {
    await this.#acquire(signal)
    try {
      signal.throwIfAborted()
      return await body()
    } finally {
      this.#release()
    }
  }

  async #acquire(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#free > 0) {
      this.#free--
      return
    }
    let leave = () => undefined as void
    const turn = new Promise<void>((resolve, reject) => {
      this.#waiting.add(resolve)
      leave = () => {
        if (this.#waiting.delete(resolve)) reject(signal.reason)
      }
    })
    signal.addEventListener('abort', leave, { once: true })
    try {
      await turn
    } finally {
      signal.removeEventListener('abort', leave)
    }
  }

  #release(): void {
    const [next] = this.#waiting
    if (next === undefined) {
      this.#free++
      return
    }
    this.#waiting.delete(next)
    next()
  }
}

/** A semaphore for each of a few names: one lane's work waits for no other's. */
export class Lanes {
  readonly #count: number
  readonly #lanes = new Map<string, Semaphore>()

  constructor(count: number) {
    this.#count = count
  }

  async run<T>(lane: string, signal: AbortSignal, body: () => Promise<T>): Promise<T> {
    let semaphore = this.#lanes.get(lane)
    if (semaphore === undefined) {
      semaphore = new Semaphore(this.#count)
      this.#lanes.set(lane, semaphore)
    }
    return await semaphore.run(signal, body)
  }
}
