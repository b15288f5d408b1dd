// An NBD server in memory that can lose its power: what was written since the last flush is lost, kept, or
// torn at 512 bytes, write by write. It speaks as much of the protocol as libnbd asks for.
//
//   node power-disk.mjs <socket> <bytes> <seed>     its parent says "cut" and "revive"

import { createServer } from 'node:net'

const [socketPath, bytes, seed] = process.argv.slice(2)
const command = { read: 0, write: 1, disconnect: 2, flush: 3 }
const option = { abort: 2, go: 7 }
const reply = { ack: 1, info: 3, unsupported: 0x80000001 }
/** HAS_FLAGS and SEND_FLUSH. */
const exportFlags = 1 | 4
const EIO = 5

/** What is on the medium for sure, and what a read finds. */
const durable = Buffer.alloc(Number(bytes))
const now = Buffer.alloc(Number(bytes))
let unsynced = []
let dead = false

// mulberry32, as in random.ts.
let state = Number(seed) >>> 0
function below(bound) {
  state = (state + 0x6d2b79f5) >>> 0
  let mixed = Math.imul(state ^ (state >>> 15), state | 1)
  mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
  return (((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * bound
}

function flush() {
  for (const { at, data } of unsynced) data.copy(durable, at)
  unsynced = []
}

function revive() {
  const fates = { lost: 0, torn: 0, kept: 0 }
  for (const { at, data } of unsynced) {
    const fate = ['lost', 'torn', 'kept', 'kept'][Math.floor(below(4))]
    fates[fate] += 1
    for (let sector = 0; sector < data.length; sector += 512) {
      if (fate === 'lost' || (fate === 'torn' && below(2) < 1)) continue
      data.copy(durable, at + sector, sector, sector + 512)
    }
  }
  unsynced = []
  durable.copy(now)
  dead = false
  return fates
}

/** What a socket says, in pieces of a wanted length. */
class Reader {
  constructor(socket) {
    this.parts = socket[Symbol.asyncIterator]()
    this.held = []
    this.heldBytes = 0
  }

  async take(wanted) {
    if (wanted === 0) return Buffer.alloc(0)
    while (this.heldBytes < wanted) {
      const { done, value } = await this.parts.next()
      if (done) throw new Error('it has gone')
      this.held.push(value)
      this.heldBytes += value.length
    }
    const all = this.held.length === 1 ? this.held[0] : Buffer.concat(this.held)
    this.held = all.length > wanted ? [all.subarray(wanted)] : []
    this.heldBytes = all.length - wanted
    return all.subarray(0, wanted)
  }
}

/** One option; true when transmission begins. */
async function agree(socket, from) {
  const head = await from.take(16)
  const asked = head.readUInt32BE(8)
  await from.take(head.readUInt32BE(12))
  const say = (type, data) => {
    const answer = Buffer.alloc(20)
    answer.writeBigUInt64BE(0x3e889045565a9n)
    answer.writeUInt32BE(asked, 8)
    answer.writeUInt32BE(type, 12)
    answer.writeUInt32BE(data.length, 16)
    socket.write(Buffer.concat([answer, data]))
  }
  if (asked === option.go) {
    const info = Buffer.alloc(12)
    info.writeBigUInt64BE(BigInt(now.length), 2)
    info.writeUInt16BE(exportFlags, 10)
    say(reply.info, info)
  }
  const known = asked === option.go || asked === option.abort
  say(known ? reply.ack : reply.unsupported, Buffer.alloc(0))
  if (asked === option.abort) throw new Error('it has gone')
  return asked === option.go
}

/** One request; false when it was the last. */
async function serveOne(socket, from) {
  const head = await from.take(28)
  const type = head.readUInt16BE(6)
  const at = Number(head.readBigUInt64BE(16))
  const length = head.readUInt32BE(24)
  const payload = type === command.write ? Buffer.from(await from.take(length)) : undefined
  if (type === command.disconnect) return false
  const answer = Buffer.alloc(16)
  answer.writeUInt32BE(0x67446698)
  answer.writeUInt32BE(dead ? EIO : 0, 4)
  head.copy(answer, 8, 8, 16)
  if (!dead && payload) {
    payload.copy(now, at)
    unsynced.push({ at, data: payload })
  }
  if (!dead && type === command.flush) flush()
  socket.write(answer)
  if (!dead && type === command.read) socket.write(Buffer.from(now.subarray(at, at + length)))
  return true
}

async function serve(socket) {
  const from = new Reader(socket)
  const greeting = Buffer.alloc(18)
  greeting.write('NBDMAGICIHAVEOPT')
  greeting.writeUInt16BE(3, 16) // fixed newstyle, no zeroes
  socket.write(greeting)
  await from.take(4)
  while (!(await agree(socket, from))) continue
  while (await serveOne(socket, from)) continue
  socket.end()
}

const server = createServer((socket) => {
  socket.on('error', () => socket.destroy())
  serve(socket).catch(() => socket.destroy())
})
server.listen(socketPath, () => process.send({}))
process.on('message', (order) => {
  if (order === 'cut') dead = true
  process.send(order === 'revive' ? revive() : {})
})
process.on('disconnect', () => process.exit(0))
