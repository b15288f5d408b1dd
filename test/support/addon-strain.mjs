// A process that strains the seam where it once broke, so that a test sees whether it lives. It ends with
// 0 and a line of JSON.
//   node --expose-gc addon-strain.mjs failing-give SECONDS AT_A_TIME | ended-worlds TIMES
import { createRequire } from 'node:module'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads'

const addon = createRequire(import.meta.url)(
  process.env.ASHLAR_ADDON || '../../build/ashlar.node',
)
const anId = (number) => `r001-00000000-0000-0000-0000-${number.toString(16).padStart(12, '0')}`

/** Of 16 MiB, with a tree that nobody has. */
function manifest() {
  const bytes = Buffer.alloc(80)
  bytes.write('ASHLMAN1', 'latin1')
  for (const [index, number] of [1, 65_536, 64].entries()) bytes.writeUInt32LE(number, 8 + 4 * index)
  bytes.writeBigUInt64LE(16n << 20n, 24)
  return bytes.fill(7, 48)
}

/** A pool with a volume that is to be fetched. */
async function openPool(folder) {
  const pool = await addon.openPool({ path: join(folder, 'pool'), capacityBytes: 64n << 20n })
  const origin = { snapshotId: anId(2), manifest: manifest(), pinId: anId(3) }
  await addon.order(pool, { kind: 'createVolume', volumeId: anId(1), bytes: 16n << 20n, origin })
  return pool
}
const openHydration = (pool, lane) => addon.openHydration(pool, { snapshotId: anId(2), lane })

// Frames of a peer that are none, many at a time, while this thread makes, drops and collects.
async function failingGive(folder, seconds, atATime) {
  const channel = await openHydration(await openPool(folder), 'background')
  let rejected = 0
  for (const until = performance.now() + seconds * 1000; performance.now() < until; ) {
    const given = Array.from({ length: atATime }, () => addon.give(channel, Buffer.alloc(8)))
    const dropped = Array.from({ length: 2000 }, () => Buffer.alloc(16))
    const settled = await Promise.allSettled(given)
    rejected += settled.filter(({ status }) => status === 'rejected').length
    if (dropped.length > 0 && rejected % (16 * atATime) === 0) globalThis.gc()
  }
  return { rejected }
}

// What is under way when an environment ends: takes that wait, gives that fail and hold their buffers,
// orders, an NBD server, handles that nobody has closed.
async function beginMuch(folder) {
  const pool = await openPool(folder)
  await addon.startNbd(pool, { unixPath: join(folder, 'nbd') })
  for (const lane of ['demand', 'background', 'background']) {
    const channel = await openHydration(pool, lane)
    void addon.take(channel).catch(() => undefined)
    const give = () => void addon.give(channel, Buffer.alloc(1 << 16)).then(give, give)
    for (let i = 0; i < 16; i++) give()
  }
  // An order that is none holds nothing once it is refused.
  await addon.order(pool, { kind: 'cut', groupId: anId(3) }).catch(() => undefined)
  // Waits, and holds what it is held by.
  void addon.take(await openHydration(pool, 'demand')).catch(() => undefined)
  let next = 100
  const order = () => {
    const create = { kind: 'createVolume', volumeId: anId(next++), bytes: 1n << 20n }
    void addon.order(pool, create).then(order, order)
  }
  // More than there are threads: some have not begun when it ends.
  for (let i = 0; i < 48; i++) order()
  parentPort.postMessage('begun')
}

async function endedWorlds(folder, times) {
  for (let ended = 0; ended < times; ended++) {
    const own = mkdtempSync(join(folder, 'world-'))
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: own })
    await new Promise((begun, failed) => {
      worker.once('message', begun)
      worker.once('error', failed)
    })
    await sleep(5 * (ended % 4))
    await worker.terminate()
    // It is closed, not abandoned: the file can be opened again.
    await addon.closePool(await addon.openPool({ path: join(own, 'pool') }))
  }
  return { ended: times }
}

if (isMainThread) {
  const folder = mkdtempSync(join(tmpdir(), 'ash-'))
  const [what, ...numbers] = process.argv.slice(2)
  const strain = { 'failing-give': failingGive, 'ended-worlds': endedWorlds }[what]
  const outcome = await strain(folder, ...numbers.map(Number))
  rmSync(folder, { recursive: true })
  process.stdout.write(`${JSON.stringify(outcome)}\n`, () => process.exit(0))
} else {
  await beginMuch(workerData)
}
