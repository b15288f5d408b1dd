// Generated from proto/ by scripts/gen-proto.mjs.

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { PullRequest as _ashlar_replication_v1_PullRequest, PullRequest__Output as _ashlar_replication_v1_PullRequest__Output } from '../../../ashlar/replication/v1/PullRequest.js';
import type { PullResponse as _ashlar_replication_v1_PullResponse, PullResponse__Output as _ashlar_replication_v1_PullResponse__Output } from '../../../ashlar/replication/v1/PullResponse.js';

export interface ReplicationServiceClient extends grpc.Client {
  Pull(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_ashlar_replication_v1_PullRequest, _ashlar_replication_v1_PullResponse__Output>;
  Pull(options?: grpc.CallOptions): grpc.ClientDuplexStream<_ashlar_replication_v1_PullRequest, _ashlar_replication_v1_PullResponse__Output>;
  pull(metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientDuplexStream<_ashlar_replication_v1_PullRequest, _ashlar_replication_v1_PullResponse__Output>;
  pull(options?: grpc.CallOptions): grpc.ClientDuplexStream<_ashlar_replication_v1_PullRequest, _ashlar_replication_v1_PullResponse__Output>;
  
}

export interface ReplicationServiceHandlers extends grpc.UntypedServiceImplementation {
  Pull: grpc.handleBidiStreamingCall<_ashlar_replication_v1_PullRequest__Output, _ashlar_replication_v1_PullResponse>;
  
}

export interface ReplicationServiceDefinition extends grpc.ServiceDefinition {
  Pull: MethodDefinition<_ashlar_replication_v1_PullRequest, _ashlar_replication_v1_PullResponse, _ashlar_replication_v1_PullRequest__Output, _ashlar_replication_v1_PullResponse__Output>
}
