// What grpcurl and its like ask of a server they know nothing about.

import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

import {
  type ClientDuplexStream,
  type GrpcObject,
  type ServiceClientConstructor,
  Server,
  ServerCredentials,
  credentials,
  loadPackageDefinition,
} from '@grpc/grpc-js'
import { loadSync } from '@grpc/proto-loader'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { addReflection } from '../../../src/service/reflection.js'

interface Answer {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] }
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Buffer[] }
  readonly errorResponse?: { readonly errorCode: number }
}

const protos = join(dirname(fileURLToPath(import.meta.resolve('@grpc/reflection'))), '..', 'proto')
const server = new Server()
let port = 0

beforeAll(async () => {
  addReflection(server)
  port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    )
  })
})
afterAll(() => server.forceShutdown())

describe.each(['v1', 'v1alpha'])('reflection %s', (version) => {
  async function ask(question: object): Promise<Answer> {
    const file = `grpc/reflection/${version}/reflection.proto`
    const loaded = loadPackageDefinition(loadSync(file, { includeDirs: [protos] }))
    const { reflection } = loaded['grpc'] as GrpcObject
    const found = (reflection as GrpcObject)[version] as GrpcObject
    const Client = found['ServerReflection'] as ServiceClientConstructor
    const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure())
    const call = client['ServerReflectionInfo']?.() as ClientDuplexStream<object, Answer>
    try {
      return await new Promise((resolve, reject) => {
        call.on('data', resolve)
        call.on('error', reject)
        call.write(question)
        call.end()
      })
    } finally {
      client.close()
    }
  }

  test('names the services', async () => {
    const { listServicesResponse } = await ask({ listServices: '' })
    const names = listServicesResponse?.service.map(({ name }) => name)
    expect(names).toContain('ashlar.v1.SnapshotService')
    expect(names).toContain('ashlar.replication.v1.ReplicationService')
  })

  test('describes a message', async () => {
    const { fileDescriptorResponse } = await ask({ fileContainingSymbol: 'ashlar.v1.Volume' })
    const text = Buffer.concat(fileDescriptorResponse?.fileDescriptorProto ?? []).toString()
    expect(text).toContain('capacity_bytes')
  })

  test('says what it does not know', async () => {
    const { errorResponse } = await ask({ fileContainingSymbol: 'ashlar.v1.Nothing' })
    expect(errorResponse?.errorCode).toBe(5)
  })
})
