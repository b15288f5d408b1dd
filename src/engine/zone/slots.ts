// A number of things that may go on at once; the rest wait, first come first served.

interface Waiting {
  readonly begin: () => void
}

export class Slots {
  readonly #max: number
  #used = 0
  readonly #queue = new Set<Waiting>()

  constructor(max: number) {
    this.#max = max
  }

  get waiting(): number {
    return this.#queue.size
  }

  /** Settles when one is free, which is the caller's then. Rejects with the signal's reason. */
  async take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted()
    if (this.#used < this.#max) {
      this.#used++
      return
    }
    await new Promise<void>((resolve, reject) => {
      const aborted = () => {
        this.#queue.delete(waiting)
        reject(signal.reason)
      }
      const begin = () => {
        signal.removeEventListener('abort', aborted)
        resolve()
      }
      const waiting = { begin }
      this.#queue.add(waiting)
      signal.addEventListener('abort', aborted, { once: true })
    })
  }

  /** The caller's goes to the one who has waited longest. */
  giveBack(): void {
    for (const next of this.#queue) {
      this.#queue.delete(next)
      next.begin()
      return
    }
    this.#used--
  }
}
