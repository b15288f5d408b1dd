// Where the output of a command goes: to a file, a pipe or a device, which may be full, slow or gone. The
// region is a fake, so that there is much to say.

import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

import { afterAll, beforeAll, describe, expect, test } from 'vitest'

import { SmallDisk, noSmallDisk } from '../support/small-disk.js'
import { run } from '../support/tools.js'
import { type FakeRegion, startFakeRegion } from '../unit/fake-region.js'

const program = join(resolve(import.meta.dirname, '..', '..'), 'build', 'bin', 'ashlar.js')
const id = 'r001-0f8fad5b-d9cb-469f-a165-70867728950e'
// Some MiB: more than any pipe holds.
const snapshots = Array.from({ length: 4000 }, (_, at) => ({ id, name: `snapshot-${at}` }))
const folder = mkdtempSync(join(tmpdir(), 'ashu-'))

let region: FakeRegion
beforeAll(async () => {
  region = await startFakeRegion({
    ListSnapshots: () => ({ snapshots }),
    DeleteSnapshot: () => ({}),
  })
})
afterAll(() => {
  region.stop()
  rmSync(folder, { recursive: true, force: true })
})

/** A line of bash in which `ashlar` is the program; its exit code is that of the first of a pipe. */
async function shell(line: string) {
  const ashlar = `ashlar() { ASHLAR_ENDPOINT=${region.endpoint} '${process.execPath}' '${program}' "$@" -q; }`
  return await run('bash', ['-c', `${ashlar}\n${line}\nexit "\${PIPESTATUS[0]}"`], 60_000)
}

const all = 'ashlar snapshots --output json'
const namesIn = (text: string) => (JSON.parse(text) as { name: string }[]).map(({ name }) => name)
const names = snapshots.map(({ name }) => name)

describe('output arrives whole', () => {
  test('through a pipe that is read late', async () => {
    const { code, stdout, stderr } = await shell(`${all} | (sleep 0.2; cat)`)
    expect([code, stderr]).toEqual([0, ''])
    expect(stdout.length).toBeGreaterThan(1 << 20)
    expect(namesIn(stdout)).toEqual(names)
  })

  test('through a pipe that does not block, because stderr shares it', async () => {
    const { code, stdout } = await shell(`${all} 2>&1 | (sleep 0.2; cat)`)
    expect(code).toBe(0)
    expect(namesIn(stdout)).toEqual(names)
  })

  test('in a file', async () => {
    const file = join(folder, 'all.json')
    expect(await shell(`${all} >${file}`)).toMatchObject({ code: 0, stderr: '' })
    expect(namesIn(readFileSync(file, 'utf8'))).toEqual(names)
  })
})

describe('output that cannot be written is a failure', () => {
  test.each(['snapshots', 'snapshots --output json', 'snapshot-delete -f a', '--help'])(
    '%s >/dev/full',
    async (args) => {
      const { code, stderr } = await shell(`ashlar ${args} >/dev/full`)
      expect(code).toBe(1)
      expect(stderr).toMatch(/cannot write to stdout: ENOSPC: no space left on device/)
      expect(stderr.trimEnd().split('\n')).toHaveLength(1)
    },
  )

  test.skipIf(noSmallDisk())('on a disk that has room for a part of it', async () => {
    const disk = SmallDisk.mount(join(folder, 'disk'), 'size=64k')
    try {
      const { code, stderr } = await shell(`${all} >${disk.at}/all.json`)
      expect([code, stderr]).toEqual([1, expect.stringContaining('cannot write to stdout: ENOSPC')])
    } finally {
      disk.unmount()
    }
  })
})

test.each(['| head -1', '2>&1 | head -1', '| true'])(
  'a reader that goes early (%s) ends it silently, as SIGPIPE would',
  async (reader) => {
    const { code, stderr } = await shell(`ashlar snapshots ${reader}`)
    expect([code, stderr]).toEqual([141, ''])
  },
)
