// Server reflection. Its library is loaded, and the descriptors of every message are made, when somebody
// asks: together they were a third of a daemon's start.

import type { MethodDefinition, Server, ServerDuplexStream } from '@grpc/grpc-js'

import { asAshlarError } from '../base/error.js'

/** Both published versions of the protocol. */
const paths = ['v1', 'v1alpha'].map(
  (version) => `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
)

const asItIs = (bytes: Buffer): Buffer => bytes

/** Adds reflection of every service of ours, whichever of them this server has. */
export function addReflection(server: Server): void {
  for (const path of paths) {
    const info: MethodDefinition<Buffer, Buffer> = {
      path,
      requestStream: true,
      responseStream: true,
      requestSerialize: asItIs,
      requestDeserialize: asItIs,
      responseSerialize: asItIs,
      responseDeserialize: asItIs,
    }
    server.addService(
      { ServerReflectionInfo: info },
      {
        ServerReflectionInfo: (call: ServerDuplexStream<Buffer, Buffer>) => {
          // Nothing is read from the call before there is a listener.
          import('./reflection-answers.js').then(
            ({ answerReflection }) => answerReflection(path, call),
            (thrown: unknown) => call.destroy(asAshlarError(thrown)),
          )
        },
      },
    )
  }
}
