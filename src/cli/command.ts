// The shape of a command, and its registration with the argument parser.

import type { Command } from 'commander'

import type { ExitCode } from './exit-code.js'
import { Input } from './input.js'
import type { Session } from './session.js'

export interface CommandSpec {
  readonly name: string
  /** Shorter names that do the same. */
  readonly aliases?: readonly string[]
  /** Half a sentence for the overview. */
  readonly summary: string
  /** As the parser takes them: "<volume...>", "<snapshot> <zone>". */
  readonly arguments?: string
  readonly options?: readonly (readonly [flags: string, description: string])[]
  /** It reads the files of a daemon that is stopped, and calls no region. */
  readonly offline?: true
  /** Whole command lines. */
  readonly examples: readonly string[]
  readonly run: (session: Session, input: Input) => Promise<ExitCode>
}

/** Runs a spec with what was typed. */
export type Runner = (
  spec: CommandSpec,
  input: Input,
  options: Readonly<Record<string, unknown>>,
) => Promise<void>

export function register(program: Command, spec: CommandSpec, runner: Runner): void {
  const command = program.command(spec.name).description(spec.summary)
  command.aliases(spec.aliases ?? [])
  if (spec.arguments !== undefined) command.arguments(spec.arguments)
  for (const [flags, description] of spec.options ?? []) command.option(flags, description)
  command
    .option('-o, --output <format>', 'json or table, in any case', 'table')
    .option('-q, --quiet', 'no heading and no progress')
    .addHelpText('after', `\nExamples:\n${spec.examples.map((line) => `  ${line}\n`).join('')}`)
    .allowExcessArguments(false)
    .action(async () => {
      const options: Readonly<Record<string, unknown>> = command.opts()
      await runner(spec, new Input(command.args, options), options)
    })
  if (spec.offline === true) return
  command.option(
    '--endpoint <address>',
    'the region: host:port or unix:/path (default: ASHLAR_ENDPOINT)',
  )
}
