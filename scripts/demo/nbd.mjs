// A host's side of NBD, as small as it gets: one connection, one request at a time. The stock tools do
// the bulk; this one writes scattered blocks and times a first read without starting a program for it.

import { once } from 'node:events'
import net from 'node:net'

const requestMagic = 0x25609513
const replyMagic = 0x67446698
const commands = { read: 0, write: 1, disconnect: 2, flush: 3 }
const exportNameOption = 1
/** Fixed newstyle, no zeroes after the export's size. */
const clientFlags = 3

export class Nbd {
  #socket
  #chunks = []
  #waiting

  /** "nbd+unix:///EXPORT?socket=PATH". Settles when requests can be sent. */
  static async connect(uri) {
    const { pathname, searchParams } = new URL(uri)
    const nbd = new Nbd()
    await nbd.#open(searchParams.get('socket'), pathname.slice(1))
    return nbd
  }

  async #open(path, name) {
    this.#socket = net.connect(path)
    this.#socket.on('data', (chunk) => {
      this.#chunks.push(chunk)
      this.#waiting?.()
    })
    this.#socket.on('close', () => this.#waiting?.(new Error('the NBD server closed')))
    await once(this.#socket, 'connect')
    await this.#take(18) // magic, "IHAVEOPT", flags
    const option = Buffer.alloc(20)
    option.writeUInt32BE(clientFlags, 0)
    option.write('IHAVEOPT', 4)
    option.writeUInt32BE(exportNameOption, 12)
    option.writeUInt32BE(Buffer.byteLength(name), 16)
    this.#socket.write(Buffer.concat([option, Buffer.from(name)]))
    await this.#take(10) // size, flags
  }

  async read(offset, length) {
    return await this.#request(commands.read, offset, length, undefined, length)
  }

  async write(offset, data) {
    await this.#request(commands.write, offset, data.length, data, 0)
  }

  async flush() {
    await this.#request(commands.flush, 0, 0, undefined, 0)
  }

  close() {
    this.#socket.end(header(commands.disconnect, 0, 0))
  }

  async #request(command, offset, length, data, answerBytes) {
    this.#socket.write(header(command, offset, length))
    if (data !== undefined) this.#socket.write(data)
    const reply = await this.#take(16) // magic, errno, cookie
    if (reply.readUInt32BE(0) !== replyMagic) throw new Error('no NBD reply')
    const errno = reply.readUInt32BE(4)
    if (errno !== 0) throw new Error(`NBD command ${command} at ${offset} failed with ${errno}`)
    return await this.#take(answerBytes)
  }

  async #take(count) {
    while (this.#chunks.reduce((sum, { length }) => sum + length, 0) < count) {
      await new Promise((done, fail) => {
        this.#waiting = (error) => (error === undefined ? done() : fail(error))
      })
    }
    const all = Buffer.concat(this.#chunks)
    this.#chunks = [all.subarray(count)]
    return all.subarray(0, count)
  }
}

function header(command, offset, length) {
  const bytes = Buffer.alloc(28)
  bytes.writeUInt32BE(requestMagic, 0)
  bytes.writeUInt16BE(command, 6)
  bytes.writeBigUInt64BE(BigInt(offset), 16)
  bytes.writeUInt32BE(length, 24)
  return bytes
}
