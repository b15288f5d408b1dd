// The region's chunk store, opened when it is first needed: an index that nobody uses costs memory.
// One that exists already is opened at start, so that a wrong or damaged one is found then.

import { existsSync } from 'node:fs'

import type { Binding, StoreHandle } from '../../../native/binding.js'

export interface LazyStoreOptions {
  readonly native: Binding
  readonly path: string
  readonly catalogUuid: string
}

export class LazyStore {
  readonly #options: LazyStoreOptions
  #opening: Promise<StoreHandle> | undefined

  constructor(options: LazyStoreOptions) {
    this.#options = options
  }

  get isPresent(): boolean {
    return existsSync(this.#options.path)
  }

  async openIfPresent(): Promise<void> {
    if (this.isPresent) await this.get()
  }

  async get(): Promise<StoreHandle> {
    const { native, path, catalogUuid } = this.#options
    this.#opening ??= native.openStore(path, { catalogUuid })
    try {
      return await this.#opening
    } catch (thrown) {
      // A full disk may have room the next time.
      this.#opening = undefined
      throw thrown
    }
  }

  async close(): Promise<void> {
    const opening = this.#opening
    if (opening !== undefined) await this.#options.native.closeStore(await opening)
  }
}
