// A client of a region's public API (ashlar.v1).

import {
  Client as GrpcClient,
  type ClientOptions as GrpcClientOptions,
  credentials,
} from '@grpc/grpc-js'

import { limits } from '../base/limits.js'
import {
  attachmentService,
  operatorService,
  snapshotService,
  topologyService,
  volumeService,
} from '../gen/proto.js'
import { type Peer, type UnaryCalls, unaryCalls } from './calls.js'
import { parseEndpoint } from './endpoint.js'

/** Channel options of every control connection, client side. */
export const channelOptions: GrpcClientOptions = {
  'grpc.keepalive_time_ms': limits.keepaliveTimeMs,
  'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
  'grpc.keepalive_permit_without_calls': 1,
  'grpc.max_receive_message_length': limits.messageBytesMax,
  'grpc.initial_reconnect_backoff_ms': 100,
  'grpc.max_reconnect_backoff_ms': 5_000,
  // A proxy from the environment must not come between sites.
  'grpc.enable_http_proxy': 0,
}

/** Connects when the first call is made. Plain text: the address is loopback or a Unix socket. */
export function connect(endpoint: string): Peer {
  const target = parseEndpoint(endpoint)
  return {
    grpc: new GrpcClient(target, credentials.createInsecure(), channelOptions),
    name: endpoint,
  }
}

export class Client {
  readonly volumes: UnaryCalls<typeof volumeService>
  readonly attachments: UnaryCalls<typeof attachmentService>
  readonly snapshots: UnaryCalls<typeof snapshotService>
  readonly topology: UnaryCalls<typeof topologyService>
  readonly operator: UnaryCalls<typeof operatorService>
  readonly endpoint: string
  readonly #peer: Peer

  /** Throws INVALID_ARGUMENT when the endpoint is malformed. */
  constructor(endpoint: string) {
    this.endpoint = endpoint
    this.#peer = connect(endpoint)
    this.volumes = unaryCalls(this.#peer, volumeService)
    this.attachments = unaryCalls(this.#peer, attachmentService)
    this.snapshots = unaryCalls(this.#peer, snapshotService)
    this.topology = unaryCalls(this.#peer, topologyService)
    this.operator = unaryCalls(this.#peer, operatorService)
  }

  /** Fails calls under way. Idempotent. */
  close(): void {
    this.#peer.grpc.close()
  }
}
