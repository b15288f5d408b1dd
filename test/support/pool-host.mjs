// A process that hosts one pool and its NBD server, so that a test can kill it at any moment and block
// its event loop. Reads one JSON order a line on stdin, answers one JSON line each; prints "ready" first.
//   node pool-host.mjs POOL_FILE UNIX_SOCKET CAPACITY_BYTES
import { createRequire } from 'node:module'
import { createInterface } from 'node:readline'

const addon = createRequire(import.meta.url)('../../build/ashlar.node')
const [path, unixPath, capacity] = process.argv.slice(2)

const text = (value) =>
  JSON.stringify(value, (_, each) => (typeof each === 'bigint' ? String(each) : each)) ?? 'null'

const pool = await addon.openPool({ path, capacityBytes: BigInt(capacity) })
const server = await addon.startNbd(pool, { unixPath })
process.stdout.write('"ready"\n')

const run = async (line) => {
  const order = JSON.parse(line, (key, value) => (key === 'bytes' ? BigInt(value) : value))
  if (order.kind === 'stats') return addon.poolStats(pool)
  if (order.kind === 'records') return addon.records(pool)
  if (order.kind === 'cuts') {
    // Many cuts, one after another; each is dropped at once, so that freeing runs beside them.
    for (let i = 0; i < order.count; i++) {
      const snapshotId = `r001-00000000-0000-0000-0001-${String(i).padStart(12, '0')}`
      const members = [{ volumeId: order.volumeId, snapshotId }]
      await addon.order(pool, { kind: 'cut', groupId: snapshotId, members })
      await addon.order(pool, { kind: 'dropCut', snapshotId })
    }
    return addon.cutPauses(pool)
  }
  if (order.kind === 'block') {
    const until = performance.now() + order.ms
    while (performance.now() < until);
    return null
  }
  if (order.kind === 'stop') {
    await addon.stopNbd(server, 1000)
    await addon.closePool(pool)
    setImmediate(() => process.exit(0))
    return null
  }
  return addon.order(pool, order)
}

for await (const line of createInterface({ input: process.stdin })) {
  try {
    process.stdout.write(`${text({ ok: await run(line) })}\n`)
  } catch (error) {
    process.stdout.write(`${text({ error: error.code ?? 'INTERNAL', message: error.message })}\n`)
  }
}
