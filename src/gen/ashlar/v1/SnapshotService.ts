// Generated from proto/ by scripts/gen-proto.mjs.

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CreateSnapshotCloneRequest as _ashlar_v1_CreateSnapshotCloneRequest, CreateSnapshotCloneRequest__Output as _ashlar_v1_CreateSnapshotCloneRequest__Output } from '../../ashlar/v1/CreateSnapshotCloneRequest.js';
import type { CreateSnapshotRequest as _ashlar_v1_CreateSnapshotRequest, CreateSnapshotRequest__Output as _ashlar_v1_CreateSnapshotRequest__Output } from '../../ashlar/v1/CreateSnapshotRequest.js';
import type { DeleteSnapshotCloneRequest as _ashlar_v1_DeleteSnapshotCloneRequest, DeleteSnapshotCloneRequest__Output as _ashlar_v1_DeleteSnapshotCloneRequest__Output } from '../../ashlar/v1/DeleteSnapshotCloneRequest.js';
import type { DeleteSnapshotCloneResponse as _ashlar_v1_DeleteSnapshotCloneResponse, DeleteSnapshotCloneResponse__Output as _ashlar_v1_DeleteSnapshotCloneResponse__Output } from '../../ashlar/v1/DeleteSnapshotCloneResponse.js';
import type { DeleteSnapshotRequest as _ashlar_v1_DeleteSnapshotRequest, DeleteSnapshotRequest__Output as _ashlar_v1_DeleteSnapshotRequest__Output } from '../../ashlar/v1/DeleteSnapshotRequest.js';
import type { DeleteSnapshotResponse as _ashlar_v1_DeleteSnapshotResponse, DeleteSnapshotResponse__Output as _ashlar_v1_DeleteSnapshotResponse__Output } from '../../ashlar/v1/DeleteSnapshotResponse.js';
import type { GetSnapshotCloneRequest as _ashlar_v1_GetSnapshotCloneRequest, GetSnapshotCloneRequest__Output as _ashlar_v1_GetSnapshotCloneRequest__Output } from '../../ashlar/v1/GetSnapshotCloneRequest.js';
import type { GetSnapshotRequest as _ashlar_v1_GetSnapshotRequest, GetSnapshotRequest__Output as _ashlar_v1_GetSnapshotRequest__Output } from '../../ashlar/v1/GetSnapshotRequest.js';
import type { ListSnapshotClonesRequest as _ashlar_v1_ListSnapshotClonesRequest, ListSnapshotClonesRequest__Output as _ashlar_v1_ListSnapshotClonesRequest__Output } from '../../ashlar/v1/ListSnapshotClonesRequest.js';
import type { ListSnapshotClonesResponse as _ashlar_v1_ListSnapshotClonesResponse, ListSnapshotClonesResponse__Output as _ashlar_v1_ListSnapshotClonesResponse__Output } from '../../ashlar/v1/ListSnapshotClonesResponse.js';
import type { ListSnapshotsRequest as _ashlar_v1_ListSnapshotsRequest, ListSnapshotsRequest__Output as _ashlar_v1_ListSnapshotsRequest__Output } from '../../ashlar/v1/ListSnapshotsRequest.js';
import type { ListSnapshotsResponse as _ashlar_v1_ListSnapshotsResponse, ListSnapshotsResponse__Output as _ashlar_v1_ListSnapshotsResponse__Output } from '../../ashlar/v1/ListSnapshotsResponse.js';
import type { Snapshot as _ashlar_v1_Snapshot, Snapshot__Output as _ashlar_v1_Snapshot__Output } from '../../ashlar/v1/Snapshot.js';
import type { SnapshotClone as _ashlar_v1_SnapshotClone, SnapshotClone__Output as _ashlar_v1_SnapshotClone__Output } from '../../ashlar/v1/SnapshotClone.js';
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
  
  CreateSnapshotClone(argument: _ashlar_v1_CreateSnapshotCloneRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_SnapshotClone__Output>): grpc.ClientUnaryCall;
  CreateSnapshotClone(argument: _ashlar_v1_CreateSnapshotCloneRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_SnapshotClone__Output>): grpc.ClientUnaryCall;
  CreateSnapshotClone(argument: _ashlar_v1_CreateSnapshotCloneRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_SnapshotClone__Output>): grpc.ClientUnaryCall;
  CreateSnapshotClone(argument: _ashlar_v1_CreateSnapshotCloneRequest, callback: grpc.requestCallback<_ashlar_v1_SnapshotClone__Output>): grpc.ClientUnaryCall;
  createSnapshotClone(argument: _ashlar_v1_CreateSnapshotCloneRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_SnapshotClone__Output>): grpc.ClientUnaryCall;
  createSnapshotClone(argument: _ashlar_v1_CreateSnapshotCloneRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_SnapshotClone__Output>): grpc.ClientUnaryCall;
  createSnapshotClone(argument: _ashlar_v1_CreateSnapshotCloneRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_SnapshotClone__Output>): grpc.ClientUnaryCall;
  createSnapshotClone(argument: _ashlar_v1_CreateSnapshotCloneRequest, callback: grpc.requestCallback<_ashlar_v1_SnapshotClone__Output>): grpc.ClientUnaryCall;
  
  DeleteSnapshot(argument: _ashlar_v1_DeleteSnapshotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_DeleteSnapshotResponse__Output>): grpc.ClientUnaryCall;
  DeleteSnapshot(argument: _ashlar_v1_DeleteSnapshotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_DeleteSnapshotResponse__Output>): grpc.ClientUnaryCall;
  DeleteSnapshot(argument: _ashlar_v1_DeleteSnapshotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_DeleteSnapshotResponse__Output>): grpc.ClientUnaryCall;
  DeleteSnapshot(argument: _ashlar_v1_DeleteSnapshotRequest, callback: grpc.requestCallback<_ashlar_v1_DeleteSnapshotResponse__Output>): grpc.ClientUnaryCall;
  deleteSnapshot(argument: _ashlar_v1_DeleteSnapshotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_DeleteSnapshotResponse__Output>): grpc.ClientUnaryCall;
  deleteSnapshot(argument: _ashlar_v1_DeleteSnapshotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_DeleteSnapshotResponse__Output>): grpc.ClientUnaryCall;
  deleteSnapshot(argument: _ashlar_v1_DeleteSnapshotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_DeleteSnapshotResponse__Output>): grpc.ClientUnaryCall;
  deleteSnapshot(argument: _ashlar_v1_DeleteSnapshotRequest, callback: grpc.requestCallback<_ashlar_v1_DeleteSnapshotResponse__Output>): grpc.ClientUnaryCall;
  
  DeleteSnapshotClone(argument: _ashlar_v1_DeleteSnapshotCloneRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_DeleteSnapshotCloneResponse__Output>): grpc.ClientUnaryCall;
  DeleteSnapshotClone(argument: _ashlar_v1_DeleteSnapshotCloneRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_DeleteSnapshotCloneResponse__Output>): grpc.ClientUnaryCall;
  DeleteSnapshotClone(argument: _ashlar_v1_DeleteSnapshotCloneRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_DeleteSnapshotCloneResponse__Output>): grpc.ClientUnaryCall;
  DeleteSnapshotClone(argument: _ashlar_v1_DeleteSnapshotCloneRequest, callback: grpc.requestCallback<_ashlar_v1_DeleteSnapshotCloneResponse__Output>): grpc.ClientUnaryCall;
  deleteSnapshotClone(argument: _ashlar_v1_DeleteSnapshotCloneRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_DeleteSnapshotCloneResponse__Output>): grpc.ClientUnaryCall;
  deleteSnapshotClone(argument: _ashlar_v1_DeleteSnapshotCloneRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_DeleteSnapshotCloneResponse__Output>): grpc.ClientUnaryCall;
  deleteSnapshotClone(argument: _ashlar_v1_DeleteSnapshotCloneRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_DeleteSnapshotCloneResponse__Output>): grpc.ClientUnaryCall;
  deleteSnapshotClone(argument: _ashlar_v1_DeleteSnapshotCloneRequest, callback: grpc.requestCallback<_ashlar_v1_DeleteSnapshotCloneResponse__Output>): grpc.ClientUnaryCall;
  
  GetSnapshot(argument: _ashlar_v1_GetSnapshotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  GetSnapshot(argument: _ashlar_v1_GetSnapshotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  GetSnapshot(argument: _ashlar_v1_GetSnapshotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  GetSnapshot(argument: _ashlar_v1_GetSnapshotRequest, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  getSnapshot(argument: _ashlar_v1_GetSnapshotRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  getSnapshot(argument: _ashlar_v1_GetSnapshotRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  getSnapshot(argument: _ashlar_v1_GetSnapshotRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  getSnapshot(argument: _ashlar_v1_GetSnapshotRequest, callback: grpc.requestCallback<_ashlar_v1_Snapshot__Output>): grpc.ClientUnaryCall;
  
  GetSnapshotClone(argument: _ashlar_v1_GetSnapshotCloneRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_SnapshotClone__Output>): grpc.ClientUnaryCall;
  GetSnapshotClone(argument: _ashlar_v1_GetSnapshotCloneRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_SnapshotClone__Output>): grpc.ClientUnaryCall;
  GetSnapshotClone(argument: _ashlar_v1_GetSnapshotCloneRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_SnapshotClone__Output>): grpc.ClientUnaryCall;
  GetSnapshotClone(argument: _ashlar_v1_GetSnapshotCloneRequest, callback: grpc.requestCallback<_ashlar_v1_SnapshotClone__Output>): grpc.ClientUnaryCall;
  getSnapshotClone(argument: _ashlar_v1_GetSnapshotCloneRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_SnapshotClone__Output>): grpc.ClientUnaryCall;
  getSnapshotClone(argument: _ashlar_v1_GetSnapshotCloneRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_SnapshotClone__Output>): grpc.ClientUnaryCall;
  getSnapshotClone(argument: _ashlar_v1_GetSnapshotCloneRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_SnapshotClone__Output>): grpc.ClientUnaryCall;
  getSnapshotClone(argument: _ashlar_v1_GetSnapshotCloneRequest, callback: grpc.requestCallback<_ashlar_v1_SnapshotClone__Output>): grpc.ClientUnaryCall;
  
  ListSnapshotClones(argument: _ashlar_v1_ListSnapshotClonesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ListSnapshotClonesResponse__Output>): grpc.ClientUnaryCall;
  ListSnapshotClones(argument: _ashlar_v1_ListSnapshotClonesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_ListSnapshotClonesResponse__Output>): grpc.ClientUnaryCall;
  ListSnapshotClones(argument: _ashlar_v1_ListSnapshotClonesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ListSnapshotClonesResponse__Output>): grpc.ClientUnaryCall;
  ListSnapshotClones(argument: _ashlar_v1_ListSnapshotClonesRequest, callback: grpc.requestCallback<_ashlar_v1_ListSnapshotClonesResponse__Output>): grpc.ClientUnaryCall;
  listSnapshotClones(argument: _ashlar_v1_ListSnapshotClonesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ListSnapshotClonesResponse__Output>): grpc.ClientUnaryCall;
  listSnapshotClones(argument: _ashlar_v1_ListSnapshotClonesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_ListSnapshotClonesResponse__Output>): grpc.ClientUnaryCall;
  listSnapshotClones(argument: _ashlar_v1_ListSnapshotClonesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ListSnapshotClonesResponse__Output>): grpc.ClientUnaryCall;
  listSnapshotClones(argument: _ashlar_v1_ListSnapshotClonesRequest, callback: grpc.requestCallback<_ashlar_v1_ListSnapshotClonesResponse__Output>): grpc.ClientUnaryCall;
  
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
  
  CreateSnapshotClone: grpc.handleUnaryCall<_ashlar_v1_CreateSnapshotCloneRequest__Output, _ashlar_v1_SnapshotClone>;
  
  DeleteSnapshot: grpc.handleUnaryCall<_ashlar_v1_DeleteSnapshotRequest__Output, _ashlar_v1_DeleteSnapshotResponse>;
  
  DeleteSnapshotClone: grpc.handleUnaryCall<_ashlar_v1_DeleteSnapshotCloneRequest__Output, _ashlar_v1_DeleteSnapshotCloneResponse>;
  
  GetSnapshot: grpc.handleUnaryCall<_ashlar_v1_GetSnapshotRequest__Output, _ashlar_v1_Snapshot>;
  
  GetSnapshotClone: grpc.handleUnaryCall<_ashlar_v1_GetSnapshotCloneRequest__Output, _ashlar_v1_SnapshotClone>;
  
  ListSnapshotClones: grpc.handleUnaryCall<_ashlar_v1_ListSnapshotClonesRequest__Output, _ashlar_v1_ListSnapshotClonesResponse>;
  
  ListSnapshots: grpc.handleUnaryCall<_ashlar_v1_ListSnapshotsRequest__Output, _ashlar_v1_ListSnapshotsResponse>;
  
  UpdateSnapshot: grpc.handleUnaryCall<_ashlar_v1_UpdateSnapshotRequest__Output, _ashlar_v1_Snapshot>;
  
}

export interface SnapshotServiceDefinition extends grpc.ServiceDefinition {
  CreateSnapshot: MethodDefinition<_ashlar_v1_CreateSnapshotRequest, _ashlar_v1_Snapshot, _ashlar_v1_CreateSnapshotRequest__Output, _ashlar_v1_Snapshot__Output>
  CreateSnapshotClone: MethodDefinition<_ashlar_v1_CreateSnapshotCloneRequest, _ashlar_v1_SnapshotClone, _ashlar_v1_CreateSnapshotCloneRequest__Output, _ashlar_v1_SnapshotClone__Output>
  DeleteSnapshot: MethodDefinition<_ashlar_v1_DeleteSnapshotRequest, _ashlar_v1_DeleteSnapshotResponse, _ashlar_v1_DeleteSnapshotRequest__Output, _ashlar_v1_DeleteSnapshotResponse__Output>
  DeleteSnapshotClone: MethodDefinition<_ashlar_v1_DeleteSnapshotCloneRequest, _ashlar_v1_DeleteSnapshotCloneResponse, _ashlar_v1_DeleteSnapshotCloneRequest__Output, _ashlar_v1_DeleteSnapshotCloneResponse__Output>
  GetSnapshot: MethodDefinition<_ashlar_v1_GetSnapshotRequest, _ashlar_v1_Snapshot, _ashlar_v1_GetSnapshotRequest__Output, _ashlar_v1_Snapshot__Output>
  GetSnapshotClone: MethodDefinition<_ashlar_v1_GetSnapshotCloneRequest, _ashlar_v1_SnapshotClone, _ashlar_v1_GetSnapshotCloneRequest__Output, _ashlar_v1_SnapshotClone__Output>
  ListSnapshotClones: MethodDefinition<_ashlar_v1_ListSnapshotClonesRequest, _ashlar_v1_ListSnapshotClonesResponse, _ashlar_v1_ListSnapshotClonesRequest__Output, _ashlar_v1_ListSnapshotClonesResponse__Output>
  ListSnapshots: MethodDefinition<_ashlar_v1_ListSnapshotsRequest, _ashlar_v1_ListSnapshotsResponse, _ashlar_v1_ListSnapshotsRequest__Output, _ashlar_v1_ListSnapshotsResponse__Output>
  UpdateSnapshot: MethodDefinition<_ashlar_v1_UpdateSnapshotRequest, _ashlar_v1_Snapshot, _ashlar_v1_UpdateSnapshotRequest__Output, _ashlar_v1_Snapshot__Output>
}
