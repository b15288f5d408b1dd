// What the user typed after the command's name, with its types checked once.

import { parseBytes } from '../base/bytes.js'
import { checkCapacity } from '../base/capacity.js'
import { AshlarError, invalidArgument } from '../base/error.js'
import { quote } from '../base/ids.js'

const gibibyte = 1n << 30n

export class Input {
  readonly arguments: readonly string[]
  readonly #options: Readonly<Record<string, unknown>>

  constructor(args: readonly string[], options: Readonly<Record<string, unknown>>) {
    this.arguments = args
    this.#options = options
  }

  /** The first argument. Requires: the command declares one. */
  get first(): string {
    return this.arguments[0] ?? ''
  }

  /** An option's value; undefined when it was not given. */
  text(name: string): string | undefined {
    const value = this.#options[name]
    return typeof value === 'string' ? value : undefined
  }

  flag(name: string): boolean {
    return this.#options[name] === true
  }

  required(name: string, flag: string): string {
    const value = this.text(name)
    if (value === undefined) throw invalidArgument(name, `${flag} is required`)
    return value
  }

  /** "a,b" → ["a", "b"], "" → []; undefined when it was not given. */
  list(name: string): string[] | undefined {
    const items = this.text(name)
      ?.split(',')
      .map((item) => item.trim())
    return items?.filter((item) => item !== '')
  }

  /** --capacity in GiB or --size with a unit, of a volume; undefined when neither was given. */
  capacity(): bigint | undefined {
    const bytes = this.bytes()
    return bytes === undefined ? undefined : checkCapacity(bytes)
  }

  /** As `capacity`, of what is no volume. */
  bytes(): bigint | undefined {
    const capacity = this.text('capacity')
    const size = this.text('size')
    if (capacity !== undefined && size !== undefined) {
      throw invalidArgument('capacity', 'give --capacity or --size, not both')
    }
    if (capacity !== undefined) return wholeGib(capacity) * gibibyte
    return size === undefined ? undefined : parseBytes(size)
  }
}

function wholeGib(text: string): bigint {
  if (/^\d{1,9}$/.test(text)) return BigInt(text)
  throw new AshlarError(
    'INVALID_ARGUMENT',
    `--capacity ${quote(text)} is not a whole number of GiB`,
    {
      field: 'capacity_bytes',
      metadata: { mend: 'use --size for other units, as in --size 64MiB' },
    },
  )
}

/** Options that several commands share. */
export const capacityOptions = [
  ['--capacity <gib>', 'capacity in GiB, a whole number'],
  ['--size <size>', 'capacity with a unit, as in 64MiB, 1TiB'],
] as const

export const forceOptions = [
  ['-f, --force', 'do not ask'],
  ['--yes', 'the same as --force'],
] as const
