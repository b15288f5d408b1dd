// grpc.health.v1.Health. The package of that name reads its .proto file at every start and makes
// descriptors of it: a tenth of a daemon's start.

import {
  type Server,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js'

import { serviceDefinitions } from '../base/service-definitions.js'

export type ServingStatus = 'SERVING' | 'NOT_SERVING'

interface Request {
  readonly service: string
}

interface Response {
  readonly status: ServingStatus | 'SERVICE_UNKNOWN'
}

const name = 'grpc.health.v1.Health'

// As the public .proto file has it; a test compares.
const messages = {
  HealthCheckRequest: { fields: { service: { type: 'string', id: 1 } } },
  HealthCheckResponse: {
    fields: { status: { type: 'ServingStatus', id: 1 } },
    nested: {
      ServingStatus: { values: { UNKNOWN: 0, SERVING: 1, NOT_SERVING: 2, SERVICE_UNKNOWN: 3 } },
    },
  },
  HealthListRequest: { fields: {} },
  HealthListResponse: {
    fields: { statuses: { keyType: 'string', type: 'HealthCheckResponse', id: 1 } },
  },
}

const check = { requestType: 'HealthCheckRequest', responseType: 'HealthCheckResponse' }
const list = { requestType: 'HealthListRequest', responseType: 'HealthListResponse' }
const methods = {
  Check: { ...check, comment: '' },
  Watch: { ...check, comment: '', responseStream: true },
  List: { ...list, comment: '' },
}

function definition(): ServiceDefinition {
  const v1 = { nested: { ...messages, Health: { methods } } }
  const json = { nested: { grpc: { nested: { health: { nested: { v1 } } } } } }
  return serviceDefinitions(json, [name])[name] ?? {}
}

export class Health {
  readonly #statuses = new Map<string, ServingStatus>()
  readonly #watchers = new Map<string, Set<(status: ServingStatus) => void>>()

  /** `names`: what can be asked for; nothing of it serves yet. */
  constructor(names: readonly string[]) {
    for (const each of names) this.#statuses.set(each, 'NOT_SERVING')
  }

  /** Those who watch it are told. */
  set(service: string, serving: ServingStatus): void {
    this.#statuses.set(service, serving)
    for (const tell of this.#watchers.get(service) ?? []) tell(serving)
  }

  addTo(server: Server): void {
    server.addService(definition(), {
      Check: (call: ServerUnaryCall<Request, Response>, callback: sendUnaryData<Response>) => {
        const { service } = call.request
        const found = this.#statuses.get(service)
        if (found !== undefined) callback(null, { status: found })
        else callback({ code: status.NOT_FOUND, details: `there is no service ${service}` })
      },
      Watch: (call: ServerWritableStream<Request, Response>) => this.#watch(call),
      List: (_call: ServerUnaryCall<object, object>, callback: sendUnaryData<object>) => {
        const statuses = [...this.#statuses].map(([each, found]) => [each, { status: found }])
        callback(null, { statuses: Object.fromEntries(statuses) })
      },
    })
  }

  // A service that is not known yet may be later.
  #watch(call: ServerWritableStream<Request, Response>): void {
    const { service } = call.request
    const tell = (serving: ServingStatus) => call.write({ status: serving })
    const watchers = this.#watchers.get(service) ?? new Set()
    this.#watchers.set(service, watchers.add(tell))
    call.on('cancelled', () => {
      watchers.delete(tell)
      if (watchers.size === 0) this.#watchers.delete(service)
    })
    call.write({ status: this.#statuses.get(service) ?? 'SERVICE_UNKNOWN' })
  }
}
