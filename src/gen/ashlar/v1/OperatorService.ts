// Generated from proto/ by scripts/gen-proto.mjs.

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CollectStoreRequest as _ashlar_v1_CollectStoreRequest, CollectStoreRequest__Output as _ashlar_v1_CollectStoreRequest__Output } from '../../ashlar/v1/CollectStoreRequest.js';
import type { CollectStoreResponse as _ashlar_v1_CollectStoreResponse, CollectStoreResponse__Output as _ashlar_v1_CollectStoreResponse__Output } from '../../ashlar/v1/CollectStoreResponse.js';
import type { ForgetZoneRequest as _ashlar_v1_ForgetZoneRequest, ForgetZoneRequest__Output as _ashlar_v1_ForgetZoneRequest__Output } from '../../ashlar/v1/ForgetZoneRequest.js';
import type { ForgetZoneResponse as _ashlar_v1_ForgetZoneResponse, ForgetZoneResponse__Output as _ashlar_v1_ForgetZoneResponse__Output } from '../../ashlar/v1/ForgetZoneResponse.js';
import type { GetStoreStatsRequest as _ashlar_v1_GetStoreStatsRequest, GetStoreStatsRequest__Output as _ashlar_v1_GetStoreStatsRequest__Output } from '../../ashlar/v1/GetStoreStatsRequest.js';
import type { StoreStats as _ashlar_v1_StoreStats, StoreStats__Output as _ashlar_v1_StoreStats__Output } from '../../ashlar/v1/StoreStats.js';

export interface OperatorServiceClient extends grpc.Client {
  CollectStore(argument: _ashlar_v1_CollectStoreRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_CollectStoreResponse__Output>): grpc.ClientUnaryCall;
  CollectStore(argument: _ashlar_v1_CollectStoreRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_CollectStoreResponse__Output>): grpc.ClientUnaryCall;
  CollectStore(argument: _ashlar_v1_CollectStoreRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_CollectStoreResponse__Output>): grpc.ClientUnaryCall;
  CollectStore(argument: _ashlar_v1_CollectStoreRequest, callback: grpc.requestCallback<_ashlar_v1_CollectStoreResponse__Output>): grpc.ClientUnaryCall;
  collectStore(argument: _ashlar_v1_CollectStoreRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_CollectStoreResponse__Output>): grpc.ClientUnaryCall;
  collectStore(argument: _ashlar_v1_CollectStoreRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_CollectStoreResponse__Output>): grpc.ClientUnaryCall;
  collectStore(argument: _ashlar_v1_CollectStoreRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_CollectStoreResponse__Output>): grpc.ClientUnaryCall;
  collectStore(argument: _ashlar_v1_CollectStoreRequest, callback: grpc.requestCallback<_ashlar_v1_CollectStoreResponse__Output>): grpc.ClientUnaryCall;
  
  ForgetZone(argument: _ashlar_v1_ForgetZoneRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ForgetZoneResponse__Output>): grpc.ClientUnaryCall;
  ForgetZone(argument: _ashlar_v1_ForgetZoneRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_ForgetZoneResponse__Output>): grpc.ClientUnaryCall;
  ForgetZone(argument: _ashlar_v1_ForgetZoneRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ForgetZoneResponse__Output>): grpc.ClientUnaryCall;
  ForgetZone(argument: _ashlar_v1_ForgetZoneRequest, callback: grpc.requestCallback<_ashlar_v1_ForgetZoneResponse__Output>): grpc.ClientUnaryCall;
  forgetZone(argument: _ashlar_v1_ForgetZoneRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ForgetZoneResponse__Output>): grpc.ClientUnaryCall;
  forgetZone(argument: _ashlar_v1_ForgetZoneRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_ForgetZoneResponse__Output>): grpc.ClientUnaryCall;
  forgetZone(argument: _ashlar_v1_ForgetZoneRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ForgetZoneResponse__Output>): grpc.ClientUnaryCall;
  forgetZone(argument: _ashlar_v1_ForgetZoneRequest, callback: grpc.requestCallback<_ashlar_v1_ForgetZoneResponse__Output>): grpc.ClientUnaryCall;
  
  GetStoreStats(argument: _ashlar_v1_GetStoreStatsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_StoreStats__Output>): grpc.ClientUnaryCall;
  GetStoreStats(argument: _ashlar_v1_GetStoreStatsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_StoreStats__Output>): grpc.ClientUnaryCall;
  GetStoreStats(argument: _ashlar_v1_GetStoreStatsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_StoreStats__Output>): grpc.ClientUnaryCall;
  GetStoreStats(argument: _ashlar_v1_GetStoreStatsRequest, callback: grpc.requestCallback<_ashlar_v1_StoreStats__Output>): grpc.ClientUnaryCall;
  getStoreStats(argument: _ashlar_v1_GetStoreStatsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_StoreStats__Output>): grpc.ClientUnaryCall;
  getStoreStats(argument: _ashlar_v1_GetStoreStatsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_StoreStats__Output>): grpc.ClientUnaryCall;
  getStoreStats(argument: _ashlar_v1_GetStoreStatsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_StoreStats__Output>): grpc.ClientUnaryCall;
  getStoreStats(argument: _ashlar_v1_GetStoreStatsRequest, callback: grpc.requestCallback<_ashlar_v1_StoreStats__Output>): grpc.ClientUnaryCall;
  
}

export interface OperatorServiceHandlers extends grpc.UntypedServiceImplementation {
  CollectStore: grpc.handleUnaryCall<_ashlar_v1_CollectStoreRequest__Output, _ashlar_v1_CollectStoreResponse>;
  
  ForgetZone: grpc.handleUnaryCall<_ashlar_v1_ForgetZoneRequest__Output, _ashlar_v1_ForgetZoneResponse>;
  
  GetStoreStats: grpc.handleUnaryCall<_ashlar_v1_GetStoreStatsRequest__Output, _ashlar_v1_StoreStats>;
  
}

export interface OperatorServiceDefinition extends grpc.ServiceDefinition {
  CollectStore: MethodDefinition<_ashlar_v1_CollectStoreRequest, _ashlar_v1_CollectStoreResponse, _ashlar_v1_CollectStoreRequest__Output, _ashlar_v1_CollectStoreResponse__Output>
  ForgetZone: MethodDefinition<_ashlar_v1_ForgetZoneRequest, _ashlar_v1_ForgetZoneResponse, _ashlar_v1_ForgetZoneRequest__Output, _ashlar_v1_ForgetZoneResponse__Output>
  GetStoreStats: MethodDefinition<_ashlar_v1_GetStoreStatsRequest, _ashlar_v1_StoreStats, _ashlar_v1_GetStoreStatsRequest__Output, _ashlar_v1_StoreStats__Output>
}
