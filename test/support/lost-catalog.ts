// What operators do with the catalog of a region that does not run: lose it, put yesterday's back, and
// apply the records of the store.

import { copyFileSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { randomUUID } from 'node:crypto'

import { Catalog, type Tables } from '../../src/catalog/catalog.js'
import {
  type Applied,
  applyRecords,
  regionOfRecords,
} from '../../src/engine/region/upkeep/rebuild.js'
import type { RegionWorld } from './region-world.js'

type Owner = { readonly name: string; readonly number: number } | undefined

export class LostCatalog {
  readonly #world: RegionWorld

  constructor(world: RegionWorld) {
    this.#world = world
  }

  get path(): string {
    return join(this.#world.folder, 'catalog.db')
  }

  remove(): void {
    for (const end of ['', '-wal', '-shm']) rmSync(this.path + end, { force: true })
  }

  keep(): void {
    copyFileSync(this.path, `${this.path}.yesterday`)
  }

  putBack(): void {
    this.remove()
    renameSync(`${this.path}.yesterday`, this.path)
  }

  /** With a region, the catalog is made anew; else the records are applied that it does not know. */
  async apply(region?: Owner): Promise<Applied> {
    const { recordsRead } = this.#world.store
    return await this.#open(region, async (catalog) => {
      return await applyRecords(catalog, recordsRead)
    })
  }

  async rebuild(): Promise<void> {
    this.remove()
    await this.apply(regionOfRecords(this.#world.store.records))
  }

  async change(body: (tables: Tables) => Promise<void>): Promise<void> {
    await this.#open(undefined, async (catalog) => await catalog.write(body))
  }

  async snapshots(): Promise<readonly string[]> {
    return await this.#open(undefined, async ({ read }) => {
      return (await read.snapshots.page({}, { before: undefined, limit: 100 })).rows
        .map(({ name }) => name)
        .sort()
    })
  }

  async #open<T>(region: Owner, use: (catalog: Catalog) => Promise<T>): Promise<T> {
    const catalog = await Catalog.open({ path: this.path, region, newUuid: randomUUID })
    try {
      return await use(catalog)
    } finally {
      await catalog.close()
    }
  }
}
