// The command line on a real terminal: script(1) gives it one. The region is a fake, so that work
// lasts as long as the test wants.

import { type ChildProcess, spawn } from 'node:child_process'
import { join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'

import { type FakeMethods, type FakeRegion, startFakeRegion } from '../unit/fake-region.js'

const program = join(resolve(import.meta.dirname, '..', '..'), 'build', 'bin', 'ashlar.js')
const id = 'r001-0f8fad5b-d9cb-469f-a165-70867728950e'
const ctrlC = '\u0003'

const regions: FakeRegion[] = []
const children: ChildProcess[] = []
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL')
  for (const region of regions.splice(0)) region.stop()
})

interface Session {
  readonly child: ChildProcess
  readonly ended: Promise<number | NodeJS.Signals | null>
  /** What the screen was sent so far. */
  readonly said: () => string
  readonly saying: (what: RegExp) => Promise<void>
}

async function start(
  command: (program: string) => readonly [string, ...string[]],
  methods: FakeMethods,
): Promise<Session> {
  const region = await startFakeRegion(methods)
  regions.push(region)
  const [name, ...args] = command(`${process.execPath} ${program}`)
  const child = spawn(name, args, {
    env: { ...process.env, ASHLAR_ENDPOINT: region.endpoint },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  children.push(child)
  let said = ''
  child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
  if (name === 'script') child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  const ended = new Promise<number | NodeJS.Signals | null>((done) =>
    child.once('exit', (code, signal) => done(code ?? signal)),
  )
  const saying = async (what: RegExp) => {
    for (let tries = 0; !what.test(said); tries++) {
      if (tries === 600) throw new Error(`never said ${String(what)}:\n${said}`)
      await sleep(50)
    }
  }
  return { child, ended, said: () => said, saying }
}

const onTerminal =
  (args: string, columns = 100) =>
  (program: string): readonly [string, ...string[]] => [
    'script',
    '-qec',
    `stty columns ${columns}; exec ${program} ${args}`,
    '/dev/null',
  ]

/** Half a gibibyte at the first look, 64 MiB more at each later one. */
function moving() {
  let looks = 0
  return () => {
    const step = 64 << 20
    const bytesPerSecond = looks === 0 ? 0 : step
    const doneBytes = (1 << 29) + looks++ * step
    const totalBytes = 1 << 30
    const percent = Math.floor((doneBytes * 100) / totalBytes)
    return { doneBytes, totalBytes, percent, bytesPerSecond }
  }
}

const snapshot = { id, name: 'monday', lifecycleState: 'LIFECYCLE_STATE_PENDING' }
const clone = { zone: 'z', available: false }

describe('on a terminal', () => {
  test('progress is one line with a bar, rate and time left, and gone at the end', async () => {
    const progress = moving()
    const { ended, said } = await start(onTerminal('snapshot-create --volume db --wait'), {
      CreateSnapshot: () => snapshot,
      GetSnapshot: () => {
        const now = progress()
        const lifecycleState = `LIFECYCLE_STATE_${now.percent < 100 ? 'PENDING' : 'STABLE'}`
        return { ...snapshot, lifecycleState, progress: now }
      },
    })
    expect(await ended).toBe(0)
    const drawn = said().split('\r\u001b[K')
    expect(drawn[1]).toBe('Storing snapshot monday  [##########----------]  50 %  512 MiB of 1 GiB')
    expect(drawn[2]).toMatch(
      /^Storing snapshot monday {2}\[#+-+\] {2}\d+ % {2}[\d.]+ MiB of 1 GiB {2}[\d.]+ [MG]iB\/s {2}\d+ s left$/,
    )
    // The last one clears the line for the answer.
    expect(drawn.length).toBeGreaterThan(4)
    expect(drawn.at(-1)).toMatch(/^ID +r001-/)
    expect(drawn.slice(1, -1).join('')).not.toContain('\n')
  })

  test('a narrow one is never wrapped', async () => {
    const progress = moving()
    const narrow = await start(onTerminal('snapshot-create --volume db --wait', 40), {
      CreateSnapshot: () => snapshot,
      GetSnapshot: () => ({ ...snapshot, progress: { ...progress(), percent: 50 } }),
    })
    await narrow.saying(/\[#+/)
    narrow.child.stdin?.write(ctrlC)
    await narrow.ended
    const drawn = narrow.said().split('\r\u001b[K').slice(1, -1)
    expect(drawn.length).toBeGreaterThan(0)
    for (const line of drawn) expect(line.replace('^C', '').length).toBeLessThan(40)
  })

  test.each([
    [
      'snapshot-create --volume db --wait',
      `Snapshot monday goes on without this command; look again with: ashlar snapshot ${id}`,
    ],
    [
      'snapshot-create --source-snapshot-crn c --wait',
      `Snapshot monday goes on without this command; look again with: ashlar snapshot ${id}`,
    ],
    [
      'snapshot-clone-create monday --zone z --wait',
      'The clone of snapshot monday in zone z goes on without this command; look again with: ashlar snapshot-clone monday z',
    ],
    [
      'volume-create --zone z --snapshot monday --wait',
      `Volume db goes on without this command; look again with: ashlar volume ${id}`,
    ],
  ])('Ctrl-C leaves %s alone and says how to look again', async (args, says) => {
    const progress = moving()
    const isClone = args.includes('clone')
    const { child, ended, said, saying } = await start(onTerminal(args), {
      CreateSnapshot: () => snapshot,
      GetSnapshot: () => ({
        ...snapshot,
        lifecycleState: `LIFECYCLE_STATE_${isClone ? 'STABLE' : 'PENDING'}`,
        progress: { ...progress(), percent: 50 },
      }),
      CreateSnapshotClone: () => clone,
      GetSnapshotClone: () => ({ ...clone, progress: { ...progress(), percent: 50 } }),
      CreateVolume: () => ({ id, name: 'db' }),
      GetVolume: () => ({
        id,
        name: 'db',
        status: 'VOLUME_STATUS_AVAILABLE',
        hydration: { ...progress(), percent: 50 },
      }),
    })
    await saying(/\[##########-{10}\] {2}50 %/)
    child.stdin?.write(ctrlC)
    expect(await ended).toBe(130)
    // The terminal echoes ^C; the bar is gone, and the sentence starts on a line of its own.
    expect(said()).toContain(`\r\u001b[K${says}\r\n`)
    const [region] = regions
    expect(region?.calls.map(({ method }) => method).join(' ')).not.toMatch(/Delete/)
  })

  test('a question is asked, and Ctrl-C at it deletes nothing', async () => {
    const { child, ended, saying } = await start(onTerminal('snapshots-delete --volume db'), {
      ListSnapshots: () => ({ snapshots: [snapshot] }),
    })
    await saying(/cannot be undone. Continue \[y\/N\] \?> /)
    child.stdin?.write(ctrlC)
    expect(await ended).toBe(130)
    expect(regions[0]?.calls.map(({ method }) => method)).toEqual(['ListSnapshots'])
  })
})

test('a second Ctrl-C ends a command that cannot end by itself', async () => {
  // Its answer fills a pipe that nobody reads.
  const snapshots = Array.from({ length: 10_000 }, () => snapshot)
  const { child, ended } = await start(
    (program) => ['bash', '-c', `exec ${program} snapshots -q`],
    { ListSnapshots: () => ({ snapshots }) },
  )
  await new Promise((printing) => child.stdout?.once('readable', printing))
  child.kill('SIGINT')
  await sleep(500)
  expect({ code: child.exitCode, signal: child.signalCode }).toEqual({ code: null, signal: null })
  child.kill('SIGINT')
  expect(await ended).toBe('SIGINT')
})

test('without a terminal a wait is silent for ten seconds, and exits with 130 on Ctrl-C', async () => {
  const progress = moving()
  const { child, ended, said } = await start(
    (program) => ['bash', '-c', `exec ${program} snapshot-create --volume db --wait`],
    {
      CreateSnapshot: () => snapshot,
      GetSnapshot: () => ({ ...snapshot, progress: { ...progress(), percent: 50 } }),
    },
  )
  while ((regions[0]?.calls.filter(({ method }) => method === 'GetSnapshot').length ?? 0) < 3) {
    await sleep(20)
  }
  child.kill('SIGINT')
  expect(await ended).toBe(130)
  expect(said()).not.toContain('\u001b')
  expect(said()).toMatch(/^Creating snapshot under.*\n\nSnapshot monday goes on.*\n$/)
})
