#!/usr/bin/env node
// What `ashlar store-rebuild-catalog` runs: makes the catalog of a region that does not run from the
// records in its store, or applies those that the catalog does not know. One JSON object on stdout:
// the result, or {error: {code, message}} with exit code 1.

import { randomUUID } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { AshlarError, asAshlarError } from '../base/error.js'
import { failpoint } from '../base/failpoint.js'
import { Catalog } from '../catalog/catalog.js'
import {
  type Applied,
  applyRecords,
  countDamaged,
  regionOfRecords,
} from '../engine/region/upkeep/rebuild.js'
import { type StoreHandle, native } from '../native/binding.js'

interface Plan {
  readonly folder: string
  readonly missing: boolean
  /** Go on although there are records that cannot be read. */
  readonly withoutDamaged: boolean
  /** Used when the store has no record that says it. */
  readonly region: { readonly name: string; readonly number: number } | undefined
}

function plan(): Plan {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: {
      missing: { type: 'boolean' },
      name: { type: 'string' },
      number: { type: 'string' },
      'without-damaged': { type: 'boolean' },
    },
  })
  const [folder] = positionals
  if (folder === undefined) throw new AshlarError('INVALID_ARGUMENT', 'the folder is missing')
  const { name, number } = values
  const given = name === undefined || number === undefined ? undefined : { name, number: +number }
  const { missing = false, 'without-damaged': withoutDamaged = false } = values
  return { folder, missing, withoutDamaged, region: given }
}

function storeIn(folder: string): string {
  const store = join(folder, 'store')
  if (existsSync(join(store, 'STORE'))) return store
  throw new AshlarError('NOT_FOUND', `${store} is not a chunk store`)
}

/** Closes the store, whatever `use` does. */
async function withStore<T>(
  store: string,
  options: { readonly catalogUuid: string; readonly adopt?: boolean },
  use: (handle: StoreHandle) => Promise<T>,
): Promise<T> {
  const handle = await native().openStore(store, options)
  try {
    return await use(handle)
  } finally {
    await native().closeStore(handle)
  }
}

// Records that were left out may have been the last: else the catalog would be taken for yesterday's.
async function passDamaged(
  catalog: Catalog,
  handle: StoreHandle,
  applied: Applied,
): Promise<Applied> {
  if (applied.damaged === 0) return applied
  const { highestGeneration } = await native().storeStats(handle)
  const generation = Math.max(applied.generation, Number(highestGeneration))
  await catalog.write(async ({ meta }) => await meta.recoveredTo(generation))
  return { ...applied, generation }
}

async function applyMissing({ folder, withoutDamaged }: Plan): Promise<Applied> {
  const path = join(folder, 'catalog.db')
  if (!existsSync(path)) throw new AshlarError('NOT_FOUND', `${path} does not exist`)
  const catalog = await Catalog.open({ path, region: undefined, newUuid: randomUUID })
  try {
    return await withStore(storeIn(folder), { catalogUuid: catalog.uuid }, async (handle) => {
      const found = await native().storeRecords(handle)
      return await passDamaged(catalog, handle, await applyRecords(catalog, found, withoutDamaged))
    })
  } finally {
    await catalog.close()
  }
}

// The new catalog is made beside and renamed last: until then the command can be run again. The store
// is told the new uuid just before, so that there is never a catalog which its store does not know, and
// so that a store which cannot give all its records still takes an older one.
async function rebuild({ folder, withoutDamaged, region: given }: Plan): Promise<Applied> {
  const path = join(folder, 'catalog.db')
  for (const found of [path, `${path}-wal`].filter((file) => existsSync(file))) {
    throw new AshlarError(
      'FAILED_PRECONDITION',
      `${found} exists; move it away, or apply what it does not know with --missing`,
    )
  }
  const temporary = join(folder, 'catalog.rebuild.db')
  // reversible: an earlier try's, which never got its name
  for (const file of [temporary, `${temporary}-wal`]) rmSync(file, { force: true })
  const store = storeIn(folder)
  const found = await native().storeReadRecords(store)
  countDamaged(found, 0, withoutDamaged)
  const region = regionOfRecords(found.records) ?? given
  if (region === undefined) {
    throw new AshlarError(
      'FAILED_PRECONDITION',
      'the store has no snapshots that name their region; give its --name and --number',
    )
  }
  const applied = await make(temporary, region, async (catalog) => {
    const done = await applyRecords(catalog, found, withoutDamaged)
    const options = { catalogUuid: catalog.uuid, adopt: true }
    return await withStore(
      store,
      options,
      async (handle) => await passDamaged(catalog, handle, done),
    )
  })
  failpoint('catalogReplace')
  renameSync(temporary, path)
  syncFolder(folder)
  return applied
}

/** Makes a catalog and closes it. */
async function make<T>(
  path: string,
  region: { readonly name: string; readonly number: number },
  fill: (catalog: Catalog) => Promise<T>,
): Promise<T> {
  const catalog = await Catalog.open({ path, region, newUuid: randomUUID })
  try {
    return await fill(catalog)
  } finally {
    await catalog.close()
  }
}

function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}

async function main(): Promise<void> {
  const what = plan()
  const applied = await (what.missing ? applyMissing(what) : rebuild(what))
  process.stdout.write(`${JSON.stringify(applied)}\n`)
}

main().catch((thrown: unknown) => {
  const { code, message } = asAshlarError(thrown)
  process.stdout.write(`${JSON.stringify({ error: { code, message } })}\n`)
  process.exitCode = 1
})
