// Pairs of public calls on one object at the same moment: which there are, and what each of the two may
// be answered beside the other. test/e2e/pairs.test.ts runs them and holds the answers against proto/.

import type { Client } from '../../../src/client/client.js'
import { waitForSnapshot } from '../../../src/client/wait.js'
import { MiB, unknownId } from '../api.js'
import type { Ground } from './ground.js'

/** What the calls of one pair have in common. */
export interface Subject {
  /** Id of the object, or the name it is to be made under. */
  readonly target: string
  /** As it was before both. */
  readonly etag: string
  /** Of the snapshot that copies are made of. */
  readonly source?: { readonly id: string; readonly crn: string }
}

export interface PairCall {
  readonly call: (subject: Subject) => Promise<unknown>
  /**
   * The reasons for which it may be refused, by the name of the call beside it. Beside every other it
   * is done.
   */
  readonly refused: Readonly<Record<string, readonly string[]>>
  /** The reason for which it is refused unless the call beside it changes that. */
  readonly alone?: string
}

/** By name: the method, and what makes this call of it a special one. */
export type PairCalls = Readonly<Record<string, PairCall>>

export interface Kind {
  readonly make: () => Promise<Subject>
  readonly calls: PairCalls
}

export const kindNames = [
  'a volume',
  'an attached volume',
  'a volume that is being made',
  'a snapshot that may be pending',
  'a snapshot that has a clone',
  'a snapshot that is being made',
  'a copy that is being made',
] as const
type KindName = (typeof kindNames)[number]

type Refused = PairCall['refused']

const mask = (...paths: readonly string[]) => ({ updateMask: { paths: [...paths] } })

/** Beside each of these. */
const beside = (names: readonly string[], ...reasons: readonly string[]): Refused =>
  Object.fromEntries(names.map((name) => [name, reasons]))

/** It may have gone before. */
const gone = (what: string, ...names: readonly string[]): Refused =>
  beside(names, `${what}_not_found`)

interface Named {
  readonly name: string
}

/** An answer shows what the call did, not what another has done since. */
async function showing<Answer extends Named>(name: string, call: Promise<Answer>): Promise<Answer> {
  const answer = await call
  if (answer.name === name) return answer
  throw new Error(`renamed to ${name}, and answered as ${answer.name}`)
}

export class Pairs {
  readonly #client: Client
  readonly #remote: Client
  readonly #ground: Ground

  /** Requires: region `remote` has the volume `far`. */
  constructor(ground: Ground, remote: Client) {
    this.#ground = ground
    this.#client = ground.client
    this.#remote = remote
  }

  get kinds(): Readonly<Record<KindName, Kind>> {
    const ground = this.#ground
    const named = async (): Promise<Subject> => ({ target: ground.newName('pair'), etag: '' })
    return {
      'a volume': { make: () => this.#volume(), calls: this.#volumeCalls() },
      'an attached volume': { make: () => this.#attached(), calls: this.#attachedCalls() },
      'a volume that is being made': { make: named, calls: this.#newVolumeCalls() },
      'a snapshot that may be pending': {
        make: async () => await this.#snapshot(await ground.newSnapshot()),
        calls: this.#snapshotCalls(),
      },
      'a snapshot that has a clone': {
        make: async () => await this.#snapshot(await ground.newClone('local-2')),
        calls: this.#clonedCalls(),
      },
      'a snapshot that is being made': { make: named, calls: this.#newSnapshotCalls() },
      'a copy that is being made': { make: () => this.#copySource(), calls: this.#copyCalls() },
    }
  }

  async #volume(): Promise<Subject> {
    const volume = await this.#ground.newVolume()
    const { id, etag } = await this.#client.volumes.getVolume({ volume })
    return { target: id, etag }
  }

  async #attached(): Promise<Subject> {
    const subject = await this.#volume()
    await this.#ground.attach(subject.target)
    return subject
  }

  async #snapshot(snapshot: string): Promise<Subject> {
    const { id, etag } = await this.#client.snapshots.getSnapshot({ snapshot })
    return { target: id, etag }
  }

  /** A snapshot of region `remote`, and a name for its copy. */
  async #copySource(): Promise<Subject> {
    const ground = this.#ground
    const name = ground.newName('far')
    const { snapshots } = this.#remote
    const made = await snapshots.createSnapshot({ sourceVolume: 'far', name })
    await waitForSnapshot(this.#remote, made.id)
    return { target: ground.newName('pair'), etag: '', source: { id: made.id, crn: made.crn } }
  }

  async #rename(volume: string, etag = ''): Promise<unknown> {
    const name = this.#ground.newName('pair')
    const { volumes } = this.#client
    return await showing(name, volumes.updateVolume({ volume, name, etag, ...mask('name') }))
  }

  async #grow(volume: string, bytes: bigint): Promise<unknown> {
    const capacityBytes = String(bytes)
    const { volumes } = this.#client
    return await volumes.updateVolume({ volume, capacityBytes, ...mask('capacity_bytes') })
  }

  async #renameSnapshot(snapshot: string, etag = '', client = this.#client): Promise<unknown> {
    const name = this.#ground.newName('pair')
    const request = { snapshot, name, etag, ...mask('name') }
    return await showing(name, client.snapshots.updateSnapshot(request))
  }

  async #attach(volume: string, host: string, readOnly = false): Promise<unknown> {
    return await this.#client.attachments.createAttachment({ volume, host, readOnly })
  }

  async #cut(sourceVolume: string): Promise<unknown> {
    const name = this.#ground.newName('pair')
    return await this.#client.snapshots.createSnapshot({ sourceVolume, name })
  }

  async #clone(snapshot: string, zone: string): Promise<unknown> {
    return await this.#client.snapshots.createSnapshotClone({ snapshot, zone })
  }

  async #dropClone(snapshot: string): Promise<unknown> {
    return await this.#client.snapshots.deleteSnapshotClone({ snapshot, zone: 'local-2' })
  }

  async #restore(sourceSnapshot: string, zone: string): Promise<unknown> {
    const name = this.#ground.newName('pair')
    return await this.#client.volumes.createVolume({ zone, name, sourceSnapshot })
  }

  #volumeCalls(): PairCalls {
    const { volumes } = this.#client
    const deletes = ['DeleteVolume', 'DeleteVolume by etag']
    const renames = ['UpdateVolume of the name', 'UpdateVolume by etag']
    const attaches = ['CreateAttachment', 'CreateAttachment of another host']
    const notReady = beside(deletes, 'volume_not_found', 'failed_precondition')
    return {
      'UpdateVolume of the name': {
        call: ({ target }) => this.#rename(target),
        refused: gone('volume', ...deletes),
      },
      'UpdateVolume by etag': {
        call: ({ target, etag }) => this.#rename(target, etag),
        refused: { ...gone('volume', ...deletes), ...beside(renames, 'etag_mismatch') },
      },
      'UpdateVolume of the size': {
        call: ({ target }) => this.#grow(target, 8n * MiB),
        refused: { ...notReady, ...beside(['UpdateVolume to more'], 'volume_capacity_shrink') },
      },
      'UpdateVolume to more': {
        call: ({ target }) => this.#grow(target, 16n * MiB),
        refused: notReady,
      },
      DeleteVolume: {
        call: ({ target: volume }) => volumes.deleteVolume({ volume }),
        refused: { ...gone('volume', ...deletes), ...beside(attaches, 'volume_in_use') },
      },
      'DeleteVolume by etag': {
        call: ({ target: volume, etag }) => volumes.deleteVolume({ volume, etag }),
        refused: {
          ...gone('volume', ...deletes),
          ...beside(attaches, 'volume_in_use'),
          ...beside(renames, 'etag_mismatch'),
        },
      },
      CreateAttachment: {
        call: ({ target }) => this.#attach(target, 'host-1'),
        refused: {
          ...notReady,
          ...beside(['CreateAttachment of another host'], 'volume_attached'),
        },
      },
      'CreateAttachment of another host': {
        call: ({ target }) => this.#attach(target, 'host-2'),
        refused: { ...notReady, ...beside(['CreateAttachment'], 'volume_attached') },
      },
      CreateSnapshot: { call: ({ target }) => this.#cut(target), refused: notReady },
    }
  }

  // Whoever attaches while another detaches waits for the end of that.
  #attachedCalls(): PairCalls {
    const { attachments } = this.#client
    const idOf = async (volume: string) =>
      (await attachments.listAttachments({ volume })).attachments[0]?.id ?? unknownId
    const detached = beside(['DeleteAttachment'], 'attachment_not_found')
    return {
      CreateAttachment: { call: ({ target }) => this.#attach(target, 'host-1'), refused: detached },
      'CreateAttachment of another host': {
        call: ({ target }) => this.#attach(target, 'host-2'),
        refused: {},
        alone: 'volume_attached',
      },
      'CreateAttachment in another mode': {
        call: ({ target }) => this.#attach(target, 'host-1', true),
        refused: {},
        alone: 'volume_attached',
      },
      DeleteAttachment: {
        call: async ({ target }) =>
          await attachments.deleteAttachment({ attachment: await idOf(target) }),
        refused: detached,
      },
      DeleteVolume: {
        call: ({ target: volume }) => this.#client.volumes.deleteVolume({ volume }),
        refused: {},
        alone: 'volume_in_use',
      },
      'UpdateVolume of the size': {
        call: ({ target }) => this.#grow(target, 8n * MiB),
        refused: {},
      },
      CreateSnapshot: { call: ({ target }) => this.#cut(target), refused: {} },
    }
  }

  #newVolumeCalls(): PairCalls {
    const { volumes } = this.#client
    const made = ['CreateVolume', 'CreateVolume from a snapshot']
    const create = (sourceSnapshot: string, zone: string): PairCall => ({
      call: ({ target: name }) =>
        volumes.createVolume({ name, zone, sourceSnapshot, capacityBytes: String(4n * MiB) }),
      refused: {
        ...beside(made, 'validation_unique_failed'),
        ...gone('volume', 'DeleteVolume'),
      },
    })
    const early = { refused: beside(made, 'failed_precondition'), alone: 'volume_not_found' }
    return {
      CreateVolume: create('', 'local-1'),
      'CreateVolume from a snapshot': create('base-cut', 'local-2'),
      DeleteVolume: {
        call: ({ target: volume }) => volumes.deleteVolume({ volume }),
        refused: {},
        alone: 'volume_not_found',
      },
      'UpdateVolume of the tags': {
        call: ({ target: volume }) =>
          volumes.updateVolume({ volume, userTags: ['pair'], ...mask('user_tags') }),
        refused: {},
        alone: 'volume_not_found',
      },
      CreateAttachment: { call: ({ target }) => this.#attach(target, 'host-1'), ...early },
      CreateSnapshot: { call: ({ target }) => this.#cut(target), ...early },
    }
  }

  #snapshotCalls(): PairCalls {
    const { snapshots } = this.#client
    const deletes = ['DeleteSnapshot', 'DeleteSnapshot by etag']
    const renames = ['UpdateSnapshot', 'UpdateSnapshot by etag']
    const deleted = gone('snapshot', ...deletes)
    const cloned = beside(deletes, 'snapshot_not_found', 'snapshot_failed')
    return {
      UpdateSnapshot: { call: ({ target }) => this.#renameSnapshot(target), refused: deleted },
      'UpdateSnapshot by etag': {
        call: ({ target, etag }) => this.#renameSnapshot(target, etag),
        refused: { ...deleted, ...beside(renames, 'etag_mismatch') },
      },
      DeleteSnapshot: {
        call: ({ target: snapshot }) => snapshots.deleteSnapshot({ snapshot }),
        refused: deleted,
      },
      'DeleteSnapshot by etag': {
        call: ({ target: snapshot, etag }) => snapshots.deleteSnapshot({ snapshot, etag }),
        refused: { ...deleted, ...beside(renames, 'etag_mismatch') },
      },
      'CreateSnapshotClone here': {
        call: ({ target }) => this.#clone(target, 'local-1'),
        refused: cloned,
      },
      'CreateSnapshotClone there': {
        call: ({ target }) => this.#clone(target, 'local-2'),
        refused: cloned,
      },
      DeleteSnapshotClone: {
        call: ({ target }) => this.#dropClone(target),
        refused: gone('snapshot', ...deletes),
        alone: 'not_found',
      },
      CreateVolume: {
        call: ({ target }) => this.#restore(target, 'local-1'),
        refused: deleted,
      },
    }
  }

  #clonedCalls(): PairCalls {
    const { snapshots } = this.#client
    const deleted = gone('snapshot', 'DeleteSnapshot')
    const cloneGone = beside(['DeleteSnapshotClone'], 'not_found')
    return {
      UpdateSnapshot: { call: ({ target }) => this.#renameSnapshot(target), refused: deleted },
      DeleteSnapshot: {
        call: ({ target: snapshot }) => snapshots.deleteSnapshot({ snapshot }),
        refused: deleted,
      },
      CreateSnapshotClone: {
        call: ({ target }) => this.#clone(target, 'local-2'),
        refused: beside(['DeleteSnapshot'], 'snapshot_not_found', 'snapshot_failed'),
      },
      DeleteSnapshotClone: {
        call: ({ target }) => this.#dropClone(target),
        refused: {
          ...beside(['DeleteSnapshot'], 'snapshot_not_found', 'not_found'),
          ...cloneGone,
        },
      },
      CreateVolume: { call: ({ target }) => this.#restore(target, 'local-2'), refused: deleted },
    }
  }

  /** Of a snapshot that may not be there yet. */
  #earlyCalls(): PairCalls {
    const { snapshots } = this.#client
    const early = { refused: {}, alone: 'snapshot_not_found' }
    return {
      DeleteSnapshot: {
        call: ({ target: snapshot }) => snapshots.deleteSnapshot({ snapshot }),
        ...early,
      },
      UpdateSnapshot: {
        call: ({ target: snapshot }) =>
          snapshots.updateSnapshot({ snapshot, userTags: ['pair'], ...mask('user_tags') }),
        ...early,
      },
      CreateSnapshotClone: { call: ({ target }) => this.#clone(target, 'local-1'), ...early },
    }
  }

  #newSnapshotCalls(): PairCalls {
    const { snapshots } = this.#client
    return {
      CreateSnapshot: {
        call: ({ target: name }) =>
          snapshots.createSnapshot({ sourceVolume: 'subject', name, cloneZones: ['local-2'] }),
        refused: {
          ...beside(['CreateSnapshot'], 'validation_unique_failed'),
          ...gone('snapshot', 'DeleteSnapshot'),
        },
      },
      ...this.#earlyCalls(),
      DeleteSnapshotClone: {
        call: ({ target }) => this.#dropClone(target),
        refused: {},
        alone: 'snapshot_not_found',
      },
      CreateVolume: {
        call: ({ target }) => this.#restore(target, 'local-1'),
        refused: beside(['CreateSnapshot'], 'snapshot_pending'),
        alone: 'snapshot_not_found',
      },
    }
  }

  #copyCalls(): PairCalls {
    const { snapshots } = this.#client
    const sourceDeleted = 'DeleteSnapshot of the source'
    return {
      CreateSnapshot: {
        call: ({ target: name, source }) =>
          snapshots.createSnapshot({ sourceSnapshotCrn: source?.crn ?? '', name }),
        refused: {
          ...beside(['CreateSnapshot'], 'validation_unique_failed'),
          ...gone('snapshot', 'DeleteSnapshot', sourceDeleted),
        },
      },
      ...this.#earlyCalls(),
      'UpdateSnapshot of the source': {
        call: ({ source }) => this.#renameSnapshot(source?.id ?? '', '', this.#remote),
        refused: gone('snapshot', sourceDeleted),
      },
      [sourceDeleted]: {
        call: ({ source }) => this.#remote.snapshots.deleteSnapshot({ snapshot: source?.id ?? '' }),
        refused: gone('snapshot', sourceDeleted),
      },
    }
  }
}
