// The log: one JSON object a line on stderr. A full disk refuses everything alike, calls and work that
// goes on by itself: what failed for want of room is said once a minute for each cause.

import { type Logger as PinoLogger, pino } from 'pino'

import { type Clock, systemClock } from './clock.js'
import { SaidCauses } from './said-causes.js'
import { say } from './say.js'

export type Logger = PinoLogger

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

export interface LoggerOptions {
  /** Which program or site speaks: "region local". */
  readonly name: string
  readonly level?: LogLevel
  readonly clock?: Clock
  readonly write?: (line: string) => void
}

export function makeLogger(options: LoggerOptions): Logger {
  const { clock = systemClock, write = (line) => say('stderr', line) } = options
  const said = new SaidCauses(clock, causesMax)
  return pino(
    {
      name: options.name,
      level: options.level ?? 'info',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // Node's errors keep their code and cause; ours add the field.
      serializers: { err: pino.stdSerializers.errWithCause },
      hooks: {
        logMethod(args, method) {
          const cause = wantOfRoom(args[0])
          if (cause === undefined || said.isNew(cause)) method.apply(this, args)
        },
      },
    },
    { write },
  )
}

/** Messages name paths and numbers: there may be many of one cause. */
const causesMax = 100

/** What failed for want of room, as its error says it; how much room there was is no other cause. */
function wantOfRoom(first: unknown): string | undefined {
  if (typeof first !== 'object' || first === null || !('err' in first)) return undefined
  const { err } = first
  const isIt = err instanceof Error && 'code' in err && err.code === 'NO_SPACE'
  return isIt ? err.message.replace(/\d+ bytes/g, '') : undefined
}
