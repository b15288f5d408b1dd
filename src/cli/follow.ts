// `--wait`: shows how far the work has come until it is done. The work belongs to the region: Ctrl-C
// ends the watching, never the work, and says how to look again.

import { type WaitOptions, waitForClone, waitForSnapshot, waitForVolume } from '../client/wait.js'
import type { Progress__Output as Progress } from '../gen/ashlar/v1/Progress.js'
import type { Reason__Output as Reason } from '../gen/ashlar/v1/Reason.js'
import type { Snapshot__Output as Snapshot } from '../gen/ashlar/v1/Snapshot.js'
import type { SnapshotClone__Output as SnapshotClone } from '../gen/ashlar/v1/SnapshotClone.js'
import type { Volume__Output as Volume } from '../gen/ashlar/v1/Volume.js'
import { clearLine } from './progress.js'
import type { Session } from './session.js'

/** What goes on when nobody watches. */
interface Work {
  /** The subject of a sentence. */
  readonly what: string
  /** The command that shows it. */
  readonly look: string
}

/**
 * Waits until the snapshot is stable, whether it is stored from a volume or copied from elsewhere.
 * `work`: what the user asked for, when that is more than the snapshot.
 */
export async function followSnapshot(
  session: Session,
  snapshot: Snapshot,
  work?: Work,
): Promise<Snapshot> {
  const { id, name } = snapshot
  const client = await session.client()
  return await follow<Snapshot>(session, {
    label: `${snapshot.sourceSnapshot === null ? 'Storing' : 'Copying'} snapshot ${name}`,
    work: work ?? { what: `Snapshot ${name}`, look: `ashlar snapshot ${id}` },
    progress: (now) => now.progress,
    reasons: (now) => now.lifecycleReasons,
    wait: (options) => waitForSnapshot(client, id, options),
  })
}

export interface CloneName {
  /** Id, CRN or name. */
  readonly snapshot: string
  readonly zone: string
}

export const cloneWork = ({ snapshot, zone }: CloneName): Work => ({
  what: `The clone of snapshot ${snapshot} in zone ${zone}`,
  look: `ashlar snapshot-clone ${snapshot} ${zone}`,
})

/** Waits until the clone is available. */
export async function followClone(session: Session, clone: CloneName): Promise<SnapshotClone> {
  const client = await session.client()
  return await follow<SnapshotClone>(session, {
    label: `Cloning snapshot ${clone.snapshot} in zone ${clone.zone}`,
    work: cloneWork(clone),
    progress: (now) => now.progress,
    reasons: (now) => now.reasons,
    wait: (options) => waitForClone(client, clone, options),
  })
}

/** Waits until all data of the volume is in its zone. */
export async function followVolume(session: Session, volume: Volume): Promise<Volume> {
  const client = await session.client()
  return await follow<Volume>(session, {
    label: `Hydrating volume ${volume.name}`,
    work: { what: `Volume ${volume.name}`, look: `ashlar volume ${volume.id}` },
    progress: (now) => now.hydration,
    // While it hydrates as it should there is nothing to remark on.
    reasons: (now) =>
      now.healthState === 'VOLUME_HEALTH_STATE_FAULTED' ? now.healthReasons : now.statusReasons,
    wait: (options) => waitForVolume(client, volume.id, options),
  })
}

interface Followed<Answer> {
  /** What the progress line starts with. */
  readonly label: string
  readonly work: Work
  readonly progress: (now: Answer) => Progress | null
  readonly reasons: (now: Answer) => readonly Reason[]
  readonly wait: (options: WaitOptions<Answer>) => Promise<Answer>
}

async function follow<Answer>(session: Session, followed: Followed<Answer>): Promise<Answer> {
  const { clock, signal, stderr, stderrTerminal } = session.io
  const line = session.progress(followed.label)
  const onProgress = (now: Answer) => {
    const progress = followed.progress(now)
    if (progress !== null) line.update(progress, followed.reasons(now)[0]?.message)
  }
  try {
    return await followed.wait({ signal, clock, onProgress })
  } catch (thrown) {
    line.end()
    if (signal.aborted) {
      const { what, look } = followed.work
      // The terminal has echoed "^C", whether a line was drawn or not.
      const clear = stderrTerminal ? clearLine : ''
      stderr(`${clear}${what} goes on without this command; look again with: ${look}\n`)
    }
    throw thrown
  } finally {
    line.end()
  }
}
