// Generated from proto/ by scripts/gen-proto.mjs.

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { ListRegionsRequest as _ashlar_v1_ListRegionsRequest, ListRegionsRequest__Output as _ashlar_v1_ListRegionsRequest__Output } from '../../ashlar/v1/ListRegionsRequest.js';
import type { ListRegionsResponse as _ashlar_v1_ListRegionsResponse, ListRegionsResponse__Output as _ashlar_v1_ListRegionsResponse__Output } from '../../ashlar/v1/ListRegionsResponse.js';
import type { ListZonesRequest as _ashlar_v1_ListZonesRequest, ListZonesRequest__Output as _ashlar_v1_ListZonesRequest__Output } from '../../ashlar/v1/ListZonesRequest.js';
import type { ListZonesResponse as _ashlar_v1_ListZonesResponse, ListZonesResponse__Output as _ashlar_v1_ListZonesResponse__Output } from '../../ashlar/v1/ListZonesResponse.js';

export interface TopologyServiceClient extends grpc.Client {
  ListRegions(argument: _ashlar_v1_ListRegionsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ListRegionsResponse__Output>): grpc.ClientUnaryCall;
  ListRegions(argument: _ashlar_v1_ListRegionsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_ListRegionsResponse__Output>): grpc.ClientUnaryCall;
  ListRegions(argument: _ashlar_v1_ListRegionsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ListRegionsResponse__Output>): grpc.ClientUnaryCall;
  ListRegions(argument: _ashlar_v1_ListRegionsRequest, callback: grpc.requestCallback<_ashlar_v1_ListRegionsResponse__Output>): grpc.ClientUnaryCall;
  listRegions(argument: _ashlar_v1_ListRegionsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ListRegionsResponse__Output>): grpc.ClientUnaryCall;
  listRegions(argument: _ashlar_v1_ListRegionsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_ListRegionsResponse__Output>): grpc.ClientUnaryCall;
  listRegions(argument: _ashlar_v1_ListRegionsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ListRegionsResponse__Output>): grpc.ClientUnaryCall;
  listRegions(argument: _ashlar_v1_ListRegionsRequest, callback: grpc.requestCallback<_ashlar_v1_ListRegionsResponse__Output>): grpc.ClientUnaryCall;
  
  ListZones(argument: _ashlar_v1_ListZonesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ListZonesResponse__Output>): grpc.ClientUnaryCall;
  ListZones(argument: _ashlar_v1_ListZonesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_ListZonesResponse__Output>): grpc.ClientUnaryCall;
  ListZones(argument: _ashlar_v1_ListZonesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ListZonesResponse__Output>): grpc.ClientUnaryCall;
  ListZones(argument: _ashlar_v1_ListZonesRequest, callback: grpc.requestCallback<_ashlar_v1_ListZonesResponse__Output>): grpc.ClientUnaryCall;
  listZones(argument: _ashlar_v1_ListZonesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ListZonesResponse__Output>): grpc.ClientUnaryCall;
  listZones(argument: _ashlar_v1_ListZonesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_ListZonesResponse__Output>): grpc.ClientUnaryCall;
  listZones(argument: _ashlar_v1_ListZonesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ListZonesResponse__Output>): grpc.ClientUnaryCall;
  listZones(argument: _ashlar_v1_ListZonesRequest, callback: grpc.requestCallback<_ashlar_v1_ListZonesResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface TopologyServiceHandlers extends grpc.UntypedServiceImplementation {
  ListRegions: grpc.handleUnaryCall<_ashlar_v1_ListRegionsRequest__Output, _ashlar_v1_ListRegionsResponse>;
  
  ListZones: grpc.handleUnaryCall<_ashlar_v1_ListZonesRequest__Output, _ashlar_v1_ListZonesResponse>;
  
}

export interface TopologyServiceDefinition extends grpc.ServiceDefinition {
  ListRegions: MethodDefinition<_ashlar_v1_ListRegionsRequest, _ashlar_v1_ListRegionsResponse, _ashlar_v1_ListRegionsRequest__Output, _ashlar_v1_ListRegionsResponse__Output>
  ListZones: MethodDefinition<_ashlar_v1_ListZonesRequest, _ashlar_v1_ListZonesResponse, _ashlar_v1_ListZonesRequest__Output, _ashlar_v1_ListZonesResponse__Output>
}
