// A wire between two sites that a test listens to and cuts: a proxy of plain gRPC on Unix sockets that
// knows where each message begins and ends. Every message is shown to the test before it goes on.

import { once } from 'node:events'
import http2, {
  type ClientHttp2Session,
  type ClientHttp2Stream,
  type IncomingHttpHeaders,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2'
import { connect } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'

export interface WireMessage {
  readonly wire: string
  readonly direction: 'request' | 'response'
  /** Method, and of streams also what the message carries: "CreateCut", "Watch records", "Pull LIST". */
  readonly what: string
}

/** Lost or delivered, and whether the connection it came on ends with it. */
export type Verdict = 'pass' | 'cut before' | 'cut after'

export interface WireOptions {
  readonly name: string
  /** Socket to listen on. */
  readonly at: string
  /** Socket of the site that serves. */
  readonly to: string
  readonly hear: (message: WireMessage) => Promise<Verdict>
}

const frameKinds = [
  '',
  'LIST',
  'LIST_END',
  'WANT',
  'WANT_NODE',
  'RAW',
  'LZ4',
  'DELTA',
  'DELTA_RAW',
  'NODE',
  'CANNOT',
]
const windowBytes = 16 << 20

export class Wire {
  readonly #options: WireOptions
  readonly #server = http2.createServer({ settings: { initialWindowSize: windowBytes } })
  readonly #pairs = new Set<Pair>()

  private constructor(options: WireOptions) {
    this.#options = options
    this.#server.on('session', (session) => {
      session.on('error', () => undefined)
      const pair = new Pair(session, options, () => this.#pairs.delete(pair))
      this.#pairs.add(pair)
    })
  }

  static async open(options: WireOptions): Promise<Wire> {
    const wire = new Wire(options)
    wire.#server.listen(options.at)
    await once(wire.#server, 'listening')
    return wire
  }

  get name(): string {
    return this.#options.name
  }

  close(): void {
    this.#server.close()
    for (const pair of this.#pairs) pair.cut()
  }
}

/** One connection: what the caller opened, and its continuation to the site that serves. */
class Pair {
  readonly #near: ServerHttp2Session
  readonly #far: ClientHttp2Session
  readonly #options: WireOptions
  readonly #ended: () => void
  /** Messages being judged: they are delivered even when their sender has died meanwhile. */
  #held = 0
  #dead = false

  constructor(near: ServerHttp2Session, options: WireOptions, ended: () => void) {
    this.#near = near
    this.#options = options
    this.#ended = ended
    this.#far = http2.connect('http://localhost', {
      createConnection: () => connect(options.to),
      settings: { initialWindowSize: windowBytes },
    })
    for (const session of [this.#near, this.#far]) {
      session.on('error', () => undefined)
      session.on('close', () => this.#died())
    }
    this.#far.on('goaway', () => this.#died())
    near.on('stream', (stream, headers) => this.#carry(stream, headers))
  }

  cut(): void {
    this.#dead = true
    this.#held = 0
    this.#near.destroy()
    this.#far.destroy()
    this.#ended()
  }

  #died(): void {
    this.#dead = true
    if (this.#held === 0) this.cut()
  }

  #carry(near: ServerHttp2Stream, headers: IncomingHttpHeaders): void {
    if (this.#far.destroyed || this.#far.closed) return this.cut()
    const method = (headers[':path'] ?? '').split('/').at(-1) ?? ''
    const far = this.#far.request(headers)
    for (const stream of [near, far]) stream.on('error', () => undefined)
    near.once('close', () => far.close(near.rstCode))
    // A stream that the other side resets is reset here; one that dies with its connection is not.
    far.once('close', () => void turn().then(() => !this.#dead && resetLike(near, far)))
    const streams = method === 'Pull' || method === 'Watch'
    const carried = streams
      ? [this.#stream(near, far, method), this.#answers(far, near, method)]
      : [this.#call(near, far, method), this.#answer(far, near, method)]
    for (const each of carried) each.catch(() => undefined)
  }

  async #call(near: ServerHttp2Stream, far: ClientHttp2Stream, method: string): Promise<void> {
    const body = await all(near)
    await this.#judge({ direction: 'request', what: method }, async () => await end(far, body))
  }

  async #answer(far: ClientHttp2Stream, near: ServerHttp2Stream, method: string): Promise<void> {
    const trailers = trailersOf(far)
    const [headers, flags] = await responseOf(far)
    const only = (flags & http2.constants.NGHTTP2_FLAG_END_STREAM) !== 0
    const body = only ? Buffer.alloc(0) : await all(far)
    await this.#judge({ direction: 'response', what: method }, async () => {
      if (only) return near.respond(headers, { endStream: true })
      near.respond(headers, { waitForTrailers: true })
      near.once('wantTrailers', () => near.sendTrailers(trailers()))
      await end(near, body)
    })
  }

  async #stream(near: ServerHttp2Stream, far: ClientHttp2Stream, method: string): Promise<void> {
    for await (const message of messagesOf(near)) {
      const what = `${method} ${carriedBy(method, message)}`
      await this.#judge({ direction: 'request', what }, async () => await write(far, message))
    }
    far.end()
  }

  async #answers(far: ClientHttp2Stream, near: ServerHttp2Stream, method: string): Promise<void> {
    const trailers = trailersOf(far)
    const [headers, flags] = await responseOf(far)
    if ((flags & http2.constants.NGHTTP2_FLAG_END_STREAM) !== 0) {
      return near.respond(headers, { endStream: true })
    }
    near.respond(headers, { waitForTrailers: true })
    near.once('wantTrailers', () => near.sendTrailers(trailers()))
    for await (const message of messagesOf(far)) {
      const what = `${method} ${carriedBy(method, message)}`
      await this.#judge({ direction: 'response', what }, async () => await write(near, message))
    }
    near.end()
  }

  async #judge(
    message: Pick<WireMessage, 'direction' | 'what'>,
    deliver: () => Promise<void>,
  ): Promise<void> {
    const { name: wire, hear } = this.#options
    this.#held++
    const verdict = await hear({ wire, ...message })
    if (verdict !== 'cut before') await deliver()
    this.#held--
    if (verdict !== 'pass' || (this.#dead && this.#held === 0)) this.cut()
  }
}

function resetLike(near: ServerHttp2Stream, far: ClientHttp2Stream): void {
  if (far.rstCode !== 0 && !near.closed) near.close(far.rstCode)
}

function trailersOf(far: ClientHttp2Stream): () => IncomingHttpHeaders {
  let trailers: IncomingHttpHeaders = {}
  far.once('trailers', (received) => (trailers = received))
  return () => trailers
}

async function responseOf(far: ClientHttp2Stream): Promise<[IncomingHttpHeaders, number]> {
  const [headers, flags] = (await once(far, 'response')) as [IncomingHttpHeaders, number]
  return [headers, flags]
}

async function all(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** Length-prefixed messages, with their prefix. */
async function* messagesOf(stream: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  let rest = Buffer.alloc(0)
  for await (const chunk of stream) {
    rest = Buffer.concat([rest, chunk])
    while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
      const bytes = 5 + rest.readUInt32BE(1)
      yield rest.subarray(0, bytes)
      rest = rest.subarray(bytes)
    }
  }
}

/** By the tag of the one field of the message, and of frames by the kind of the first. */
function carriedBy(method: string, message: Buffer): string {
  const field = (message[5] ?? 0) >> 3
  if (method === 'Watch') {
    return ['region', 'records', 'hydration', 'heartbeat', 'clone'][field] ?? 'nothing'
  }
  if (field === 1) return 'open'
  if (field === 2) return 'failed'
  let at = 6
  while (((message[at] ?? 0) & 0x80) !== 0) at++
  return frameKinds[message[at + 1] ?? 0] ?? 'nothing'
}

interface Writable {
  write(chunk: Buffer, done: () => void): unknown
  end(chunk: Buffer, done: () => void): unknown
  once(event: 'close', closed: () => void): unknown
  off(event: 'close', closed: () => void): unknown
}

const write = async (stream: Writable, chunk: Buffer): Promise<void> =>
  await taken(stream, (done) => stream.write(chunk, done))

const end = async (stream: Writable, chunk: Buffer): Promise<void> =>
  await taken(stream, (done) => stream.end(chunk, done))

// What a stream that died would not have taken is lost; that ends the wait as well.
async function taken(stream: Writable, give: (done: () => void) => void): Promise<void> {
  await new Promise<void>((done) => {
    stream.once('close', done)
    give(() => {
      stream.off('close', done)
      done()
    })
  })
}
