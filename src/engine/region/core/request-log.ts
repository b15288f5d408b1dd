// Makes calls repeatable: the first answer of a request_id is kept for a day, and the row that
// remembers it is written in the transaction of the effect.

import { createHash } from 'node:crypto'

import type { Catalog, Tables } from '../../../catalog/catalog.js'
import type { Clock } from '../../../base/clock.js'
import { AshlarError } from '../../../base/error.js'
import type { Id } from '../../../base/ids.js'
import { limits } from '../../../base/limits.js'
import { KeyedLock } from '../../keyed-lock.js'
import { nowMs } from './now.js'

export interface RepeatableCall<T> {
  /** Empty: not repeatable. */
  readonly requestId: string
  readonly method: string
  readonly args: object
  /** Does it. Must call `claim` in the transaction of the effect. */
  readonly run: (claim: Claim) => Promise<T>
  /** The effect is there but its answer was never kept (the daemon died in between). */
  readonly resume: (resourceId: Id) => Promise<T>
}

export type Claim = (tables: Tables, resourceId: Id) => Promise<void>

export class RequestLog {
  readonly #catalog: Catalog
  readonly #clock: Clock
  readonly #requireCurrent: () => void
  readonly #lock = new KeyedLock()

  /** `requireCurrent` throws while nothing may be changed (recovery.ts). */
  constructor(catalog: Catalog, clock: Clock, requireCurrent: () => void) {
    this.#catalog = catalog
    this.#clock = clock
    this.#requireCurrent = requireCurrent
  }

  /** Throws ID_REUSED when the id came with other arguments before, and as `requireCurrent`. */
  async once<T>(call: RepeatableCall<T>): Promise<T> {
    this.#requireCurrent()
    const { requestId } = call
    if (requestId === '') return await call.run(async () => undefined)
    // A repetition that comes while the first call runs waits for its answer.
    return await this.#lock.run([requestId], async () => await this.#answer(call))
  }

  async forgetOld(): Promise<void> {
    const oldest = nowMs(this.#clock) - limits.requestIdRetentionMs
    await this.#catalog.writeWithReserve(
      async (tables) => await tables.requests.removeOlderThan(oldest),
    )
  }

  async #answer<T>(call: RepeatableCall<T>): Promise<T> {
    const { requestId, method } = call
    const fingerprint = fingerprintOf(call.args)
    const found = await this.#catalog.read.requests.find(requestId)
    if (found === undefined) {
      const claim: Claim = async (tables, resourceId) =>
        await tables.requests.insert({
          requestId,
          method,
          fingerprint,
          resourceId,
          answer: undefined,
          createdMs: nowMs(this.#clock),
        })
      return await this.#keep(requestId, await call.run(claim))
    }
    if (found.method !== method || found.fingerprint !== fingerprint) {
      throw new AshlarError(
        'ID_REUSED',
        `request_id ${requestId} was used before, for ${found.method} with other arguments`,
        { field: 'request_id' },
      )
    }
    if (found.answer !== undefined) return decodeAnswer(found.answer) as T
    return await this.#keep(requestId, await call.resume(found.resourceId))
  }

  async #keep<T>(requestId: string, answer: T): Promise<T> {
    const text = encodeAnswer(answer)
    await this.#catalog.writeWithReserve(
      async (tables) => await tables.requests.answer(requestId, text),
    )
    return answer
  }
}

function fingerprintOf(args: object): string {
  return createHash('sha256').update(encodeAnswer(args)).digest('hex')
}

// JSON with the two values it lacks.
export function encodeAnswer(value: unknown): string {
  return JSON.stringify({ value }, (_key, inner: unknown) =>
    typeof inner === 'bigint' ? { $bigint: String(inner) } : inner,
  )
}

export function decodeAnswer(text: string): unknown {
  const { value } = JSON.parse(text, (_key, inner: unknown) =>
    isWrapped(inner) ? BigInt(inner.$bigint) : inner,
  ) as { readonly value?: unknown }
  return value
}

function isWrapped(value: unknown): value is { readonly $bigint: string } {
  return typeof value === 'object' && value !== null && '$bigint' in value
}
