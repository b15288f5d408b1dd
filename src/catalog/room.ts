// Whether the catalog's file system has room. It is full from the first write that finds none until the
// reserve is there and some room beside it: in between every change is refused before it is tried, so
// that what is left is there for what gives room back.

import { join, dirname } from 'node:path'

import { AshlarError } from '../base/error.js'
import { Reserve } from './reserve.js'
import type { Reason } from './rows.js'

type Listener = (isFull: boolean) => void

export class Room {
  /** Of the catalog, which may not exist yet. */
  readonly path: string
  readonly #reserve: Reserve
  readonly #listeners: Listener[] = []
  #isFull = false

  constructor(path: string, reserveBytes: number) {
    this.path = path
    this.#reserve = new Reserve(join(dirname(path), 'catalog.reserve'), reserveBytes)
  }

  get isFull(): boolean {
    return this.#isFull
  }

  /** Called after each change of `isFull`. */
  onChange(listener: Listener): void {
    this.#listeners.push(listener)
  }

  /** What a full one is to those who look after the region. */
  problem(): Reason | undefined {
    if (!this.#isFull) return undefined
    return { code: 'catalog_full', message: this.#message }
  }

  /** Throws NO_SPACE while it is full. */
  require(): void {
    if (this.#isFull && !this.look()) throw this.#noSpace()
  }

  /** Whether there is room now. */
  look(): boolean {
    this.#set(!this.#reserve.renew())
    return !this.#isFull
  }

  giveUpReserve(): void {
    this.#reserve.giveUp()
    this.#set(true)
  }

  /** Whether a write that failed found no room. */
  isDiskFull(): boolean {
    return this.#reserve.isDiskFull()
  }

  /** What a write that found no room throws. */
  exhausted(cause: unknown): AshlarError {
    this.#set(true)
    return this.#noSpace(cause)
  }

  #noSpace(cause?: unknown): AshlarError {
    const metadata = { reason: 'catalog_full', path: this.path }
    return new AshlarError('NO_SPACE', this.#message, { metadata, cause })
  }

  get #message(): string {
    return (
      `no space is left for the catalog ${this.path}: make room on its file system; ` +
      'until then it is only read, and takes deletes while they fit'
    )
  }

  #set(isFull: boolean): void {
    if (this.#isFull === isFull) return
    this.#isFull = isFull
    for (const listener of this.#listeners) listener(isFull)
  }
}

/** Whether it failed for want of room here; only for what asks nobody else. */
export function isNoSpace(thrown: unknown): boolean {
  return thrown instanceof Error && 'code' in thrown && thrown.code === 'NO_SPACE'
}
