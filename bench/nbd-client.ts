// The least of an NBD client: one connection, one request at a time. For measuring first bytes, where
// starting a program would be most of the time, and for writing given blocks.

import { type Socket, connect } from 'node:net'

const magic = { init: 0x4e42444d41474943n, option: 0x49484156454f5054n, reply: 0x3e889045565a9n }
const requestMagic = 0x25609513
const replyMagic = 0x67446698
const optionGo = 7
const [replyAck, replyInfo] = [1, 3]
const commands = { read: 0, write: 1, disconnect: 2, flush: 3 } as const

export class NbdClient {
  readonly #socket: Socket
  readonly #chunks: AsyncIterator<Buffer, undefined>
  #buffered: Buffer = Buffer.alloc(0)
  #cookie = 0n

  private constructor(socket: Socket) {
    this.#socket = socket
    this.#chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Buffer, undefined>
  }

  /** Of "nbd+unix:///EXPORT?socket=PATH". */
  static async connect(uri: string): Promise<NbdClient> {
    const url = new URL(uri)
    const path = url.searchParams.get('socket')
    if (path === null) throw new Error(`${uri} names no Unix socket`)
    const socket = connect({ path })
    await new Promise<void>((done, failed) => {
      socket.once('connect', done)
      socket.once('error', failed)
    })
    const client = new NbdClient(socket)
    await client.#handshake(decodeURIComponent(url.pathname.slice(1)))
    return client
  }

  async read(offset: number, length: number): Promise<Buffer> {
    await this.#request(commands.read, offset, length)
    return await this.#take(length)
  }

  async write(offset: number, data: Buffer): Promise<void> {
    await this.#request(commands.write, offset, data.length, data)
  }

  /** Sends a write; `acknowledged` waits for its reply. */
  post(offset: number, data: Buffer): void {
    this.#socket.write(requestHead(commands.write, ++this.#cookie, offset, data.length))
    this.#socket.write(data)
  }

  /** So many posted writes are done. */
  async acknowledged(count: number): Promise<void> {
    for (let at = 0; at < count; at++) {
      const errno = (await this.#take(16)).readUInt32BE(4)
      if (errno !== 0) throw new Error(`NBD error ${errno}`)
    }
  }

  /** As a host that gave the connection up: closed both ways, without a word. */
  abandon(): void {
    this.#socket.destroy()
  }

  async flush(): Promise<void> {
    await this.#request(commands.flush, 0, 0)
  }

  close(): void {
    this.#socket.end(requestHead(commands.disconnect, 0n, 0, 0))
  }

  async #handshake(exportName: string): Promise<void> {
    const greeting = await this.#take(18)
    if (greeting.readBigUInt64BE(0) !== magic.init) throw new Error('this is no NBD server')
    const name = Buffer.from(exportName, 'utf8')
    const go = Buffer.alloc(4 + 16 + 4 + name.length + 2)
    go.writeUInt32BE(3, 0) // fixed newstyle, no zeroes
    go.writeBigUInt64BE(magic.option, 4)
    go.writeUInt32BE(optionGo, 12)
    go.writeUInt32BE(4 + name.length + 2, 16)
    go.writeUInt32BE(name.length, 20)
    name.copy(go, 24)
    this.#socket.write(go)
    for (;;) {
      const head = await this.#take(20)
      if (head.readBigUInt64BE(0) !== magic.reply) throw new Error('the option reply is none')
      const type = head.readUInt32BE(12)
      await this.#take(head.readUInt32BE(16))
      if (type === replyAck) return
      if (type !== replyInfo) throw new Error(`export ${exportName} is refused (${type})`)
    }
  }

  async #request(type: number, offset: number, length: number, data?: Buffer): Promise<void> {
    this.#cookie++
    this.#socket.write(requestHead(type, this.#cookie, offset, length))
    if (data !== undefined) this.#socket.write(data)
    const reply = await this.#take(16)
    if (reply.readUInt32BE(0) !== replyMagic) throw new Error('a reply that is none')
    if (reply.readBigUInt64BE(8) !== this.#cookie) throw new Error('a reply to another request')
    const errno = reply.readUInt32BE(4)
    if (errno !== 0) throw new Error(`NBD error ${errno} at offset ${offset}`)
  }

  async #take(length: number): Promise<Buffer> {
    const parts: Buffer[] = [this.#buffered]
    let have = this.#buffered.length
    while (have < length) {
      const { value } = await this.#chunks.next()
      if (value === undefined) throw new Error('the NBD server has closed the connection')
      parts.push(value)
      have += value.length
    }
    const all = parts.length === 1 ? this.#buffered : Buffer.concat(parts)
    this.#buffered = all.subarray(length)
    return all.subarray(0, length)
  }
}

function requestHead(type: number, cookie: bigint, offset: number, length: number): Buffer {
  const head = Buffer.alloc(28)
  head.writeUInt32BE(requestMagic, 0)
  head.writeUInt16BE(type, 6)
  head.writeBigUInt64BE(cookie, 8)
  head.writeBigUInt64BE(BigInt(offset), 16)
  head.writeUInt32BE(length, 24)
  return head
}
