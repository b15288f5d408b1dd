// One run of one command: its connection, its output format, and what goes where.

import { AshlarError, invalidArgument } from '../base/error.js'
import { quote } from '../base/ids.js'
import type { CallOptions } from '../client/calls.js'
import type { Client } from '../client/client.js'
import { endpointFromEnv } from '../client/endpoint.js'
import type { Io } from './io.js'
import { formatJson } from './json.js'
import { ProgressLine } from './progress.js'

export type OutputFormat = 'table' | 'json'

export interface SessionOptions {
  /** Default: ASHLAR_ENDPOINT, or the default world's region. */
  readonly endpoint: string | undefined
  readonly output: OutputFormat
  readonly quiet: boolean
}

/** In any case, as users of the cloud's own CLI write it. */
export function parseOutputFormat(text: string): OutputFormat {
  const format = text.toLowerCase()
  if (format === 'json' || format === 'table') return format
  throw invalidArgument('output', `--output ${quote(text)} is neither json nor table`)
}

export class Session {
  readonly io: Io
  readonly #options: SessionOptions
  #client: Client | undefined

  constructor(io: Io, options: SessionOptions) {
    this.io = io
    this.#options = options
  }

  get endpoint(): string {
    return this.#options.endpoint ?? endpointFromEnv(this.io.env)
  }

  get json(): boolean {
    return this.#options.output === 'json'
  }

  /** Options of every call: Ctrl-C cancels it. */
  get call(): CallOptions {
    return { signal: this.io.signal }
  }

  /** Connected on first use; the library is loaded only then, so that --help is quick. */
  async client(): Promise<Client> {
    if (this.#client === undefined) {
      const { Client } = await import('../client/client.js')
      this.#client ??= new Client(this.endpoint)
    }
    return this.#client
  }

  /** "Creating volume db under account local as user ann...", then an empty line, on stderr. */
  async heading(what: string): Promise<void> {
    if (this.#options.quiet || this.json) return
    const client = await this.client()
    const { regions } = await client.topology.listRegions({}, this.call)
    const account = regions.find((region) => region.local)?.account ?? ''
    this.io.stderr(`${what} under account ${account} as user ${this.io.user}...\n\n`)
  }

  /** The answer, on stdout: the message as JSON, or the text made of it. */
  async print(message: unknown, text: () => string): Promise<void> {
    await this.io.stdout(this.json ? formatJson(message) : text())
  }

  /** A remark on stderr, dropped by -q. */
  note(text: string): void {
    if (!this.#options.quiet) this.io.stderr(`${text}\n`)
  }

  progress(label: string): ProgressLine {
    const { stderr, stderrTerminal, stderrColumns, clock } = this.io
    const write = this.#options.quiet ? () => undefined : stderr
    const columns = stderrTerminal ? stderrColumns : undefined
    return new ProgressLine({ label, write, columns, clock })
  }

  /** Settles as `work`, or fails at once on Ctrl-C. For work that cannot be cancelled. */
  async interruptible<T>(work: Promise<T>): Promise<T> {
    const { signal } = this.io
    signal.throwIfAborted()
    let abort = () => {}
    const interrupted = new Promise<never>((_resolve, reject) => {
      abort = () => reject(new AshlarError('CANCELLED', 'interrupted', { cause: signal.reason }))
      signal.addEventListener('abort', abort, { once: true })
    })
    try {
      return await Promise.race([work, interrupted])
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  close(): void {
    this.#client?.close()
  }
}
