// The story, act by act. Everything it prints was measured or checked here; the first thing that does
// not hold ends it.

import { randomUUID } from 'node:crypto'
import { applyToFile, blockBytes, changes, makeImage, readBlock, volumeBytes } from './image.mjs'
import { Nbd } from './nbd.mjs'
import { bytes, duration } from './page.mjs'

export async function tell({ world, page, wait, systemClock }) {
  await new Story({ world, page, wait, systemClock }).tell()
}

async function timed(work) {
  const began = performance.now()
  const value = await work()
  return { value, ms: performance.now() - began }
}

/** Far more than anything here takes. */
const patienceMs = 120_000

const variable = (volume) => volume.toUpperCase().replaceAll('-', '_')

class Story {
  #world
  #page
  #wait
  #clock
  /** Name → snapshot as it was when stable, in `local`. */
  #snapshots = {}
  /** Name → NBD URI, and when its creation began. */
  #volumes = {}
  #rows = [['', 'data', 'sent', 'stored', 'stable after']]
  #image
  #changed

  constructor({ world, page, wait, systemClock }) {
    this.#world = world
    this.#page = page
    this.#wait = wait
    // Waiting must not be rounder than what is measured.
    const sleep = (_ms, signal) => systemClock.sleep(5, signal)
    this.#clock = { ...systemClock, sleep }
  }

  async tell() {
    await this.#begin()
    await this.#fill()
    await this.#snapshot('monday', this.#image.usedBlocks * blockBytes)
    await this.#change()
    await this.#snapshot('tuesday', this.#changed.length * blockBytes)
    await this.#clone()
    await this.#restore()
    await this.#copy()
    await this.#deleteSource()
    await this.#collect()
    await this.#restoreFromCopy()
    this.#page.table(this.#rows)
    this.#page.end(`Everything held, in ${this.#page.seconds.toFixed(0)} s.`)
  }

  /** For one wait. */
  get #patience() {
    return { clock: this.#clock, signal: AbortSignal.timeout(patienceMs) }
  }

  #hold(holds, text) {
    if (!holds) throw new Error(`it does not hold that ${text}`)
    this.#page.held(text)
  }

  async #begin() {
    this.#page.act('Two regions: local with zones local-1 and local-2, remote with remote-1')
    const { ms } = await timed(() => this.#world.start())
    this.#page.figure('up after', duration(ms))
  }

  async #fill() {
    const { ashlar, run } = this.#commands
    this.#page.act('A file system goes into a thin volume, over NBD')
    this.#image = await makeImage(this.#world, this.#path('monday'))
    const size = `${volumeBytes >> 20}MiB`
    await ashlar(['volume-create', '--name', 'data', '--zone', 'local-1', '--size', size])
    const uri = await ashlar(['attach', 'data'])
    const convert = ['convert', '-n', '-f', 'raw', '-O', 'raw', this.#path('monday'), uri]
    const { ms } = await timed(() => run('qemu-img', convert, 'qemu-img convert -n monday $URI'))
    const written = this.#image.usedBlocks * blockBytes
    this.#page.figure('data in the file system', bytes(written))
    this.#page.figure('written in', `${duration(ms)}, ${bytes((written / ms) * 1000)}/s`)
    this.#volumes.data = { uri }
  }

  /** `dataBytes`: what has changed since the snapshot before. */
  async #snapshot(name, dataBytes) {
    const { snapshots } = this.#world.client()
    const title = name === 'monday' ? 'first' : 'next'
    this.#page.act(`The ${title} snapshot: an instant, then its data moves to the region`)
    this.#page.call(`CreateSnapshot { source_volume: data, name: ${name} }`)
    const request = { sourceVolume: 'data', name, requestId: randomUUID() }
    const began = performance.now()
    const cut = await snapshots.createSnapshot(request)
    const capturedMs = performance.now() - began
    const stable = await this.#wait.waitForSnapshot(this.#world.client(), cut.id, this.#patience)
    const stableMs = performance.now() - began
    this.#page.figure('captured, and answered', duration(capturedMs))
    this.#page.figure('stable in the region', duration(stableMs))
    this.#row(name, dataBytes, stable, stableMs)
    if (name === 'tuesday') this.#holdIncremental(dataBytes, stable)
    this.#snapshots[name] = stable
    await this.#verify(name, name)
  }

  #row(name, dataBytes, { transferredBytes, storedBytes }, ms) {
    const sizes = [dataBytes, Number(transferredBytes), Number(storedBytes)].map(bytes)
    this.#page.figure('sent to the region', sizes[1])
    this.#page.figure('stored there', sizes[2])
    this.#rows.push([name, ...sizes, duration(ms)])
  }

  #holdIncremental(changedBytes, { transferredBytes }) {
    const sent = Number(transferredBytes)
    this.#hold(
      sent > 0 && sent <= 1.1 * changedBytes,
      `what was sent is at most 1.1 × what changed (${bytes(sent)} for ${bytes(changedBytes)})`,
    )
  }

  /** The image's own Merkle root is the snapshot's. */
  async #verify(image, snapshot, region = 'local') {
    const args = ['verify', this.#path(image), '--snapshot', snapshot]
    const { equal, root } = await this.#world.json(args, region)
    this.#hold(
      equal === true,
      `the root of ${image} is that of the snapshot (${root.slice(0, 12)}…)`,
    )
    return root
  }

  async #change() {
    const count = Math.ceil(this.#image.usedBlocks / 100)
    this.#page.act(`One percent changes: ${count} blocks of 4 KiB, scattered over a large file`)
    this.#changed = changes(this.#image.databaseBlocks, count)
    await this.#commands.run('cp', ['--sparse=always', this.#path('monday'), this.#path('tuesday')])
    applyToFile(this.#path('tuesday'), this.#changed)
    const nbd = await Nbd.connect(this.#volumes.data.uri)
    const { ms } = await timed(async () => {
      for (const { offset, data } of this.#changed) await nbd.write(offset, data)
      await nbd.flush()
    })
    nbd.close()
    this.#page.figure('written and flushed in', duration(ms))
  }

  async #clone() {
    this.#page.act('A fast-restore clone of tuesday in zone local-2')
    const clone = { snapshot: 'tuesday', zone: 'local-2' }
    this.#page.call('CreateSnapshotClone { snapshot: tuesday, zone: local-2 }')
    const { ms } = await timed(async () => {
      const { snapshots } = this.#world.client()
      await snapshots.createSnapshotClone({ ...clone, requestId: randomUUID() })
      await this.#wait.waitForClone(this.#world.client(), clone, this.#patience)
    })
    this.#page.figure('available after', duration(ms))
    await this.#commands.ashlar(['snapshot-clone', 'tuesday', 'local-2'])
  }

  async #restore() {
    this.#page.act('Restores in zone local-2: tuesday from the clone, monday from the region')
    const fromClone = await this.#firstByte('from-clone', 'tuesday', 'local-2')
    this.#hold(
      fromClone.volume.healthState === 'VOLUME_HEALTH_STATE_OK',
      'the volume from the clone is ok at once: nothing has to be fetched',
    )
    await this.#firstByte('from-region', 'monday', 'local-2')
    await this.#hydrated('from-region')
  }

  /** Creates a volume from a snapshot, attaches it and reads one block that holds data. */
  async #firstByte(name, snapshot, zone, region = 'local') {
    const client = this.#world.client(region)
    this.#page.call(`CreateVolume { name: ${name}, source_snapshot: ${snapshot}, zone: ${zone} }`)
    const [{ offset }] = this.#changed
    const { value, ms } = await timed(async () => {
      const request = { name, sourceSnapshot: snapshot, zone, requestId: randomUUID() }
      const volume = await client.volumes.createVolume(request)
      const attach = { volume: volume.id, host: 'demo', requestId: randomUUID() }
      const { nbdUnixUri: uri } = await client.attachments.createAttachment(attach)
      const nbd = await Nbd.connect(uri)
      const block = await nbd.read(offset, blockBytes)
      nbd.close()
      return { volume, uri, block }
    })
    this.#page.figure('created to first byte', duration(ms))
    const captured = readBlock(this.#path(snapshot), offset)
    this.#hold(value.block.equals(captured), 'the first block read is the one that was captured')
    this.#volumes[name] = { uri: value.uri, createdMs: performance.now() - ms }
    return value
  }

  async #hydrated(name, region = 'local') {
    const client = this.#world.client(region)
    const { healthState } = await this.#wait.waitForVolume(client, name, this.#patience)
    const ms = performance.now() - this.#volumes[name].createdMs
    const dataBytes = this.#image.usedBlocks * blockBytes
    const rate = bytes((dataBytes / ms) * 1000)
    this.#page.figure('all data is there after', `${duration(ms)}, ${rate}/s`)
    this.#hold(healthState === 'VOLUME_HEALTH_STATE_OK', `volume ${name} is ok`)
  }

  async #copy() {
    this.#page.act('Copies in region remote: both snapshots, one after the other')
    for (const name of ['monday', 'tuesday']) {
      const { crn, root } = this.#snapshots[name]
      const client = this.#world.client('remote')
      this.#page.call(`CreateSnapshot { source_snapshot_crn: ${crn.slice(0, 44)}…, name: ${name} }`)
      const { value, ms } = await timed(async () => {
        const request = { sourceSnapshotCrn: crn, name, requestId: randomUUID() }
        const { id } = await client.snapshots.createSnapshot(request)
        return await this.#wait.waitForSnapshot(client, id, this.#patience)
      })
      const blocks = name === 'monday' ? this.#image.usedBlocks : this.#changed.length
      this.#row(`copy of ${name}`, blocks * blockBytes, value, ms)
      if (name === 'tuesday') this.#holdIncremental(blocks * blockBytes, value)
      this.#hold(value.root === root, `the copy of ${name} has the root of its source`)
    }
    const { copies } = await this.#world.json(['snapshot', 'tuesday'])
    this.#hold(
      copies[0]?.snapshot.remote_region === 'remote',
      'the source lists its copy in the other region',
    )
  }

  async #deleteSource() {
    const { ashlar } = this.#commands
    this.#page.act('The source goes: its volume, its snapshots, the clone')
    const { id } = await this.#world.json(['volume', 'data'])
    await ashlar(['detach', 'data'])
    await ashlar(['volume-delete', 'data', '-f'])
    await ashlar(['snapshots-delete', '--volume', id, '-f'])
    const gone = async () =>
      (await this.#world.client().snapshots.listSnapshots({})).totalCount === 0
    await this.#world.until('the snapshots are gone', gone)
    this.#page.held('region local has no snapshot any more')
    await this.#compare('from-clone', 'tuesday')
    await this.#compare('from-region', 'monday')
  }

  async #compare(volume, image) {
    const { uri } = this.#volumes[volume]
    const files = ['compare', '-f', 'raw', '-F', 'raw', this.#path(image), uri]
    const shown = `qemu-img compare -f raw -F raw ${image} $${variable(volume)}`
    await this.#commands.run('qemu-img', files, shown)
    this.#page.held(`volume ${volume} is ${image}, byte for byte`)
  }

  async #collect() {
    this.#page.act('Collection: the regions give back what nothing needs')
    const before = await this.#world.json(['store-stats'])
    const { freed_bytes: freed, after } = await this.#world.json(['store-collect'])
    this.#page.figure('store of local', `${bytes(before.pack_bytes)} → ${bytes(after.pack_bytes)}`)
    this.#page.figure('freed', bytes(freed))
    // Nothing is reachable any more; what is left are packs still open.
    this.#hold(after.pack_bytes <= 2 * (64 << 20), 'the store keeps at most two packs')
    this.#hold(after.pack_bytes < before.pack_bytes / 2, 'most of the store is free again')
    await this.#world.json(['store-collect'], 'remote')
  }

  async #restoreFromCopy() {
    this.#page.act('A restore from the copy, in the other region, after all of that')
    await this.#firstByte('from-copy', 'tuesday', 'remote-1', 'remote')
    await this.#hydrated('from-copy', 'remote')
    const { run } = this.#commands
    const out = this.#path('from-copy')
    await run('nbdcopy', [this.#volumes['from-copy'].uri, out], 'nbdcopy $FROM_COPY from-copy')
    await run('cmp', [out, this.#path('tuesday')])
    await run('e2fsck', ['-fn', out])
    this.#page.held('it is tuesday, byte for byte, and its file system is sound')
    const root = await this.#verify('from-copy', 'tuesday', 'remote')
    this.#hold(
      root === this.#snapshots.tuesday.root,
      'its root is the one the source had in region local',
    )
  }

  get #commands() {
    return {
      ashlar: (...args) => this.#world.ashlar(...args),
      run: (...args) => this.#world.run(...args),
    }
  }

  #path(name) {
    return this.#world.path(name)
  }
}
