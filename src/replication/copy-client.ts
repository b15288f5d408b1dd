// Another region's copy service as this one calls it: CopyControl over gRPC.

import { Client } from '@grpc/grpc-js'

import { limits } from '../base/limits.js'
import { type Peer, type UnaryCalls, unaryCalls } from '../client/calls.js'
import type { SiteCredentials } from '../client/site-credentials.js'
import type {
  CommitCopy,
  CopyControl,
  OpenCopy,
  OpenedCopy,
  ReleaseCopy,
} from '../engine/copy-control.js'
import type { CopyServiceDefinition } from '../gen/ashlar/replication/v1/CopyService.js'
import { copyService } from '../gen/proto.js'

export interface CopyClientOptions {
  /** Of the other region. */
  readonly name: string
  readonly address: string
  readonly credentials: SiteCredentials
}

const channelOptions = {
  'grpc.enable_retries': 0,
  'grpc.enable_http_proxy': 0,
  'grpc.use_local_subchannel_pool': 1,
  'grpc.keepalive_time_ms': limits.keepaliveTimeMs,
  'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
  // A region that comes back is found at once: the caller's own backoff decides when to try.
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 1000,
}

const deadlineMs = 10_000

export class CopyClient implements CopyControl {
  readonly #grpc: Client
  readonly #calls: UnaryCalls<CopyServiceDefinition>

  constructor({ name, address, credentials }: CopyClientOptions) {
    const channel = credentials.channelTo(name)
    const options = { ...channelOptions, ...channel.options }
    this.#grpc = new Client(address, channel.credentials, options)
    const peer: Peer = { grpc: this.#grpc, name: `region ${name} at ${address}` }
    this.#calls = unaryCalls<CopyServiceDefinition>(peer, copyService)
  }

  async open(request: OpenCopy, signal: AbortSignal): Promise<OpenedCopy> {
    const { pinId, manifest, snapshotId, description } = await this.#calls.openCopy(request, {
      signal,
      deadlineMs,
    })
    return { pinId, manifest: Buffer.from(manifest), snapshotId, description }
  }

  async commit(request: CommitCopy, signal: AbortSignal): Promise<void> {
    await this.#calls.commitCopy(request, { signal, deadlineMs })
  }

  async release(request: ReleaseCopy, signal: AbortSignal): Promise<void> {
    await this.#calls.releaseCopy(request, { signal, deadlineMs })
  }

  close(): void {
    this.#grpc.close()
  }
}
