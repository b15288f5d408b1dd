// The door of the metrics: GET /metrics, and nothing else.

import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http'

import { AshlarError } from '../../base/error.js'
import type { Logger } from '../../base/logger.js'
import { joinHostPort } from '../address.js'
import type { Metrics } from './metrics.js'

export interface MetricsServerOptions {
  readonly at: { readonly host: string; readonly port: number }
  readonly metrics: Metrics
  readonly log: Logger
}

/** Several Prometheus servers, and somebody who looks. */
const connectionsMax = 16
const requestTimeoutMs = 10_000

export class MetricsServer {
  readonly #server: Server
  readonly #options: MetricsServerOptions

  private constructor(options: MetricsServerOptions) {
    this.#options = options
    this.#server = createServer({ requestTimeout: requestTimeoutMs }, (request, response) => {
      void this.#answer(request, response)
    })
    this.#server.maxConnections = connectionsMax
  }

  /** Throws IN_USE or INVALID_ARGUMENT, naming the setting. */
  static async start(options: MetricsServerOptions): Promise<MetricsServer> {
    const server = new MetricsServer(options)
    await server.#listen()
    return server
  }

  async #listen(): Promise<void> {
    const { host, port } = this.#options.at
    await new Promise<void>((resolve, reject) => {
      const failed = (error: NodeJS.ErrnoException) => {
        const code = error.code === 'EADDRINUSE' ? 'IN_USE' : 'INVALID_ARGUMENT'
        const what = `metrics: cannot listen at ${joinHostPort(host, port)}: ${error.message}`
        reject(new AshlarError(code, what, { cause: error, field: 'metrics' }))
      }
      this.#server.once('error', failed)
      this.#server.listen(port, host, () => {
        this.#server.off('error', failed)
        resolve()
      })
    })
    // What fails later, such as a full table of descriptors, ends no daemon.
    this.#server.on('error', (error) => this.#options.log.warn({ err: error }, 'metrics'))
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const [path] = (request.url ?? '').split('?')
    if (path !== '/metrics') return end(response, 404, 'only /metrics is here\n')
    if (request.method !== 'GET') {
      response.setHeader('Allow', 'GET')
      return end(response, 405, 'only GET\n')
    }
    const { metrics, log } = this.#options
    try {
      const text = await metrics.scrape()
      response.setHeader('Content-Type', metrics.contentType)
      end(response, 200, text)
    } catch (thrown) {
      log.error({ err: thrown }, 'a scrape failed')
      end(response, 500, 'the scrape failed; the log says why\n')
    }
  }

  /** The port is closed, and nobody waits for it. */
  async stop(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()))
    this.#server.closeAllConnections()
    await closed
  }
}

function end(response: ServerResponse, status: number, text: string): void {
  response.statusCode = status
  response.end(text)
}
