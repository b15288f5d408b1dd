// One gRPC server of one site: its services, health, reflection, and an end that lets calls finish.

import { chmodSync, lstatSync, rmSync } from 'node:fs'
import { connect } from 'node:net'

import {
  Server,
  type ServerCredentials,
  type ServiceDefinition,
  type UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { HealthImplementation } from 'grpc-health-check'

import { AshlarError } from '../base/error.js'
import { limits } from '../base/limits.js'
import type { Logger } from '../base/logger.js'
import { logFailedHandshakes } from './failed-handshakes.js'
import { addReflection } from './reflection.js'

export interface ServedAddress {
  /** As grpc-js takes it. */
  readonly target: string
  /** Of a Unix socket. */
  readonly socketPath: string | undefined
}

export interface ServedService {
  readonly definition: ServiceDefinition
  readonly handlers: UntypedServiceImplementation
  /** Its full name, when health answers for it. */
  readonly name: string | undefined
}

const serverOptions = {
  'grpc.max_receive_message_length': limits.messageBytesMax,
  // Pages and record lists may be larger than what callers may send.
  'grpc.max_send_message_length': -1,
  'grpc.keepalive_time_ms': limits.keepaliveTimeMs,
  'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
}

export class SiteServer {
  readonly #server = new Server(serverOptions)
  readonly #log: Logger
  readonly #health: HealthImplementation
  readonly #names: readonly string[]

  constructor(services: readonly ServedService[], log: Logger) {
    this.#log = log
    this.#names = ['', ...services.flatMap(({ name }) => (name === undefined ? [] : [name]))]
    this.#health = new HealthImplementation(
      Object.fromEntries(this.#names.map((name) => [name, 'NOT_SERVING'])),
    )
    for (const { definition, handlers } of services) this.#server.addService(definition, handlers)
    this.#health.addToServer(this.#server)
    addReflection(this.#server)
  }

  /** Throws IN_USE when somebody listens there. A socket that a dead process left is replaced. */
  async listen({ target, socketPath }: ServedAddress, credentials: ServerCredentials) {
    if (socketPath !== undefined) await removeStale(socketPath)
    await new Promise<void>((resolve, reject) => {
      this.#server.bindAsync(target, credentials, (error) => {
        if (error === null) resolve()
        else reject(new AshlarError('IN_USE', `cannot listen at ${target}: ${bindFailure(error)}`))
      })
    })
    if (socketPath !== undefined) chmodSync(socketPath, 0o600)
    logFailedHandshakes(this.#server, target, this.#log)
  }

  /** What health says of these services; by default of all, and of the site. */
  setServing(serving: boolean, names: readonly string[] = this.#names): void {
    for (const name of names) {
      this.#health.setStatus(name, serving ? 'SERVING' : 'NOT_SERVING')
    }
  }

  /** Refuses new calls, waits for those under way, and cuts what is left after `graceMs`. */
  async stop(graceMs: number): Promise<void> {
    this.setServing(false)
    await new Promise<void>((resolve) => {
      const timer = setTimeout(() => {
        this.#server.forceShutdown()
        resolve()
      }, graceMs)
      this.#server.tryShutdown(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }
}

// grpc-js puts what the system said into a list: "… errors: [listen EADDRINUSE: address already …]".
function bindFailure({ message }: Error): string {
  return /\[listen \w+: ([a-z ]+)/.exec(message)?.[1]?.trim() ?? message
}

async function removeStale(path: string): Promise<void> {
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return
  if (!found.isSocket()) throw new AshlarError('IN_USE', `${path} is there and is not a socket`)
  if (await answers(path)) throw new AshlarError('IN_USE', `another process listens at ${path}`)
  rmSync(path, { force: true }) // reversible: a socket that nobody listens on
}

async function answers(path: string): Promise<boolean> {
  return await new Promise<boolean>((resolve) => {
    const socket = connect(path)
    socket.on('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.on('error', () => resolve(false))
  })
}
