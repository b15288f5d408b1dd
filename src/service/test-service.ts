// Only for tests, and only when the environment asks for it: blocks the event loop, to show that
// NBD does not notice. Declared by hand so that it is in no published proto.
//   /ashlar.test.v1.TestService/BlockEventLoop, request and answer: the milliseconds as text.

import type { MethodDefinition, UntypedHandleCall } from '@grpc/grpc-js'

import { invalidArgument } from '../base/error.js'
import type { Handlers } from './unary.js'

const toText = (bytes: Buffer): string => bytes.toString('utf8')
const toBytes = (text: string): Buffer => Buffer.from(text, 'utf8')

const blockEventLoop: MethodDefinition<string, string> = {
  path: '/ashlar.test.v1.TestService/BlockEventLoop',
  requestStream: false,
  responseStream: false,
  requestSerialize: toBytes,
  requestDeserialize: toText,
  responseSerialize: toBytes,
  responseDeserialize: toText,
}

export const testServiceDefinition = { BlockEventLoop: blockEventLoop }

const blockMsMax = 60_000

export function testHandlers(handlers: Handlers): { BlockEventLoop: UntypedHandleCall } {
  return {
    BlockEventLoop: handlers.unary<string, string>(async (text) => {
      const ms = Number(text)
      if (!Number.isInteger(ms) || ms < 0 || ms > blockMsMax) {
        throw invalidArgument('milliseconds', `${text} is not within 0 to ${blockMsMax}`)
      }
      const cell = new Int32Array(new SharedArrayBuffer(4))
      Atomics.wait(cell, 0, 0, ms)
      return text
    }),
  }
}
