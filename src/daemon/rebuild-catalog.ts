#!/usr/bin/env node
// What `ashlar store-rebuild-catalog` runs: makes the catalog of a region that does not run from the
// records in its store, or applies those that the catalog does not know. One JSON object on stdout:
// the result, or {error: {code, message}} with exit code 1.

import { randomUUID } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

import { AshlarError, asAshlarError } from '../base/error.js'
import { Catalog } from '../catalog/catalog.js'
import { type Applied, applyRecords, regionOfRecords } from '../engine/region/rebuild.js'
import { type StoreRecord, native } from '../native/binding.js'

interface Plan {
  readonly folder: string
  readonly missing: boolean
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
    },
  })
  const [folder] = positionals
  if (folder === undefined) throw new AshlarError('INVALID_ARGUMENT', 'the folder is missing')
  const { name, number } = values
  const given = name === undefined || number === undefined ? undefined : { name, number: +number }
  return { folder, missing: values.missing === true, region: given }
}

/** Closes the store, whatever `use` does. */
async function withRecords<T>(
  store: string,
  options: { readonly catalogUuid: string; readonly adopt?: boolean },
  use: (records: readonly StoreRecord[]) => Promise<T>,
): Promise<T> {
  if (!existsSync(join(store, 'STORE'))) {
    throw new AshlarError('NOT_FOUND', `${store} is not a chunk store`)
  }
  const handle = await native().openStore(store, options)
  try {
    return await use(await native().storeRecords(handle))
  } finally {
    await native().closeStore(handle)
  }
}

async function applyMissing({ folder }: Plan): Promise<Applied> {
  const path = join(folder, 'catalog.db')
  if (!existsSync(path)) throw new AshlarError('NOT_FOUND', `${path} does not exist`)
  const catalog = await Catalog.open({ path, region: undefined, newUuid: randomUUID })
  try {
    return await withRecords(
      join(folder, 'store'),
      { catalogUuid: catalog.uuid },
      async (records) => await applyRecords(catalog, records),
    )
  } finally {
    await catalog.close()
  }
}

// The new catalog is made beside and renamed last: until then the command can be run again. The store
// is told the new uuid before, so that there is never a catalog which its store does not know.
async function rebuild({ folder, region: given }: Plan): Promise<Applied> {
  const path = join(folder, 'catalog.db')
  for (const found of [path, `${path}-wal`].filter((file) => existsSync(file))) {
    throw new AshlarError(
      'FAILED_PRECONDITION',
      `${found} exists; move it away, or apply what it does not know with --missing`,
    )
  }
  const temporary = join(folder, 'catalog.rebuild.db')
  for (const file of [temporary, `${temporary}-wal`]) rmSync(file, { force: true })
  const uuid = randomUUID()
  const store = join(folder, 'store')
  const applied = await withRecords(store, { catalogUuid: uuid, adopt: true }, async (records) => {
    const region = regionOfRecords(records) ?? given
    if (region === undefined) {
      throw new AshlarError(
        'FAILED_PRECONDITION',
        'the store has no snapshots that name their region; give its --name and --number',
      )
    }
    const catalog = await Catalog.open({ path: temporary, region, newUuid: () => uuid })
    try {
      return await applyRecords(catalog, records)
    } finally {
      await catalog.close()
    }
  })
  renameSync(temporary, path)
  syncFolder(folder)
  return applied
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
