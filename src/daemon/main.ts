#!/usr/bin/env node
// ashlard: hosts the sites of a configuration, or the default world.

import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { setFlagsFromString } from 'node:v8'

import { logVerbosity, setLogVerbosity } from '@grpc/grpc-js'

import { systemClock } from '../base/clock.js'
import { AshlarError, asAshlarError } from '../base/error.js'
import { type LogLevel, logLevels, makeLogger } from '../base/logger.js'
import { say } from '../base/say.js'
import { native } from '../native/binding.js'
import { type Config, parseConfig } from './config.js'
import { Daemon } from './daemon.js'
import { joinHostPort } from './address.js'
import { hasTerminal } from './terminal.js'
import { defaultWorld } from './world.js'

const usage = `Usage: ashlard [--config FILE] [--log-level LEVEL]

Hosts the regions and zone nodes that FILE names, or, without one, a small world on loopback:
region local with zones local-1 to local-3, region remote with zone remote-1.

SIGHUP makes it read the files of every \`tls\` again; connections made from then on have them.
When the terminal it was started from is closed it stops as for SIGTERM; setsid(1) keeps it.

Environment:
  ASHLAR_DATA_DIR   folder of the default world's data        (.ashlar)
  ASHLAR_ENDPOINT   address of its region local               (127.0.0.1:7440)
  ASHLAR_NBD_PORT   first of its ports for NBD over TCP       (10809)
  ASHLAR_LOG        trace, debug, info, warn, error or fatal  (warn)
`

const env = process.env

interface Plan {
  readonly config: Config
  readonly reread: () => Config
  readonly pageCacheBytes: bigint | undefined
}

async function plan(file: string | undefined): Promise<Plan> {
  if (file !== undefined) {
    const path = resolve(file)
    const reread = () => parseConfig(readText(path), file, dirname(path))
    return { config: reread(), reread, pageCacheBytes: undefined }
  }
  const config = await defaultWorld({
    data: resolve(env['ASHLAR_DATA_DIR'] || '.ashlar'),
    endpoint: env['ASHLAR_ENDPOINT'] || '127.0.0.1:7440',
    nbdPort: parsePort(env['ASHLAR_NBD_PORT'] || '10809'),
    env,
    now: new Date(Number(systemClock.nowNs() / 1_000_000n)),
  })
  // Four pools share one laptop.
  return { config, reread: () => config, pageCacheBytes: 64n << 20n }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (thrown) {
    throw new AshlarError('NOT_FOUND', `cannot read ${path}: ${asAshlarError(thrown).message}`)
  }
}

function parsePort(text: string): number {
  const port = Number(text)
  if (Number.isInteger(port) && port > 0 && port < 65_000) return port
  throw new AshlarError(
    'INVALID_ARGUMENT',
    `ASHLAR_NBD_PORT: ${JSON.stringify(text)} is not a port`,
  )
}

function parseLevel(text: string): LogLevel {
  const level = logLevels.find((name) => name === text)
  if (level !== undefined) return level
  throw new AshlarError('INVALID_ARGUMENT', `${JSON.stringify(text)} is not a log level`)
}

function announce(config: Config): void {
  const lines = config.regions.map(({ name, listen }) => `region ${name}   ${listen.target}`)
  for (const { name, zone, hosted } of config.nodes) {
    if (hosted === undefined) continue
    const tcp = hosted.nbdTcp && `nbd://${joinHostPort(hosted.nbdTcp.host, hosted.nbdTcp.port)}`
    const nbd = [hosted.nbdUnix, tcp].filter((address) => address !== undefined)
    lines.push(`node ${name} of zone ${zone}   NBD at ${nbd.join(' and ')}`)
  }
  const endpoint = config.regions[0]?.listen.target
  const zone = config.nodes.find(({ region }) => region === config.regions[0]?.name)?.zone
  const isTried = endpoint !== undefined && zone !== undefined
  lines.push('', ...(isTried ? firstSteps(endpoint, zone) : ['Ready.']))
  say('stdout', `${lines.join('\n')}\n`)
}

function firstSteps(endpoint: string, zone: string): readonly string[] {
  const prefix = endpoint === '127.0.0.1:7440' ? '' : `ASHLAR_ENDPOINT=${endpoint} `
  return [
    'Ready. In another terminal:',
    `  ${prefix}npx ashlar volume-create --name first --zone ${zone} --size 64MiB`,
    `  ${prefix}npx ashlar attach first`,
    `  ${prefix}npx ashlar snapshot-create --volume first --name first-backup --wait`,
  ]
}

/** Settles at the first signal that ends; a second one ends the process as it stands. */
async function untilSignal(renewCertificates: () => void): Promise<NodeJS.Signals> {
  const onTerminal = hasTerminal()
  return await new Promise((resolve) => {
    let seen = false
    for (const signal of ['SIGINT', 'SIGTERM'] as const) {
      process.on(signal, () => {
        if (seen) process.exit(130)
        seen = true
        resolve(signal)
      })
    }
    process.on('SIGHUP', () => {
      if (!onTerminal || hasTerminal()) {
        renewCertificates()
        return
      }
      // Kernel and shell may both say so.
      seen = true
      resolve('SIGHUP')
    })
  })
}

// A pull's messages are buffers of a mebibyte that live for a moment, outside the heap. V8 collects the
// whole heap whenever they add up to some tens of mebibytes: half of all CPU time of a full snapshot,
// measured. With a larger step from one collection to the next it is a tenth; the peak of memory is the same.
function spareTheCollector(): void {
  setFlagsFromString('--heap-growing-percent=400')
}

const options = {
  config: { type: 'string' },
  'log-level': { type: 'string' },
  help: { type: 'boolean', short: 'h' },
} as const

function parseOptions() {
  try {
    return parseArgs({ options }).values
  } catch (thrown) {
    const { message } = asAshlarError(thrown)
    throw new AshlarError('INVALID_ARGUMENT', message.split('. ')[0] ?? message)
  }
}

async function main(): Promise<void> {
  spareTheCollector()
  const values = parseOptions()
  if (values.help === true) {
    say('stdout', usage)
    return
  }
  // What fails is thrown or logged by us; its own lines on stderr would only be a second voice.
  if (env['GRPC_VERBOSITY'] === undefined) setLogVerbosity(logVerbosity.NONE)
  const level = parseLevel(values['log-level'] ?? (env['ASHLAR_LOG'] || 'warn'))
  const log = makeLogger({ name: 'ashlard', level })
  const { config, reread, pageCacheBytes } = await plan(values.config)
  let renewCertificates = () => {}
  const ended = untilSignal(() => renewCertificates())
  const daemon = await Daemon.start({
    config,
    reread,
    native: native(),
    clock: systemClock,
    log,
    pageCacheBytes,
    testHooks: env['ASHLAR_TEST_HOOKS'] === '1',
  })
  renewCertificates = () => daemon.renewCertificates()
  announce(config)
  const signal = await ended
  say('stderr', `${signal}: draining; once more to stop at once\n`)
  await daemon.stop()
}

main().then(
  // What gRPC still holds open must not keep a stopped daemon alive.
  () => process.exit(0),
  (thrown: unknown) => {
    const error = asAshlarError(thrown)
    say('stderr', `ashlard: ${error.message}\n`)
    if (error.code === 'INTERNAL') say('stderr', `${error.stack ?? ''}\n`)
    process.exit(error.code === 'INVALID_ARGUMENT' ? 2 : 1)
  },
)
