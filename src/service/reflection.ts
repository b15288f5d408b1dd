// Server reflection, made when somebody asks for it: the descriptors of every message were a third of a
// daemon's start.

import type {
  MethodDefinition,
  Server,
  ServerDuplexStream,
  ServiceDefinition,
  UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { ReflectionService } from '@grpc/reflection'

import { reflectionDefinition } from '../gen/reflection.js'

interface Method {
  readonly definition: MethodDefinition<unknown, unknown>
  readonly handler: (call: ServerDuplexStream<unknown, unknown>) => void
}

/** Both published versions of the protocol. */
const paths = ['v1', 'v1alpha'].map(
  (version) => `/grpc.reflection.${version}.ServerReflection/ServerReflectionInfo`,
)

let made: ReadonlyMap<string, Method> | undefined

/** What the library would add to a server, by path. */
function methods(): ReadonlyMap<string, Method> {
  if (made !== undefined) return made
  const found = new Map<string, Method>()
  const collector: Pick<Server, 'addService'> = {
    addService(service: ServiceDefinition, handlers: UntypedServiceImplementation) {
      for (const [name, definition] of Object.entries(service)) {
        found.set(definition.path, { definition, handler: handlers[name] as Method['handler'] })
      }
    },
  }
  new ReflectionService(reflectionDefinition()).addToServer(collector)
  made = found
  return found
}

function methodAt(path: string): Method {
  const method = methods().get(path)
  if (method === undefined) throw new Error(`@grpc/reflection serves no ${path}`)
  return method
}

/** Adds reflection of every service of ours, whichever of them this server has. */
export function addReflection(server: Server): void {
  for (const path of paths) {
    const definition = () => methodAt(path).definition
    const info: MethodDefinition<unknown, unknown> = {
      path,
      requestStream: true,
      responseStream: true,
      requestSerialize: (request) => definition().requestSerialize(request),
      requestDeserialize: (bytes) => definition().requestDeserialize(bytes),
      responseSerialize: (response) => definition().responseSerialize(response),
      responseDeserialize: (bytes) => definition().responseDeserialize(bytes),
    }
    server.addService(
      { ServerReflectionInfo: info },
      {
        ServerReflectionInfo: (call: ServerDuplexStream<unknown, unknown>) =>
          methodAt(path).handler(call),
      },
    )
  }
}
