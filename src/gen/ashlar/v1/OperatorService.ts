// Generated from proto/ by scripts/gen-proto.mjs.

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CollectStoreRequest as _ashlar_v1_CollectStoreRequest, CollectStoreRequest__Output as _ashlar_v1_CollectStoreRequest__Output } from '../../ashlar/v1/CollectStoreRequest.js';
import type { CollectStoreResponse as _ashlar_v1_CollectStoreResponse, CollectStoreResponse__Output as _ashlar_v1_CollectStoreResponse__Output } from '../../ashlar/v1/CollectStoreResponse.js';
import type { ForgetZoneRequest as _ashlar_v1_ForgetZoneRequest, ForgetZoneRequest__Output as _ashlar_v1_ForgetZoneRequest__Output } from '../../ashlar/v1/ForgetZoneRequest.js';
import type { ForgetZoneResponse as _ashlar_v1_ForgetZoneResponse, ForgetZoneResponse__Output as _ashlar_v1_ForgetZoneResponse__Output } from '../../ashlar/v1/ForgetZoneResponse.js';
import type { GetStoreStatsRequest as _ashlar_v1_GetStoreStatsRequest, GetStoreStatsRequest__Output as _ashlar_v1_GetStoreStatsRequest__Output } from '../../ashlar/v1/GetStoreStatsRequest.js';
import type { GrowPoolRequest as _ashlar_v1_GrowPoolRequest, GrowPoolRequest__Output as _ashlar_v1_GrowPoolRequest__Output } from '../../ashlar/v1/GrowPoolRequest.js';
import type { GrowPoolResponse as _ashlar_v1_GrowPoolResponse, GrowPoolResponse__Output as _ashlar_v1_GrowPoolResponse__Output } from '../../ashlar/v1/GrowPoolResponse.js';
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
  
  GrowPool(argument: _ashlar_v1_GrowPoolRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_GrowPoolResponse__Output>): grpc.ClientUnaryCall;
  GrowPool(argument: _ashlar_v1_GrowPoolRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_GrowPoolResponse__Output>): grpc.ClientUnaryCall;
  GrowPool(argument: _ashlar_v1_GrowPoolRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_GrowPoolResponse__Output>): grpc.ClientUnaryCall;
  GrowPool(argument: _ashlar_v1_GrowPoolRequest, callback: grpc.requestCallback<_ashlar_v1_GrowPoolResponse__Output>): grpc.ClientUnaryCall;
  growPool(argument: _ashlar_v1_GrowPoolRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_GrowPoolResponse__Output>): grpc.ClientUnaryCall;
  growPool(argument: _ashlar_v1_GrowPoolRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_GrowPoolResponse__Output>): grpc.ClientUnaryCall;
  growPool(argument: _ashlar_v1_GrowPoolRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_GrowPoolResponse__Output>): grpc.ClientUnaryCall;
  growPool(argument: _ashlar_v1_GrowPoolRequest, callback: grpc.requestCallback<_ashlar_v1_GrowPoolResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface OperatorServiceHandlers extends grpc.UntypedServiceImplementation {
  CollectStore: grpc.handleUnaryCall<_ashlar_v1_CollectStoreRequest__Output, _ashlar_v1_CollectStoreResponse>;
  
  ForgetZone: grpc.handleUnaryCall<_ashlar_v1_ForgetZoneRequest__Output, _ashlar_v1_ForgetZoneResponse>;
  
  GetStoreStats: grpc.handleUnaryCall<_ashlar_v1_GetStoreStatsRequest__Output, _ashlar_v1_StoreStats>;
  
  GrowPool: grpc.handleUnaryCall<_ashlar_v1_GrowPoolRequest__Output, _ashlar_v1_GrowPoolResponse>;
  
}

export interface OperatorServiceDefinition extends grpc.ServiceDefinition {
  CollectStore: MethodDefinition<_ashlar_v1_CollectStoreRequest, _ashlar_v1_CollectStoreResponse, _ashlar_v1_CollectStoreRequest__Output, _ashlar_v1_CollectStoreResponse__Output>
  ForgetZone: MethodDefinition<_ashlar_v1_ForgetZoneRequest, _ashlar_v1_ForgetZoneResponse, _ashlar_v1_ForgetZoneRequest__Output, _ashlar_v1_ForgetZoneResponse__Output>
  GetStoreStats: MethodDefinition<_ashlar_v1_GetStoreStatsRequest, _ashlar_v1_StoreStats, _ashlar_v1_GetStoreStatsRequest__Output, _ashlar_v1_StoreStats__Output>
  GrowPool: MethodDefinition<_ashlar_v1_GrowPoolRequest, _ashlar_v1_GrowPoolResponse, _ashlar_v1_GrowPoolRequest__Output, _ashlar_v1_GrowPoolResponse__Output>
}
