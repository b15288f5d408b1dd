// Generated from proto/ by scripts/gen-proto.mjs.

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CommitCopyRequest as _ashlar_replication_v1_CommitCopyRequest, CommitCopyRequest__Output as _ashlar_replication_v1_CommitCopyRequest__Output } from '../../../ashlar/replication/v1/CommitCopyRequest.js';
import type { CommitCopyResponse as _ashlar_replication_v1_CommitCopyResponse, CommitCopyResponse__Output as _ashlar_replication_v1_CommitCopyResponse__Output } from '../../../ashlar/replication/v1/CommitCopyResponse.js';
import type { OpenCopyRequest as _ashlar_replication_v1_OpenCopyRequest, OpenCopyRequest__Output as _ashlar_replication_v1_OpenCopyRequest__Output } from '../../../ashlar/replication/v1/OpenCopyRequest.js';
import type { OpenCopyResponse as _ashlar_replication_v1_OpenCopyResponse, OpenCopyResponse__Output as _ashlar_replication_v1_OpenCopyResponse__Output } from '../../../ashlar/replication/v1/OpenCopyResponse.js';
import type { ReleaseCopyRequest as _ashlar_replication_v1_ReleaseCopyRequest, ReleaseCopyRequest__Output as _ashlar_replication_v1_ReleaseCopyRequest__Output } from '../../../ashlar/replication/v1/ReleaseCopyRequest.js';
import type { ReleaseCopyResponse as _ashlar_replication_v1_ReleaseCopyResponse, ReleaseCopyResponse__Output as _ashlar_replication_v1_ReleaseCopyResponse__Output } from '../../../ashlar/replication/v1/ReleaseCopyResponse.js';

export interface CopyServiceClient extends grpc.Client {
  CommitCopy(argument: _ashlar_replication_v1_CommitCopyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_replication_v1_CommitCopyResponse__Output>): grpc.ClientUnaryCall;
  CommitCopy(argument: _ashlar_replication_v1_CommitCopyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_replication_v1_CommitCopyResponse__Output>): grpc.ClientUnaryCall;
  CommitCopy(argument: _ashlar_replication_v1_CommitCopyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_replication_v1_CommitCopyResponse__Output>): grpc.ClientUnaryCall;
  CommitCopy(argument: _ashlar_replication_v1_CommitCopyRequest, callback: grpc.requestCallback<_ashlar_replication_v1_CommitCopyResponse__Output>): grpc.ClientUnaryCall;
  commitCopy(argument: _ashlar_replication_v1_CommitCopyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_replication_v1_CommitCopyResponse__Output>): grpc.ClientUnaryCall;
  commitCopy(argument: _ashlar_replication_v1_CommitCopyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_replication_v1_CommitCopyResponse__Output>): grpc.ClientUnaryCall;
  commitCopy(argument: _ashlar_replication_v1_CommitCopyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_replication_v1_CommitCopyResponse__Output>): grpc.ClientUnaryCall;
  commitCopy(argument: _ashlar_replication_v1_CommitCopyRequest, callback: grpc.requestCallback<_ashlar_replication_v1_CommitCopyResponse__Output>): grpc.ClientUnaryCall;
  
  OpenCopy(argument: _ashlar_replication_v1_OpenCopyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_replication_v1_OpenCopyResponse__Output>): grpc.ClientUnaryCall;
  OpenCopy(argument: _ashlar_replication_v1_OpenCopyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_replication_v1_OpenCopyResponse__Output>): grpc.ClientUnaryCall;
  OpenCopy(argument: _ashlar_replication_v1_OpenCopyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_replication_v1_OpenCopyResponse__Output>): grpc.ClientUnaryCall;
  OpenCopy(argument: _ashlar_replication_v1_OpenCopyRequest, callback: grpc.requestCallback<_ashlar_replication_v1_OpenCopyResponse__Output>): grpc.ClientUnaryCall;
  openCopy(argument: _ashlar_replication_v1_OpenCopyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_replication_v1_OpenCopyResponse__Output>): grpc.ClientUnaryCall;
  openCopy(argument: _ashlar_replication_v1_OpenCopyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_replication_v1_OpenCopyResponse__Output>): grpc.ClientUnaryCall;
  openCopy(argument: _ashlar_replication_v1_OpenCopyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_replication_v1_OpenCopyResponse__Output>): grpc.ClientUnaryCall;
  openCopy(argument: _ashlar_replication_v1_OpenCopyRequest, callback: grpc.requestCallback<_ashlar_replication_v1_OpenCopyResponse__Output>): grpc.ClientUnaryCall;
  
  ReleaseCopy(argument: _ashlar_replication_v1_ReleaseCopyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_replication_v1_ReleaseCopyResponse__Output>): grpc.ClientUnaryCall;
  ReleaseCopy(argument: _ashlar_replication_v1_ReleaseCopyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_replication_v1_ReleaseCopyResponse__Output>): grpc.ClientUnaryCall;
  ReleaseCopy(argument: _ashlar_replication_v1_ReleaseCopyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_replication_v1_ReleaseCopyResponse__Output>): grpc.ClientUnaryCall;
  ReleaseCopy(argument: _ashlar_replication_v1_ReleaseCopyRequest, callback: grpc.requestCallback<_ashlar_replication_v1_ReleaseCopyResponse__Output>): grpc.ClientUnaryCall;
  releaseCopy(argument: _ashlar_replication_v1_ReleaseCopyRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_replication_v1_ReleaseCopyResponse__Output>): grpc.ClientUnaryCall;
  releaseCopy(argument: _ashlar_replication_v1_ReleaseCopyRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_replication_v1_ReleaseCopyResponse__Output>): grpc.ClientUnaryCall;
  releaseCopy(argument: _ashlar_replication_v1_ReleaseCopyRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_replication_v1_ReleaseCopyResponse__Output>): grpc.ClientUnaryCall;
  releaseCopy(argument: _ashlar_replication_v1_ReleaseCopyRequest, callback: grpc.requestCallback<_ashlar_replication_v1_ReleaseCopyResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface CopyServiceHandlers extends grpc.UntypedServiceImplementation {
  CommitCopy: grpc.handleUnaryCall<_ashlar_replication_v1_CommitCopyRequest__Output, _ashlar_replication_v1_CommitCopyResponse>;
  
  OpenCopy: grpc.handleUnaryCall<_ashlar_replication_v1_OpenCopyRequest__Output, _ashlar_replication_v1_OpenCopyResponse>;
  
  ReleaseCopy: grpc.handleUnaryCall<_ashlar_replication_v1_ReleaseCopyRequest__Output, _ashlar_replication_v1_ReleaseCopyResponse>;
  
}

export interface CopyServiceDefinition extends grpc.ServiceDefinition {
  CommitCopy: MethodDefinition<_ashlar_replication_v1_CommitCopyRequest, _ashlar_replication_v1_CommitCopyResponse, _ashlar_replication_v1_CommitCopyRequest__Output, _ashlar_replication_v1_CommitCopyResponse__Output>
  OpenCopy: MethodDefinition<_ashlar_replication_v1_OpenCopyRequest, _ashlar_replication_v1_OpenCopyResponse, _ashlar_replication_v1_OpenCopyRequest__Output, _ashlar_replication_v1_OpenCopyResponse__Output>
  ReleaseCopy: MethodDefinition<_ashlar_replication_v1_ReleaseCopyRequest, _ashlar_replication_v1_ReleaseCopyResponse, _ashlar_replication_v1_ReleaseCopyRequest__Output, _ashlar_replication_v1_ReleaseCopyResponse__Output>
}
