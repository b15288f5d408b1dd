// What @grpc/reflection answers, from bytes to bytes. Imported when somebody asks.

import type {
  MethodDefinition,
  Server,
  ServerDuplexStream,
  ServiceDefinition,
  UntypedServiceImplementation,
} from '@grpc/grpc-js'
import { ReflectionService } from '@grpc/reflection'

import { reflectionDefinition } from '../gen/reflection.js'

/** As much of a call as the library's handlers use. */
interface Messages {
  on(event: string, listener: (message: unknown) => void): void
  write(message: unknown): void
  end(): void
}

interface Method {
  readonly definition: MethodDefinition<unknown, unknown>
  readonly handler: (messages: Messages) => void
}

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

export function answerReflection(path: string, call: ServerDuplexStream<Buffer, Buffer>): void {
  const method = methods().get(path)
  if (method === undefined) throw new Error(`@grpc/reflection serves no ${path}`)
  const { definition, handler } = method
  handler({
    on: (event, listener) =>
      event === 'data'
        ? call.on(event, (bytes: Buffer) => listener(definition.requestDeserialize(bytes)))
        : call.on(event, listener),
    write: (message) => call.write(definition.responseSerialize(message)),
    end: () => call.end(),
  })
}
