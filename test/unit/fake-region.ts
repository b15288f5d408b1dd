// A region made of handlers that a test writes, behind a real gRPC server on loopback.

import {
  type Server,
  Server as GrpcServer,
  ServerCredentials,
  type ServiceDefinition,
  type handleUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js'

import { AshlarError, asAshlarError } from '../../src/base/error.js'
import { toStatus } from '../../src/base/rpc-error.js'
import {
  attachmentService,
  operatorService,
  snapshotService,
  topologyService,
  volumeService,
} from '../../src/gen/proto.js'

/** By method name: "GetVolume". What it returns is the answer, what it throws becomes the status. */
export type FakeMethods = Readonly<Record<string, (request: never) => unknown>>

export interface FakeRegion {
  readonly endpoint: string
  /** Requests so far, in order. */
  readonly calls: { readonly method: string; readonly request: unknown }[]
  stop(): void
}

const services: readonly ServiceDefinition[] = [
  volumeService,
  attachmentService,
  operatorService,
  snapshotService,
  topologyService,
]

const topology: FakeMethods = {
  ListRegions: () => ({
    regions: [
      { name: 'local', number: 1, local: true, account: 'acme', status: 'REGION_STATUS_AVAILABLE' },
    ],
  }),
}

export async function startFakeRegion(methods: FakeMethods): Promise<FakeRegion> {
  const server = new GrpcServer()
  const calls: FakeRegion['calls'] = []
  for (const service of services) {
    const names = Object.keys(service)
    const handlers = names.map((name) => {
      const handle = methods[name] ?? topology[name] ?? unimplemented
      return [name, handler(name, handle, calls)] as const
    })
    server.addService(service, Object.fromEntries(handlers))
  }
  const port = await bind(server)
  return { endpoint: `127.0.0.1:${port}`, calls, stop: () => server.forceShutdown() }
}

function handler(
  method: string,
  handle: (request: never) => unknown,
  calls: FakeRegion['calls'],
): handleUnaryCall<object, unknown> {
  const answer = async (request: object, callback: sendUnaryData<unknown>) => {
    try {
      callback(null, await handle(request as never))
    } catch (thrown) {
      callback(thrown instanceof RawStatus ? thrown.status : toStatus(asAshlarError(thrown)))
    }
  }
  return (call, callback) => {
    calls.push({ method, request: call.request })
    void answer(call.request, callback)
  }
}

/** A status without our details, as another implementation would send it. */
export class RawStatus extends Error {
  readonly status: { readonly code: number; readonly details: string }
  constructor(code: number, details: string) {
    super(details)
    this.status = { code, details }
  }
}

function unimplemented(): never {
  throw new AshlarError('NOT_SUPPORTED', 'the test has no such method')
}

function bind(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
      if (error === null) resolve(port)
      else reject(error)
    })
  })
}
