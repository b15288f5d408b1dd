// The one bulk method, with serializers that leave frames alone, and the settings of its
// connections. The receiver is the client, because in grpc-js only a client raises its window.

import type { ChannelOptions, MethodDefinition } from '@grpc/grpc-js'

import { limits } from '../base/limits.js'
import {
  type PullRequest,
  type PullResponse,
  decodePullRequest,
  decodePullResponse,
  encodePullRequest,
  encodePullResponse,
} from './wire.js'

export const pullMethod: MethodDefinition<PullRequest, PullResponse> = {
  path: '/ashlar.replication.v1.ReplicationService/Pull',
  requestStream: true,
  responseStream: true,
  requestSerialize: encodePullRequest,
  requestDeserialize: decodePullRequest,
  responseSerialize: encodePullResponse,
  responseDeserialize: decodePullResponse,
}

export const pullServiceDefinition = { Pull: pullMethod }

/** Frames come by about 1 MiB; the rest is room for a source that packs more. */
const messageBytesMax = 8 * 1024 * 1024
const windowBytes = 16 * 1024 * 1024

export const pullChannelOptions: ChannelOptions = {
  'grpc-node.flow_control_window': windowBytes,
  'grpc.max_receive_message_length': messageBytesMax,
  'grpc.max_send_message_length': messageBytesMax,
  'grpc.enable_retries': 0,
  'grpc.enable_channelz': 0,
  'grpc.enable_http_proxy': 0,
  // Lanes must not share a connection: a read that waits would queue behind a megabyte of others.
  'grpc.use_local_subchannel_pool': 1,
  // A peer that is back is found soon; the default waits for minutes.
  'grpc.initial_reconnect_backoff_ms': 250,
  'grpc.max_reconnect_backoff_ms': 5000,
  'grpc.keepalive_time_ms': limits.keepaliveTimeMs,
  'grpc.keepalive_timeout_ms': limits.keepaliveTimeoutMs,
}
