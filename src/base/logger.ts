// The log: one JSON object a line on stderr.

import { type Logger as PinoLogger, pino } from 'pino'

import { say } from './say.js'

export type Logger = PinoLogger

export const logLevels = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export type LogLevel = (typeof logLevels)[number]

export interface LoggerOptions {
  /** Which program or site speaks: "region local". */
  readonly name: string
  readonly level?: LogLevel
}

export function makeLogger(options: LoggerOptions): Logger {
  return pino(
    {
      name: options.name,
      level: options.level ?? 'info',
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      // Node's errors keep their code and cause; ours add the field.
      serializers: { err: pino.stdSerializers.errWithCause },
    },
    { write: (line) => say('stderr', line) },
  )
}
