// The commands as a user types them, against a region that answers what the test says.

import { describe, expect, test } from 'vitest'

import { AshlarError } from '../../../src/base/error.js'
import { commands } from '../../../src/cli/commands.js'
import { ashlar } from './run.js'

const id = 'r001-0f8fad5b-d9cb-469f-a165-70867728950e'
const volume = {
  id,
  name: 'db',
  crn: `crn:v1:ashlar:public:is:local-1:a/acme::volume:${id}`,
  zone: 'local-1',
  status: 'VOLUME_STATUS_AVAILABLE',
  healthState: 'VOLUME_HEALTH_STATE_DEGRADED',
  healthReasons: [{ code: 'initializing_from_snapshot', message: 'hydrating' }],
  attachmentState: 'VOLUME_ATTACHMENT_STATE_UNATTACHED',
  capacityBytes: String(10n << 30n),
  resourceGroup: 'default',
  hydration: { doneBytes: '0', totalBytes: '100', percent: 0, bytesPerSecond: '0' },
  createdAt: { seconds: '1676664943', nanos: 0 },
}
const snapshot = {
  id,
  name: 's',
  lifecycleState: 'LIFECYCLE_STATE_STABLE',
  progress: { doneBytes: '10', totalBytes: '10', percent: 100, bytesPerSecond: '0' },
  sourceVolume: { id, name: 'db', deleted: true },
  minimumCapacityBytes: '1048576',
  storedBytes: '4096',
}
const attachment = {
  id,
  host: 'web-1',
  zone: 'local-1',
  lifecycleState: 'ATTACHMENT_LIFECYCLE_STATE_ATTACHED',
  nbdUnixUri: `nbd+unix:///${id}?socket=/run/user/0/ash%20lar/n.sock`,
  nbdTcpUri: `nbd://127.0.0.1:10809/${id}`,
  deviceBytes: '1048576',
}

describe('the program', () => {
  test('has the commands of the contract, each with examples that name it', async () => {
    expect(commands.map(({ name }) => name)).toEqual([
      'volume-create',
      'volumes',
      'volume',
      'volume-update',
      'volume-delete',
      'attach',
      'detach',
      'attachments',
      'attachment',
      'snapshot-create',
      'snapshots',
      'snapshot',
      'snapshot-update',
      'snapshot-delete',
      'snapshots-delete',
      'snapshot-clone-create',
      'snapshot-clones',
      'snapshot-clone',
      'snapshot-clone-delete',
      'zones',
      'regions',
      'zone-forget',
      'pool-grow',
      'store-stats',
      'store-collect',
      'verify',
      'pool-create',
      'pool-check',
      'store-check',
      'store-rebuild-index',
      'store-rebuild-catalog',
    ])
    for (const { name, examples } of commands) {
      expect(examples.join('\n')).toContain(`ashlar ${name}`)
      const help = await ashlar([name, '--help'])
      expect(help).toMatchObject({ exit: 0, err: '' })
      expect(help.out).toContain('Examples:')
    }
  })

  test('prints help and version on stdout', async () => {
    const help = await ashlar(['--help'])
    expect(help).toMatchObject({ exit: 0, err: '' })
    expect(help.out).toContain('Exit codes:')
    expect(await ashlar(['--version'])).toMatchObject({ exit: 0, out: '1.2.3\n' })
  })

  test.each([
    [['volumez'], /unknown command.*: see --help\n/],
    [['volumes', '--nam', 'x'], /unknown option '--nam'/],
    [['volume'], /missing required argument/],
    [['volume', 'a', 'b'], /too many arguments/],
    [['volumes', '--output', 'yaml'], /neither json nor table/],
    [['volumes', '--endpoint', 'x'], /not an address/],
    [['store-check', 's', '--endpoint', 'x:1'], /unknown option '--endpoint'/],
    [['volumes', '--attachment-state', 'lost'], /none of attached, unattached, unusable/],
    [['volume-create', '--size', '1MiB'], /--zone is required/],
    [['volume-create', '--zone', 'z'], /--capacity or --size is required/],
    [['volume-create', '--zone', 'z', '--capacity', '1.5'], /whole number of GiB.*--size/],
    [['volume-create', '--zone', 'z', '--capacity', '1', '--size', '1GiB'], /not both/],
    [['volume-create', '--zone', 'z', '--size', '1000'], /not within 1 MiB to 64 TiB/],
    [['volume-update', 'db'], /nothing to change/],
    [['snapshot-create', '--name', 's'], /--volume or --source-snapshot-crn is required/],
    [['snapshot-create', '--volume', 'v', '--source-snapshot-crn', 'c'], /not both/],
    [['snapshot-clone-create', 's'], /--zone is required/],
    [['snapshot-clone', 's'], /missing required argument 'zone'/],
    [['snapshot-clone-delete', 's', 'z'], /zonal clone of snapshot s in zone z.*no terminal.*-f/],
    [['snapshots-delete', '-f'], /--volume is required/],
    [['volume-delete', 'db'], /no terminal to ask on.*-f/],
  ])('refuses %j in one line', async (args, says) => {
    const { exit, out, err, calls } = await ashlar(args)
    expect(exit).toBe(2)
    expect(err).toMatch(says)
    expect(err).toMatch(/^ashlar: .*\n$/)
    expect(err.split('\n')).toHaveLength(2)
    expect(out).toBe('')
    expect(calls).toEqual([])
  })

  test('without a command prints the help and fails', async () => {
    const { exit, err } = await ashlar([])
    expect(exit).toBe(2)
    expect(err).toContain('Usage: ashlar')
  })

  test.each([
    ['VOLUME_NOT_FOUND', 3],
    ['VOLUME_IN_USE', 4],
    ['PERMISSION_DENIED', 5],
    ['SHUTTING_DOWN', 6],
    ['CORRUPT', 8],
    ['INTERNAL', 1],
  ] as const)('%s exits with %d and one line with cause and mend', async (code, exit) => {
    const methods = {
      GetVolume: () => {
        throw new AshlarError(code, 'because\nof this.')
      },
    }
    const text = await ashlar(['volume', 'db', '-q'], methods)
    expect(text.exit).toBe(exit)
    expect(text.err).toMatch(/^ashlar: because of this \([a-z_]+\): .+\n$/)
    const json = await ashlar(['volume', 'db', '-o', 'JSON'], methods)
    expect(JSON.parse(json.err)).toMatchObject({ error: { message: 'because of this' } })
    expect(json.out).toBe('')
  })

  test('that finds no daemon says what to do', async () => {
    const { exit, err } = await ashlar(['zones'], {}, { env: { ASHLAR_ENDPOINT: '127.0.0.1:1' } })
    expect(exit).toBe(6)
    expect(err).toMatch(/127\.0\.0\.1:1: cannot be reached .*npm start/)
  })
})

describe('volumes', () => {
  test('are created as typed', async () => {
    const { exit, out, err, calls } = await ashlar(
      ['volume-create', '--name', 'db', '--zone', 'local-1', '--capacity', '10', '--tags', 'a, b'],
      { CreateVolume: () => volume },
    )
    expect(exit).toBe(0)
    expect(err).toBe('Creating volume db under account acme as user ann...\n\n')
    expect(out).toMatch(/^ID {2,}r001-0f8f/)
    expect(out).toMatch(/^Capacity {2,}10 GiB \(10737418240 bytes\)$/m)
    expect(calls[0]?.request).toMatchObject({
      name: 'db',
      zone: 'local-1',
      capacityBytes: '10737418240',
      userTags: ['a', 'b'],
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
  })

  test('take the capacity of their snapshot', async () => {
    const { calls } = await ashlar(
      ['volume-create', '--zone', 'local-2', '--source-snapshot', 'monday', '-q'],
      { CreateVolume: () => volume },
    )
    expect(calls[0]?.request).toMatchObject({
      name: '',
      capacityBytes: '0',
      sourceSnapshot: 'monday',
    })
  })

  test('are waited for until they are hydrated, and go on after Ctrl-C', async () => {
    const hydrated = {
      ...volume,
      hydration: { doneBytes: '100', totalBytes: '100', percent: 100, bytesPerSecond: '0' },
    }
    let looks = 0
    const args = ['volume-create', '--zone', 'z', '--snapshot', 'monday', '--wait', '-q']
    const done = await ashlar(args, {
      CreateVolume: () => volume,
      GetVolume: () => (++looks < 3 ? volume : hydrated),
    })
    expect(done).toMatchObject({ exit: 0, out: expect.stringMatching(/^Hydration +100 %/m) })
    expect(done.calls[0]?.request).toMatchObject({ sourceSnapshot: 'monday' })
    expect(looks).toBe(3)

    const interrupt = new AbortController()
    const GetVolume = () => {
      interrupt.abort(new Error('interrupted'))
      return volume
    }
    const methods = { CreateVolume: () => volume, GetVolume }
    const left = await ashlar(args, methods, { signal: interrupt.signal })
    expect(left).toMatchObject({ exit: 130, out: '' })
    expect(left.err).toBe(
      `Volume db goes on without this command; look again with: ashlar volume ${id}\n`,
    )
  })

  test('that will never be whole end the wait', async () => {
    const broken = { ...volume, status: 'VOLUME_STATUS_FAILED', statusReasons: [{ message: 'x' }] }
    const { exit, err } = await ashlar(
      ['volume-create', '--zone', 'z', '--size', '1GiB', '--wait', '-q'],
      { CreateVolume: () => volume, GetVolume: () => broken },
    )
    expect(exit).toBe(4)
    expect(err).toMatch(/^ashlar: volume db cannot be used: x \(failed_precondition\)/)
  })

  test('are listed', async () => {
    const methods = { ListVolumes: () => ({ volumes: [volume] }) }
    const { out, err } = await ashlar(['volumes', '--zone', 'local-1', '-q'], methods)
    expect(err).toBe('')
    expect(out.split('\n')[1]).toMatch(
      /db +available +10 GiB +unattached +local-1 +default +degraded \(0 % hydrated\)/,
    )
    const json = await ashlar(['volumes', '--output=Json'], methods)
    expect(json.err).toBe('')
    expect(JSON.parse(json.out)).toMatchObject([
      { name: 'db', capacity_bytes: 10737418240, status: 'available' },
    ])
  })

  test('change only what was given', async () => {
    const methods = { UpdateVolume: () => volume }
    const grown = await ashlar(['volume-update', 'db', '--size', '11GiB'], methods)
    expect(grown.calls[0]?.request).toMatchObject({
      updateMask: { paths: ['capacity_bytes'] },
      capacityBytes: '11811160064',
    })
    const bare = await ashlar(['volume-update', 'db', '--tags', '', '--name', 'x'], methods)
    expect(bare.calls[0]?.request).toMatchObject({
      updateMask: { paths: ['name', 'user_tags'] },
      name: 'x',
      userTags: [],
    })
  })
})

describe('deleting', () => {
  const methods = {
    DeleteVolume: ({ volume: name }: { volume: string }) => {
      if (name === 'used') throw new AshlarError('VOLUME_IN_USE', 'volume used has an attachment')
      return name === 'slow' ? { volume: { id } } : {}
    },
  }

  test('takes several names, and says what became of each', async () => {
    const { exit, out, err, calls } = await ashlar(
      ['volume-delete', '-f', 'a', 'used', 'slow', 'a'],
      methods,
    )
    expect(exit).toBe(7)
    expect(out).toBe('OK\nVolume a is deleted.\nOK\nDeletion of volume slow was accepted.\n')
    expect(err).toMatch(/^Deleting volumes a, used, slow under/)
    expect(err).toMatch(/ashlar: volume used has an attachment \(volume_in_use\): detach it first/)
    expect(calls).toHaveLength(3)
  })

  test.each([
    [['volume-delete', '-f', 'a'], 0, [{ volume: 'a', deleted: true }]],
    [
      ['volume-delete', '-f', 'a', 'used', 'slow'],
      7,
      [
        { volume: 'a', deleted: true },
        { volume: 'slow', deleted: false },
      ],
    ],
    [['volume-delete', '-f', 'used'], 4, []],
    [
      ['snapshot-delete', '-f', 'a', 'b'],
      0,
      [
        { snapshot: 'a', deleted: true },
        { snapshot: 'b', deleted: true },
      ],
    ],
    [['snapshots-delete', '-f', '--volume', 'a'], 0, [{ snapshot: id, deleted: true }]],
    [['snapshots-delete', '-f', '--volume', 'none'], 0, []],
  ])('%j prints one JSON list', async (args, exit, list) => {
    const snapshots = ({ sourceVolume }: { readonly sourceVolume: string }) =>
      sourceVolume === 'none' ? [] : [snapshot]
    const all = {
      ...methods,
      ListSnapshots: (request: { readonly sourceVolume: string }) => ({
        snapshots: snapshots(request),
      }),
      DeleteSnapshot: () => ({}),
    }
    const ran = await ashlar([...args, '--output', 'json'], all)
    expect(ran.exit).toBe(exit)
    expect(JSON.parse(ran.out)).toEqual(list)
  })

  test('says what was deleted before an interruption', async () => {
    const interrupt = new AbortController()
    const first = {
      DeleteVolume: ({ volume: name }: { readonly volume: string }) => {
        if (name === 'b') interrupt.abort(new Error('interrupted'))
        return {}
      },
    }
    const args = ['volume-delete', '-f', 'a', 'b', '--output', 'json']
    const { exit, out } = await ashlar(args, first, { signal: interrupt.signal })
    expect(exit).toBe(130)
    expect(JSON.parse(out)).toEqual([{ volume: 'a', deleted: true }])
  })

  test('stops when it cannot say what it does', async () => {
    const full = new AshlarError('DEVICE_FAILED', 'cannot write to stdout: it is full')
    const { exit, err, calls } = await ashlar(['volume-delete', '-f', 'a', 'b'], methods, {
      stdout: () => Promise.reject(full),
    })
    expect(exit).toBe(1)
    expect(err).toContain('cannot write to stdout: it is full')
    expect(calls).toHaveLength(1)
  })

  test('of which all failed exits as the first failure', async () => {
    expect(await ashlar(['volume-delete', '--yes', 'used'], methods)).toMatchObject({
      exit: 4,
      out: '',
    })
  })

  test('asks on a terminal', async () => {
    const questions: string[] = []
    const answering = (answer: string) => ({
      canAsk: true,
      ask: async (question: string) => {
        questions.push(question)
        return answer
      },
    })
    const no = await ashlar(['volume-delete', 'a'], methods, answering(''))
    expect(no).toMatchObject({ exit: 0, calls: [], out: '' })
    const yes = await ashlar(['volume-delete', 'a', 'b'], methods, answering('y'))
    expect(yes.calls).toHaveLength(2)
    expect(questions[1]).toMatch(/volumes a, b and cannot be undone.*\[y\/N\] \?>/)
  })
})

describe('attaching', () => {
  const methods = { CreateAttachment: () => attachment }

  test('prints the URI and nothing else on stdout', async () => {
    const { exit, out, calls } = await ashlar(['attach', 'db'], methods)
    expect({ exit, out }).toEqual({ exit: 0, out: `${attachment.nbdUnixUri}\n` })
    expect(calls[0]?.request).toMatchObject({
      volume: 'db',
      host: 'web-1',
      readOnly: false,
      wantTcp: false,
    })
  })

  test('prints the TCP form on request', async () => {
    const { out, calls } = await ashlar(
      ['attach', 'db', '--tcp', '--read-only', '--host', 'h'],
      methods,
    )
    expect(out).toBe(`${attachment.nbdTcpUri}\n`)
    expect(calls[0]?.request).toMatchObject({ host: 'h', readOnly: true, wantTcp: true })
  })

  test('without a listener fails', async () => {
    const none = { CreateAttachment: () => ({ ...attachment, nbdTcpUri: '' }) }
    expect(await ashlar(['attach', 'db', '--tcp'], none)).toMatchObject({ exit: 4, out: '' })
  })

  test('shows the line for the kernel', async () => {
    const { out } = await ashlar(['attachment', id], { GetAttachment: () => attachment })
    expect(out).toMatch(
      new RegExp(
        `^nbd-client +nbd-client -unix '/run/user/0/ash lar/n.sock' /dev/nbd0 -N ${id} -b 4096$`,
        'm',
      ),
    )
    const tcp = { GetAttachment: () => ({ ...attachment, nbdUnixUri: '', readOnly: true }) }
    const json = await ashlar(['attachment', id, '-o', 'json'], tcp)
    expect(JSON.parse(json.out)).toMatchObject({
      nbd_client: `nbd-client 127.0.0.1 10809 /dev/nbd0 -N ${id} -b 4096 -R`,
      lifecycle_state: 'attached',
      device_bytes: 1048576,
    })
  })
})

describe('detaching', () => {
  test('waits until the attachment is gone', async () => {
    let looks = 0
    const { exit, out, calls } = await ashlar(['detach', 'db', '-q'], {
      ListAttachments: () => ({ attachments: [attachment] }),
      DeleteAttachment: () => ({ attachment }),
      GetAttachment: () => {
        if (++looks < 3) return attachment
        throw new AshlarError('ATTACHMENT_NOT_FOUND', 'gone')
      },
    })
    expect({ exit, out }).toEqual({ exit: 0, out: 'OK\nVolume db is detached.\n' })
    expect(calls.map(({ method }) => method)).toEqual([
      'ListAttachments',
      'DeleteAttachment',
      'GetAttachment',
      'GetAttachment',
      'GetAttachment',
    ])
  })

  test('gives up after a while', async () => {
    const { exit, err } = await ashlar(['detach', 'db'], {
      ListAttachments: () => ({ attachments: [attachment] }),
      DeleteAttachment: () => ({ attachment }),
      GetAttachment: () => attachment,
    })
    expect(exit).toBe(6)
    expect(err).toContain('still detaching')
  })

  test('of a volume without attachment is no success', async () => {
    const { exit } = await ashlar(['detach', 'db'], { ListAttachments: () => ({}) })
    expect(exit).toBe(3)
  })

  test('takes the id of an attachment too', async () => {
    const { exit, calls } = await ashlar(['detach', id], {
      ListAttachments: () => {
        throw new AshlarError('VOLUME_NOT_FOUND', 'no such volume')
      },
      DeleteAttachment: () => ({}),
    })
    expect(exit).toBe(0)
    expect(calls[1]?.request).toMatchObject({ attachment: id })
  })
})

describe('snapshots', () => {
  const pending = {
    ...snapshot,
    lifecycleState: 'LIFECYCLE_STATE_PENDING',
    progress: { percent: 3 },
  }

  test('are answered when captured', async () => {
    const { exit, out, err, calls } = await ashlar(
      ['snapshot-create', '--volume', 'db', '--name', 's', '--tags', 'a,b'],
      { CreateSnapshot: () => pending },
    )
    expect(exit).toBe(0)
    expect(err).toBe('Creating snapshot s under account acme as user ann...\n\n')
    expect(out).toMatch(/^Status +pending$/m)
    expect(out).toMatch(/^Source volume +ID/m)
    expect(out).toContain('db (deleted)')
    expect(calls[0]?.request).toMatchObject({ sourceVolume: 'db', name: 's', userTags: ['a', 'b'] })
  })

  test('are waited for', async () => {
    let looks = 0
    const { exit, out } = await ashlar(['snapshot-create', '--volume', 'db', '--wait', '-q'], {
      CreateSnapshot: () => pending,
      GetSnapshot: () => (++looks < 4 ? pending : snapshot),
    })
    expect(exit).toBe(0)
    expect(out).toMatch(/^Status +stable$/m)
  })

  test('go on after Ctrl-C, which says how to look again', async () => {
    const interrupt = new AbortController()
    const { exit, out, err } = await ashlar(
      ['snapshot-create', '--volume', 'db', '--wait', '-q'],
      {
        CreateSnapshot: () => pending,
        GetSnapshot: () => {
          interrupt.abort(new Error('interrupted'))
          return pending
        },
      },
      { signal: interrupt.signal },
    )
    expect({ exit, out }).toEqual({ exit: 130, out: '' })
    expect(err).toBe(
      `Snapshot s goes on without this command; look again with: ashlar snapshot ${id}\n`,
    )
  })

  test('that fail make the wait fail', async () => {
    const { exit, err } = await ashlar(['snapshot-create', '--volume', 'db', '--wait', '-q'], {
      CreateSnapshot: () => pending,
      GetSnapshot: () => ({ ...snapshot, lifecycleState: 'LIFECYCLE_STATE_FAILED' }),
    })
    expect(exit).toBe(4)
    expect(err).toMatch(/^ashlar: snapshot s has failed \(snapshot_failed\): .+\n$/)
  })
})

describe('copies', () => {
  const crn = `crn:v1:ashlar:public:is:far:a/acme::snapshot:${id}`
  const copy = { ...snapshot, name: 'c', sourceSnapshot: { id, crn, remoteRegion: 'far' } }

  test('are made by CRN, and waited for through waiting and pending', async () => {
    const states = ['WAITING', 'PENDING', 'STABLE']
    const { exit, out, calls } = await ashlar(
      ['snapshot-create', '--source-snapshot-crn', crn, '--clone-zones', 'a, b', '--wait', '-q'],
      {
        CreateSnapshot: () => ({ ...copy, lifecycleState: 'LIFECYCLE_STATE_WAITING' }),
        GetSnapshot: () => ({ ...copy, lifecycleState: `LIFECYCLE_STATE_${states.shift()}` }),
      },
    )
    expect(exit).toBe(0)
    expect(out).toMatch(/^Status +stable$/m)
    expect(calls[0]?.request).toMatchObject({
      sourceVolume: '',
      sourceSnapshotCrn: crn,
      cloneZones: ['a', 'b'],
    })
    expect(states).toEqual([])
  })
})

describe('clones', () => {
  const clone = { zone: 'local-2', available: true, progress: { percent: 100 } }
  const started = { ...clone, available: false, progress: { percent: 0 } }

  test.each(['snapshot-clone-create', 'snapshot-clc'])('are asked for by %s', async (verb) => {
    const { exit, out, err, calls } = await ashlar([verb, id, '--zone', 'local-2'], {
      CreateSnapshotClone: () => started,
    })
    expect(exit).toBe(0)
    expect(err).toBe(`Creating zonal clone of snapshot ${id} under account acme as user ann...\n\n`)
    expect(out).toMatch(/^Available +false$/m)
    expect(calls.map(({ method }) => method)).toEqual(['CreateSnapshotClone'])
    expect(calls[0]?.request).toMatchObject({
      snapshot: id,
      zone: 'local-2',
      requestId: expect.stringMatching(/^[0-9a-f-]{36}$/),
    })
  })

  test('are waited for, their snapshot first', async () => {
    let looks = 0
    const { exit, out, calls } = await ashlar(['snapshot-clc', 's', '--zone', 'z', '--wait'], {
      CreateSnapshotClone: () => started,
      GetSnapshot: () => ({
        ...snapshot,
        lifecycleState: `LIFECYCLE_STATE_${++looks < 3 ? 'PENDING' : 'STABLE'}`,
      }),
      GetSnapshotClone: () => (++looks < 6 ? started : clone),
    })
    expect(exit).toBe(0)
    expect(out).toMatch(/^Available +true$/m)
    expect(calls.map(({ method }) => method)).toEqual([
      'CreateSnapshotClone',
      'GetSnapshot',
      'GetSnapshot',
      'GetSnapshot',
      'GetSnapshotClone',
      'GetSnapshotClone',
      'GetSnapshotClone',
    ])
  })

  test('that are there are not waited for', async () => {
    const methods = { CreateSnapshotClone: () => clone }
    const { calls } = await ashlar(['snapshot-clc', 's', '--zone', 'z', '--wait'], methods)
    expect(calls).toHaveLength(1)
  })

  test('go on after Ctrl-C, which says how to look again', async () => {
    const interrupt = new AbortController()
    const { exit, err } = await ashlar(
      ['snapshot-clone-create', 's', '--zone', 'z', '--wait', '-q'],
      {
        CreateSnapshotClone: () => started,
        GetSnapshot: () => snapshot,
        GetSnapshotClone: () => {
          interrupt.abort(new Error('interrupted'))
          return started
        },
      },
      { signal: interrupt.signal },
    )
    expect(exit).toBe(130)
    expect(err).toBe(
      'The clone of snapshot s in zone z goes on without this command; ' +
        'look again with: ashlar snapshot-clone s z\n',
    )
  })

  test('are what goes on, also while their snapshot is still being stored', async () => {
    let looks = 0
    const interrupt = new AbortController()
    const { exit, err } = await ashlar(
      ['snapshot-clone-create', 's', '--zone', 'z', '--wait', '-q'],
      {
        CreateSnapshotClone: () => started,
        GetSnapshot: () => {
          if (++looks > 1) interrupt.abort(new Error('interrupted'))
          return { ...snapshot, lifecycleState: 'LIFECYCLE_STATE_PENDING' }
        },
      },
      { signal: interrupt.signal },
    )
    expect(exit).toBe(130)
    expect(err).toMatch(/^The clone of snapshot s in zone z goes on .*ashlar snapshot-clone s z\n$/)
  })

  test('of a new snapshot are waited for with it', async () => {
    let looks = 0
    const { exit, out, calls } = await ashlar(
      ['snapshot-create', '--volume', 'db', '--clone-zones', 'local-2', '--wait', '-q'],
      {
        CreateSnapshot: () => ({ ...snapshot, clones: [started] }),
        GetSnapshot: () => ({ ...snapshot, clones: [looks === 0 ? started : clone] }),
        GetSnapshotClone: () => (++looks < 3 ? started : clone),
      },
    )
    expect(exit).toBe(0)
    expect(out).toMatch(/^Clones +Zone +Available +Created\n +local-2 +true/m)
    expect(calls[2]?.request).toMatchObject({ snapshot: 's', zone: 'local-2' })
  })

  test('are deleted when confirmed', async () => {
    const methods = { DeleteSnapshotClone: () => ({}) }
    const done = await ashlar(['snapshot-clone-delete', 's', 'z', '-f', '-q'], methods)
    expect(done).toMatchObject({
      exit: 0,
      out: 'OK\nZonal clone of snapshot s in zone z is deleted.\n',
    })
    expect(done.calls[0]?.request).toMatchObject({ snapshot: 's', zone: 'z' })
    const no = await ashlar(['snapshot-clone-delete', 's', 'z'], methods, {
      canAsk: true,
      ask: async () => 'n',
    })
    expect(no).toMatchObject({ exit: 0, out: '', err: 'Nothing was deleted.\n', calls: [] })
  })
})

describe('all snapshots of a volume', () => {
  const other = 'r001-00000000-0000-4000-8000-000000000002'

  test('are deleted by id, gone ones included', async () => {
    const { exit, out, calls } = await ashlar(['snapshots-delete', '--volume', 'db', '-f'], {
      ListSnapshots: () => ({ snapshots: [snapshot, { ...snapshot, id: other }] }),
      DeleteSnapshot: (request: { snapshot: string }) => {
        if (request.snapshot === other) throw new AshlarError('SNAPSHOT_NOT_FOUND', 'gone')
        return { snapshot }
      },
    })
    expect(exit).toBe(0)
    expect(out).toBe(
      `OK\nDeletion of snapshot ${id} was accepted.\nOK\nSnapshot ${other} is deleted.\n`,
    )
    expect(calls[0]?.request).toMatchObject({ sourceVolume: 'db' })
  })

  test('are none without an error', async () => {
    const none = await ashlar(['snapshots-delete', '--volume', 'db'], { ListSnapshots: () => ({}) })
    expect(none).toMatchObject({ exit: 0, out: '', err: 'Volume db has no snapshots.\n' })
  })

  test('are listed by every filter', async () => {
    const { calls } = await ashlar(
      [
        'snapshots',
        '--volume',
        'v',
        '--clone-zone',
        'z',
        '--source-snapshot',
        'c',
        '--copy-region',
        'r',
        '--status',
        'stable',
        '--tag',
        't',
      ],
      { ListSnapshots: () => ({}) },
    )
    expect(calls[0]?.request).toMatchObject({
      sourceVolume: 'v',
      cloneZone: 'z',
      sourceSnapshot: 'c',
      copyRegion: 'r',
      lifecycleState: 'LIFECYCLE_STATE_STABLE',
      userTag: 't',
    })
  })
})

test('zones and regions are tables', async () => {
  const zones = await ashlar(['zones', '-q'], {
    ListZones: () => ({
      zones: [
        {
          name: 'local-1',
          region: 'local',
          status: 'ZONE_STATUS_AVAILABLE',
          nodes: 1,
          nodesAvailable: 1,
          poolCapacityBytes: String(1n << 40n),
          poolFreeBytes: String(1n << 39n),
        },
      ],
    }),
  })
  expect(zones.out).toBe(
    'Name      Region   Status      Nodes   Volumes   Capacity   Free      Reasons\n' +
      'local-1   local    available   1/1     0         1 TiB      512 GiB   -\n',
  )
  const regions = await ashlar(['regions', '-q'])
  expect(regions.out.split('\n')[1]).toBe('local   r001     -          available   acme')
})

test('verify refuses what is no image before it hashes', async () => {
  expect(await ashlar(['verify', '/nonexistent/x.raw'])).toMatchObject({ exit: 3, out: '' })
  expect(await ashlar(['verify', '/'])).toMatchObject({ exit: 2, out: '' })
})

describe('operator commands', () => {
  const stats = { packs: 2, packBytes: '1048576', chunks: '7', pins: 1, catalogGeneration: '9' }

  test('store-stats is a table of details', async () => {
    const { exit, out } = await ashlar(['store-stats', '-q'], { GetStoreStats: () => stats })
    expect(exit).toBe(0)
    expect(out).toMatch(/^Packs +2 \(1 MiB\)$/m)
    expect(out).toMatch(/^Problems +-$/m)
  })

  test('store-stats says why nothing is collected', async () => {
    const problems = [{ code: 'catalog_behind', message: 'records are unknown' }]
    const { out } = await ashlar(['store-stats', '-q'], {
      GetStoreStats: () => ({ ...stats, problems }),
    })
    expect(out).toContain('catalog_behind: records are unknown')
  })

  test('store-collect says what it freed', async () => {
    const collected = { generation: '3', freedBytes: '4096', packsDeleted: 1, after: stats }
    const { exit, out } = await ashlar(['store-collect', '-q'], { CollectStore: () => collected })
    expect(exit).toBe(0)
    expect(out).toMatch(/^Freed +4 KiB \(4096 bytes\)\n/)
  })

  test('zone-forget asks, and does nothing without a yes', async () => {
    const ask = (answer: string) => ({ canAsk: true, ask: () => Promise.resolve(answer) })
    const methods = { ForgetZone: () => ({ pinsDropped: 1, volumesForgotten: 2 }) }
    const alone = await ashlar(['zone-forget', 'local-3'], methods)
    expect(alone).toMatchObject({ exit: 2, calls: [] })
    expect(alone.err).toContain('-f')
    const no = await ashlar(['zone-forget', 'local-3'], methods, ask(''))
    expect(no).toMatchObject({ exit: 0, calls: [], err: 'Nothing was deleted.\n' })
    const yes = await ashlar(['zone-forget', 'local-3', '-q'], methods, ask('y'))
    expect(yes.out).toBe('OK\nZone local-3 is forgotten: 2 volumes, 1 pins.\n')
    const forced = await ashlar(['zone-forget', 'local-3', '-f', '-q'], methods)
    expect(forced.calls).toMatchObject([{ method: 'ForgetZone', request: { zone: 'local-3' } }])
  })
})
