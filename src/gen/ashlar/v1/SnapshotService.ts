// Generated from proto/ by scripts/gen-proto.mjs.

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CreateSnapshotRequest as _ashlar_v1_CreateSnapshotRequest, CreateSnapshotRequest__Output as _ashlar_v1_CreateSnapshotRequest__Output } from '../../ashlar/v1/CreateSnapshotRequest.js';
import type { DeleteSnapshotRequest as _ashlar_v1_DeleteSnapshotRequest, DeleteSnapshotRequest__Output as _ashlar_v1_DeleteSnapshotRequest__Output } from '../../ashlar/v1/DeleteSnapshotRequest.js';
import type { DeleteSnapshotResponse as _ashlar_v1_DeleteSnapshotResponse, DeleteSnapshotResponse__Output as _ashlar_v1_DeleteSnapshotResponse__Output } from '../../ashlar/v1/DeleteSnapshotResponse.js';
import type { GetSnapshotRequest as _ashlar_v1_GetSnapshotRequest, GetSnapshotRequest__Output as _ashlar_v1_GetSnapshotRequest__Output } from '../../ashlar/v1/GetSnapshotRequest.js';
import type { ListSnapshotsRequest as _ashlar_v1_ListSnapshotsRequest, ListSnapshotsRequest__Output as _ashlar_v1_ListSnapshotsRequest__Output } from '../../ashlar/v1/ListSnapshotsRequest.js';
import type { ListSnapshotsResponse as _ashlar_v1_ListSnapshotsResponse, ListSnapshotsResponse__Output as _ashlar_v1_ListSnapshotsResponse__Output } from '../../ashlar/v1/ListSnapshotsResponse.js';
import type { Snapshot as _ashlar_v1_Snapshot, Snapshot__Output as _ashlar_v1_Snapshot__Output } from '../../ashlar/v1/Snapshot.js';
import type { UpdateSnapshotRequest as _ashlar_v1_UpdateSnapshotRequest, UpdateSnapshotRequest__Output as _ashlar_v1_UpdateSnapshotRequest__Output } from '../../ashlar/v1/UpdateSnapshotRequest.js';

export interface SnapshotServiceClient extends grpc.Client {
  CreateSnapshot(argument: _ashlar_v1_CreateSnapshotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  CreateSnapshot(argument: _ashlar_v1_CreateSnapshotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  CreateSnapshot(argument: _ashlar_v1_CreateSnapshotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  CreateSnapshot(argument: _ashlar_v1_CreateSnapshotRequest, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  createSnapshot(argument: _ashlar_v1_CreateSnapshotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  createSnapshot(argument: _ashlar_v1_CreateSnapshotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  createSnapshot(argument: _ashlar_v1_CreateSnapshotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  createSnapshot(argument: _ashlar_v1_CreateSnapshotRequest, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  
  DeleteSnapshot(argument: _ashlar_v1_DeleteSnapshotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_DeleteSnapshotResponse__Output>): grpc.ClientUnaryCall;
  DeleteSnapshot(argument: _ashlar_v1_DeleteSnapshotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_DeleteSnapshotResponse__Output>): grpc.ClientUnaryCall;
  DeleteSnapshot(argument: _ashlar_v1_DeleteSnapshotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_DeleteSnapshotResponse__Output>): grpc.ClientUnaryCall;
  DeleteSnapshot(argument: _ashlar_v1_DeleteSnapshotRequest, callback: grpc.requestCallback<_ashlar_v1_DeleteSnapshotResponse__Output>): grpc.ClientUnaryCall;
  deleteSnapshot(argument: _ashlar_v1_DeleteSnapshotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_DeleteSnapshotResponse__Output>): grpc.ClientUnaryCall;
  deleteSnapshot(argument: _ashlar_v1_DeleteSnapshotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_DeleteSnapshotResponse__Output>): grpc.ClientUnaryCall;
  deleteSnapshot(argument: _ashlar_v1_DeleteSnapshotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_DeleteSnapshotResponse__Output>): grpc.ClientUnaryCall;
  deleteSnapshot(argument: _ashlar_v1_DeleteSnapshotRequest, callback: grpc.requestCallback<_ashlar_v1_DeleteSnapshotResponse__Output>): grpc.ClientUnaryCall;
  
  GetSnapshot(argument: _ashlar_v1_GetSnapshotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  GetSnapshot(argument: _ashlar_v1_GetSnapshotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  GetSnapshot(argument: _ashlar_v1_GetSnapshotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  GetSnapshot(argument: _ashlar_v1_GetSnapshotRequest, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  getSnapshot(argument: _ashlar_v1_GetSnapshotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  getSnapshot(argument: _ashlar_v1_GetSnapshotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  getSnapshot(argument: _ashlar_v1_GetSnapshotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  getSnapshot(argument: _ashlar_v1_GetSnapshotRequest, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  
  ListSnapshots(argument: _ashlar_v1_ListSnapshotsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ListSnapshotsResponse__Output>): grpc.ClientUnaryCall;
  ListSnapshots(argument: _ashlar_v1_ListSnapshotsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_ListSnapshotsResponse__Output>): grpc.ClientUnaryCall;
  ListSnapshots(argument: _ashlar_v1_ListSnapshotsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ListSnapshotsResponse__Output>): grpc.ClientUnaryCall;
  ListSnapshots(argument: _ashlar_v1_ListSnapshotsRequest, callback: grpc.requestCallback<_ashlar_v1_ListSnapshotsResponse__Output>): grpc.ClientUnaryCall;
  listSnapshots(argument: _ashlar_v1_ListSnapshotsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ListSnapshotsResponse__Output>): grpc.ClientUnaryCall;
  listSnapshots(argument: _ashlar_v1_ListSnapshotsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_ListSnapshotsResponse__Output>): grpc.ClientUnaryCall;
  listSnapshots(argument: _ashlar_v1_ListSnapshotsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ListSnapshotsResponse__Output>): grpc.ClientUnaryCall;
  listSnapshots(argument: _ashlar_v1_ListSnapshotsRequest, callback: grpc.requestCallback<_ashlar_v1_ListSnapshotsResponse__Output>): grpc.ClientUnaryCall;
  
  UpdateSnapshot(argument: _ashlar_v1_UpdateSnapshotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  UpdateSnapshot(argument: _ashlar_v1_UpdateSnapshotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  UpdateSnapshot(argument: _ashlar_v1_UpdateSnapshotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  UpdateSnapshot(argument: _ashlar_v1_UpdateSnapshotRequest, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  updateSnapshot(argument: _ashlar_v1_UpdateSnapshotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  updateSnapshot(argument: _ashlar_v1_UpdateSnapshotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  updateSnapshot(argument: _ashlar_v1_UpdateSnapshotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  updateSnapshot(argument: _ashlar_v1_UpdateSnapshotRequest, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  
}

export interface SnapshotServiceHandlers extends grpc.UntypedServiceImplementation {
  CreateSnapshot: grpc.handleUnaryCall<_ashlar_v1_CreateSnapshotRequest__Output, _ashlar_v1_Snapshot>;
  
  DeleteSnapshot: grpc.handleUnaryCall<_ashlar_v1_DeleteSnapshotRequest__Output, _ashlar_v1_DeleteSnapshotResponse>;
  
  GetSnapshot: grpc.handleUnaryCall<_ashlar_v1_GetSnapshotRequest__Output, _ashlar_v1_Snapshot>;
  
  ListSnapshots: grpc.handleUnaryCall<_ashlar_v1_ListSnapshotsRequest__Output, _ashlar_v1_ListSnapshotsResponse>;
  
  UpdateSnapshot: grpc.handleUnaryCall<_ashlar_v1_UpdateSnapshotRequest__Output, _ashlar_v1_Snapshot>;
  
}

export interface SnapshotServiceDefinition extends grpc.ServiceDefinition {
  CreateSnapshot: MethodDefinition<_ashlar_v1_CreateSnapshotRequest, _ashlar_v1_Snapshot, _ashlar_v1_CreateSnapshotRequest__Output, _ashlar_v1_Snapshot__Output>
  DeleteSnapshot: MethodDefinition<_ashlar_v1_DeleteSnapshotRequest, _ashlar_v1_DeleteSnapshotResponse, _ashlar_v1_DeleteSnapshotRequest__Output, _ashlar_v1_DeleteSnapshotResponse__Output>
  GetSnapshot: MethodDefinition<_ashlar_v1_GetSnapshotRequest, _ashlar_v1_Snapshot, _ashlar_v1_GetSnapshotRequest__Output, _ashlar_v1_Snapshot__Output>
  ListSnapshots: MethodDefinition<_ashlar_v1_ListSnapshotsRequest, _ashlar_v1_ListSnapshotsResponse, _ashlar_v1_ListSnapshotsRequest__Output, _ashlar_v1_ListSnapshotsResponse__Output>
  UpdateSnapshot: MethodDefinition<_ashlar_v1_UpdateSnapshotRequest, _ashlar_v1_Snapshot, _ashlar_v1_UpdateSnapshotRequest__Output, _ashlar_v1_Snapshot__Output>
}
