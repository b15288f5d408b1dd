// The whole command line: parses, runs one command, turns every failure into one line and an exit
// code. Never throws.

import { Command, CommanderError } from 'commander'

import { AshlarError, asAshlarError } from '../base/error.js'
import { type Runner, register } from './command.js'
import { commands } from './commands.js'
import { type ExitCode, exitCodeHelp, exitCodeOf, exitCodes } from './exit-code.js'
import type { Io } from './io.js'
import { reportError } from './report.js'
import { type OutputFormat, Session, parseOutputFormat } from './session.js'

/** `args` without the program's name. Ensures: everything was written through `io`. */
export async function run(args: readonly string[], io: Io, version: string): Promise<ExitCode> {
  // Errors before the options are parsed follow --output too.
  const state: { exit: ExitCode; output: OutputFormat } = {
    exit: exitCodes.ok,
    output: guess(args),
  }
  const runner: Runner = async (spec, input, options) => {
    state.output = parseOutputFormat(input.text('output') ?? 'table')
    const session = new Session(io, {
      endpoint: input.text('endpoint'),
      output: state.output,
      quiet: options['quiet'] === true,
    })
    try {
      state.exit = await spec.run(session, input)
    } finally {
      session.close()
    }
  }
  try {
    await parse(args, io, version, runner)
    return state.exit
  } catch (thrown) {
    return report(thrown, io, state.output)
  }
}

async function parse(
  args: readonly string[],
  io: Io,
  version: string,
  runner: Runner,
): Promise<void> {
  const said: string[] = []
  const say = (text: string) => void said.push(text)
  try {
    await build(io, say, version, runner).parseAsync([...args], { from: 'user' })
  } catch (thrown) {
    if (!(thrown instanceof CommanderError) || thrown.exitCode !== 0) throw thrown
    // Help or the version.
    await io.stdout(said.join(''))
  }
}

function build(io: Io, say: (text: string) => void, version: string, runner: Runner): Command {
  const program = new Command('ashlar')
  program
    .description('Volumes, attachments and snapshots of an Ashlar region.')
    .version(version)
    .exitOverride()
    .configureOutput({ writeOut: say, writeErr: io.stderr, outputError: () => undefined })
    .addHelpText(
      'after',
      `
Volumes and snapshots are named by id, CRN or unique name.
ASHLAR_ENDPOINT is the address of the region, by default 127.0.0.1:7440.

${exitCodeHelp}

Examples:
  ashlar volume-create --name db --zone local-1 --capacity 10
  ashlar attach db
  ashlar snapshot-create --volume db --name db-monday --wait
`,
    )
  for (const spec of commands) register(program, spec, runner)
  return program
}

function report(thrown: unknown, io: Io, output: OutputFormat): ExitCode {
  if (thrown instanceof CommanderError) return reportUsage(thrown, io, output)
  if (io.signal.aborted) return exitCodes.interrupted
  const error = asAshlarError(thrown)
  reportError(error, io, output)
  return exitCodeOf(error)
}

/** The parser met wrong usage. */
function reportUsage(error: CommanderError, io: Io, output: OutputFormat): ExitCode {
  // Without any command the parser prints the help and fails.
  if (error.code === 'commander.help') return exitCodes.usage
  const message = error.message.replace(/^error: /, '').replaceAll('\n', ' ')
  reportError(new AshlarError('INVALID_ARGUMENT', message), io, output)
  return exitCodes.usage
}

function guess(args: readonly string[]): OutputFormat {
  const at = args.findIndex((arg) => arg === '--output' || arg === '-o')
  const value = at >= 0 ? args[at + 1] : args.find((arg) => arg.startsWith('--output='))?.slice(9)
  return value?.toLowerCase() === 'json' ? 'json' : 'table'
}
