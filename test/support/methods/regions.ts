// A whole neighbourhood: the region of a Ground, with a zone that can be lost; a peer that has a
// snapshot to copy; and a peer whose store cannot be opened, so that its snapshots stay pending.

import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import type { Peer as Connection } from '../../../src/client/calls.js'
import { Client, connect } from '../../../src/client/client.js'
import type { Snapshot__Output as Snapshot } from '../../../src/gen/ashlar/v1/Snapshot.js'
import { MiB, Objects, ZoneApi } from '../api.js'
import { must } from '../tools.js'
import { World } from '../world.js'
import { Ground } from './ground.js'

export const zones = ['local-1', 'local-2'] as const
/** A zone beside those, which is lost now and then. */
const lost = 'local-3'

export class Regions {
  readonly ground: Ground
  readonly remote: World
  readonly stuck: World
  readonly remoteClient: Client
  readonly stuckClient: Client
  /** Where other regions call them. */
  readonly peers: Readonly<Record<'remote' | 'stuck', Connection>>
  /** Stable, in region `remote`. */
  readonly source: Snapshot
  /** In region `stuck`, whose zones are stuck-1, which has their volume, and stuck-2. */
  readonly pending: Snapshot
  readonly failed: Snapshot
  #isLost = false

  private constructor(parts: Pick<Regions, 'ground' | 'remote' | 'stuck'>, snapshots: Snapshots) {
    this.ground = parts.ground
    this.remote = parts.remote
    this.stuck = parts.stuck
    this.remoteClient = new Client(parts.remote.endpoint)
    this.stuckClient = new Client(parts.stuck.endpoint)
    this.peers = {
      remote: connect(parts.remote.siteEndpoint),
      stuck: connect(parts.stuck.siteEndpoint),
    }
    this.source = snapshots.source
    this.pending = snapshots.pending
    this.failed = snapshots.failed
  }

  static async start(): Promise<Regions> {
    const folders = [World.makeFolder(), World.makeFolder(), World.makeFolder()] as const
    const [local, remote, stuck] = ['local', 'remote', 'stuck'].map((name, at) => ({
      name,
      number: at + 1,
      address: World.endpointIn(folders[at] ?? ''),
    })) as [Peer, Peer, Peer]
    const worlds = {
      ground: await Ground.begin(
        await World.start({
          zones: [...zones, lost],
          poolCapacity: '512MiB',
          folder: folders[0],
          peers: [remote, stuck],
        }),
        zones,
      ),
      remote: await World.start({
        zones: ['remote-1'],
        poolCapacity: '128MiB',
        folder: folders[1],
        region: remote,
        peers: [local],
      }),
      stuck: await World.start({
        zones: ['stuck-1', 'stuck-2'],
        poolCapacity: '64MiB',
        folder: folders[2],
        region: stuck,
        // Which do not all know it.
        peers: [local, remote],
      }),
    }
    return new Regions(worlds, {
      source: await makeSource(worlds.remote),
      ...(await makeStuck(worlds.stuck)),
    })
  }

  async close(): Promise<void> {
    this.remoteClient.close()
    this.stuckClient.close()
    for (const { grpc } of Object.values(this.peers)) grpc.close()
    await this.ground.close()
    await this.remote.remove()
    await this.stuck.remove()
  }

  /** A volume in a zone that is lost right after. */
  async volumeInLostZone(): Promise<string> {
    await this.regainZone()
    const volume = await this.ground.newVolume(lost)
    await this.loseZone()
    return volume
  }

  /** A volume whose deletion its node cannot be told of. */
  async deletingVolume(): Promise<string> {
    const { volumes } = this.ground.client
    const { id } = await volumes.getVolume({ volume: await this.volumeInLostZone() })
    const going = volumes.deleteVolume({ volume: id })
    going.catch(() => undefined)
    await this.ground.world.until('it is being deleted', async () => {
      const { status } = await volumes.getVolume({ volume: id })
      return status === 'VOLUME_STATUS_PENDING_DELETION'
    })
    return id
  }

  /** Its name. Ensures: the region has noticed that none of its nodes is there. */
  async loseZone(): Promise<string> {
    this.#isLost = true
    await this.ground.world.signal(lost, 'SIGKILL')
    await this.#untilStatus('ZONE_STATUS_UNAVAILABLE')
    return lost
  }

  /** With an empty pool; what the region had there is forgotten. */
  async regainZone(): Promise<void> {
    const { world, client } = this.ground
    if (!this.#isLost) return
    this.#isLost = false
    await client.operator.forgetZone({ zone: lost })
    rmSync(join(world.folder, lost), { recursive: true, force: true })
    await world.start(lost)
    await this.#untilStatus('ZONE_STATUS_AVAILABLE')
  }

  async #untilStatus(status: string): Promise<void> {
    const { world, client } = this.ground
    await world.until(`zone ${lost}: ${status}`, async () => {
      const { zones: found } = await client.topology.listZones({ name: lost })
      return found[0]?.status === status
    })
  }
}

interface Peer {
  readonly name: string
  readonly number: number
  readonly address: string
}
type Snapshots = Pick<Regions, 'source' | 'pending' | 'failed'>

async function makeSource(world: World): Promise<Snapshot> {
  const client = new Client(world.endpoint)
  const volume = { name: 'far', zone: 'remote-1', capacityBytes: String(4n * MiB) }
  await client.volumes.createVolume(volume)
  const uri = await world.must('attach', 'far')
  await must('qemu-io', ['-f', 'raw', '-c', 'write -P 0x5a 0 4M', '-c', 'flush', uri])
  await client.snapshots.createSnapshot({ sourceVolume: 'far', name: 'far-cut' })
  const source = await new Objects(client).stable('far-cut')
  client.close()
  return source
}

// A region opens its store once and for all when it first needs it.
async function makeStuck(world: World): Promise<Pick<Snapshots, 'pending' | 'failed'>> {
  writeFileSync(join(world.folder, 'region', 'store'), 'in the way')
  const client = new Client(world.endpoint)
  const volume = { name: 'v', zone: 'stuck-1', capacityBytes: String(4n * MiB) }
  await client.volumes.createVolume(volume)
  const cut = async (name: string) =>
    await client.snapshots.createSnapshot({ sourceVolume: 'v', name })
  const lostCut = await cut('failed')
  const zone = new ZoneApi(world.zoneEndpoint('stuck-1'))
  await zone.calls.dropCut({ snapshotId: lostCut.id })
  zone.close()
  let failed = lostCut
  await world.until('the snapshot without its cut has failed', async () => {
    failed = await client.snapshots.getSnapshot({ snapshot: lostCut.id })
    return failed.lifecycleState === 'LIFECYCLE_STATE_FAILED'
  })
  const pending = await cut('pending')
  client.close()
  return { pending, failed }
}
