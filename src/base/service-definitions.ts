// Service definitions from the JSON form of .proto files, for both sides of gRPC. Messages are plain
// objects with camelCase fields; 64-bit integers are decimal text, enums are names, absent fields have
// their defaults. @grpc/proto-loader makes the same and, beside it, a descriptor of every message for
// reflection: a sixth of what a command cost.

import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js'
import protobuf from 'protobufjs/light.js'

const options: protobuf.IConversionOptions = {
  longs: String,
  enums: String,
  defaults: true,
  oneofs: true,
}

/** Of the services with these full names. */
export function serviceDefinitions(
  json: protobuf.INamespace,
  names: readonly string[],
): Readonly<Record<string, ServiceDefinition>> {
  const root = protobuf.Root.fromJSON(json)
  root.resolveAll()
  return Object.fromEntries(names.map((name) => [name, serviceDefinition(root, name)]))
}

function serviceDefinition(root: protobuf.Root, name: string): ServiceDefinition {
  const methods = root.lookupService(name).methodsArray
  return Object.fromEntries(
    methods.map((method) => [method.name, methodDefinition(method, `/${name}/${method.name}`)]),
  )
}

function methodDefinition(method: protobuf.Method, path: string): MethodDefinition<object, object> {
  const { resolvedRequestType: request, resolvedResponseType: response } = method
  if (request === null || response === null) throw new Error(`${path}: a message is missing`)
  return {
    path,
    requestStream: method.requestStream === true,
    responseStream: method.responseStream === true,
    requestSerialize: serializer(request),
    requestDeserialize: deserializer(request),
    responseSerialize: serializer(response),
    responseDeserialize: deserializer(response),
  }
}

// A message's code is made when the first one of it is met.
function serializer(type: protobuf.Type): (message: object) => Buffer {
  return (message) => {
    const { buffer, byteOffset, byteLength } = type.encode(type.fromObject(message)).finish()
    return Buffer.from(buffer, byteOffset, byteLength)
  }
}

function deserializer(type: protobuf.Type): (bytes: Buffer) => object {
  return (bytes) => type.toObject(type.decode(bytes), options)
}
