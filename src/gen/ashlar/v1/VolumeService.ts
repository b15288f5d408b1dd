// Generated from proto/ by scripts/gen-proto.mjs.

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { CreateVolumeRequest as _ashlar_v1_CreateVolumeRequest, CreateVolumeRequest__Output as _ashlar_v1_CreateVolumeRequest__Output } from '../../ashlar/v1/CreateVolumeRequest.js';
import type { DeleteVolumeRequest as _ashlar_v1_DeleteVolumeRequest, DeleteVolumeRequest__Output as _ashlar_v1_DeleteVolumeRequest__Output } from '../../ashlar/v1/DeleteVolumeRequest.js';
import type { DeleteVolumeResponse as _ashlar_v1_DeleteVolumeResponse, DeleteVolumeResponse__Output as _ashlar_v1_DeleteVolumeResponse__Output } from '../../ashlar/v1/DeleteVolumeResponse.js';
import type { GetVolumeRequest as _ashlar_v1_GetVolumeRequest, GetVolumeRequest__Output as _ashlar_v1_GetVolumeRequest__Output } from '../../ashlar/v1/GetVolumeRequest.js';
import type { ListVolumesRequest as _ashlar_v1_ListVolumesRequest, ListVolumesRequest__Output as _ashlar_v1_ListVolumesRequest__Output } from '../../ashlar/v1/ListVolumesRequest.js';
import type { ListVolumesResponse as _ashlar_v1_ListVolumesResponse, ListVolumesResponse__Output as _ashlar_v1_ListVolumesResponse__Output } from '../../ashlar/v1/ListVolumesResponse.js';
import type { UpdateVolumeRequest as _ashlar_v1_UpdateVolumeRequest, UpdateVolumeRequest__Output as _ashlar_v1_UpdateVolumeRequest__Output } from '../../ashlar/v1/UpdateVolumeRequest.js';
import type { Volume as _ashlar_v1_Volume, Volume__Output as _ashlar_v1_Volume__Output } from '../../ashlar/v1/Volume.js';

export interface VolumeServiceClient extends grpc.Client {
  CreateVolume(argument: _ashlar_v1_CreateVolumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Volume__Output>): grpc.ClientUnaryCall;
  CreateVolume(argument: _ashlar_v1_CreateVolumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_Volume__Output>): grpc.ClientUnaryCall;
  CreateVolume(argument: _ashlar_v1_CreateVolumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Volume__Output>): grpc.ClientUnaryCall;
  CreateVolume(argument: _ashlar_v1_CreateVolumeRequest, callback: grpc.requestCallback<_ashlar_v1_Volume__Output>): grpc.ClientUnaryCall;
  createVolume(argument: _ashlar_v1_CreateVolumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Volume__Output>): grpc.ClientUnaryCall;
  createVolume(argument: _ashlar_v1_CreateVolumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_Volume__Output>): grpc.ClientUnaryCall;
  createVolume(argument: _ashlar_v1_CreateVolumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Volume__Output>): grpc.ClientUnaryCall;
  createVolume(argument: _ashlar_v1_CreateVolumeRequest, callback: grpc.requestCallback<_ashlar_v1_Volume__Output>): grpc.ClientUnaryCall;
  
  DeleteVolume(argument: _ashlar_v1_DeleteVolumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_DeleteVolumeResponse__Output>): grpc.ClientUnaryCall;
  DeleteVolume(argument: _ashlar_v1_DeleteVolumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_DeleteVolumeResponse__Output>): grpc.ClientUnaryCall;
  DeleteVolume(argument: _ashlar_v1_DeleteVolumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_DeleteVolumeResponse__Output>): grpc.ClientUnaryCall;
  DeleteVolume(argument: _ashlar_v1_DeleteVolumeRequest, callback: grpc.requestCallback<_ashlar_v1_DeleteVolumeResponse__Output>): grpc.ClientUnaryCall;
  deleteVolume(argument: _ashlar_v1_DeleteVolumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_DeleteVolumeResponse__Output>): grpc.ClientUnaryCall;
  deleteVolume(argument: _ashlar_v1_DeleteVolumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_DeleteVolumeResponse__Output>): grpc.ClientUnaryCall;
  deleteVolume(argument: _ashlar_v1_DeleteVolumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_DeleteVolumeResponse__Output>): grpc.ClientUnaryCall;
  deleteVolume(argument: _ashlar_v1_DeleteVolumeRequest, callback: grpc.requestCallback<_ashlar_v1_DeleteVolumeResponse__Output>): grpc.ClientUnaryCall;
  
  GetVolume(argument: _ashlar_v1_GetVolumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Volume__Output>): grpc.ClientUnaryCall;
  GetVolume(argument: _ashlar_v1_GetVolumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_Volume__Output>): grpc.ClientUnaryCall;
  GetVolume(argument: _ashlar_v1_GetVolumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Volume__Output>): grpc.ClientUnaryCall;
  GetVolume(argument: _ashlar_v1_GetVolumeRequest, callback: grpc.requestCallback<_ashlar_v1_Volume__Output>): grpc.ClientUnaryCall;
  getVolume(argument: _ashlar_v1_GetVolumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Volume__Output>): grpc.ClientUnaryCall;
  getVolume(argument: _ashlar_v1_GetVolumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_Volume__Output>): grpc.ClientUnaryCall;
  getVolume(argument: _ashlar_v1_GetVolumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Volume__Output>): grpc.ClientUnaryCall;
  getVolume(argument: _ashlar_v1_GetVolumeRequest, callback: grpc.requestCallback<_ashlar_v1_Volume__Output>): grpc.ClientUnaryCall;
  
  ListVolumes(argument: _ashlar_v1_ListVolumesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ListVolumesResponse__Output>): grpc.ClientUnaryCall;
  ListVolumes(argument: _ashlar_v1_ListVolumesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_ListVolumesResponse__Output>): grpc.ClientUnaryCall;
  ListVolumes(argument: _ashlar_v1_ListVolumesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ListVolumesResponse__Output>): grpc.ClientUnaryCall;
  ListVolumes(argument: _ashlar_v1_ListVolumesRequest, callback: grpc.requestCallback<_ashlar_v1_ListVolumesResponse__Output>): grpc.ClientUnaryCall;
  listVolumes(argument: _ashlar_v1_ListVolumesRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ListVolumesResponse__Output>): grpc.ClientUnaryCall;
  listVolumes(argument: _ashlar_v1_ListVolumesRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_ListVolumesResponse__Output>): grpc.ClientUnaryCall;
  listVolumes(argument: _ashlar_v1_ListVolumesRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ListVolumesResponse__Output>): grpc.ClientUnaryCall;
  listVolumes(argument: _ashlar_v1_ListVolumesRequest, callback: grpc.requestCallback<_ashlar_v1_ListVolumesResponse__Output>): grpc.ClientUnaryCall;
  
  UpdateVolume(argument: _ashlar_v1_UpdateVolumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Volume__Output>): grpc.ClientUnaryCall;
  UpdateVolume(argument: _ashlar_v1_UpdateVolumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_Volume__Output>): grpc.ClientUnaryCall;
  UpdateVolume(argument: _ashlar_v1_UpdateVolumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Volume__Output>): grpc.ClientUnaryCall;
  UpdateVolume(argument: _ashlar_v1_UpdateVolumeRequest, callback: grpc.requestCallback<_ashlar_v1_Volume__Output>): grpc.ClientUnaryCall;
  updateVolume(argument: _ashlar_v1_UpdateVolumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Volume__Output>): grpc.ClientUnaryCall;
  updateVolume(argument: _ashlar_v1_UpdateVolumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_Volume__Output>): grpc.ClientUnaryCall;
  updateVolume(argument: _ashlar_v1_UpdateVolumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Volume__Output>): grpc.ClientUnaryCall;
  updateVolume(argument: _ashlar_v1_UpdateVolumeRequest, callback: grpc.requestCallback<_ashlar_v1_Volume__Output>): grpc.ClientUnaryCall;
  
}

export interface VolumeServiceHandlers extends grpc.UntypedServiceImplementation {
  CreateVolume: grpc.handleUnaryCall<_ashlar_v1_CreateVolumeRequest__Output, _ashlar_v1_Volume>;
  
  DeleteVolume: grpc.handleUnaryCall<_ashlar_v1_DeleteVolumeRequest__Output, _ashlar_v1_DeleteVolumeResponse>;
  
  GetVolume: grpc.handleUnaryCall<_ashlar_v1_GetVolumeRequest__Output, _ashlar_v1_Volume>;
  
  ListVolumes: grpc.handleUnaryCall<_ashlar_v1_ListVolumesRequest__Output, _ashlar_v1_ListVolumesResponse>;
  
  UpdateVolume: grpc.handleUnaryCall<_ashlar_v1_UpdateVolumeRequest__Output, _ashlar_v1_Volume>;
  
}

export interface VolumeServiceDefinition extends grpc.ServiceDefinition {
  CreateVolume: MethodDefinition<_ashlar_v1_CreateVolumeRequest, _ashlar_v1_Volume, _ashlar_v1_CreateVolumeRequest__Output, _ashlar_v1_Volume__Output>
  DeleteVolume: MethodDefinition<_ashlar_v1_DeleteVolumeRequest, _ashlar_v1_DeleteVolumeResponse, _ashlar_v1_DeleteVolumeRequest__Output, _ashlar_v1_DeleteVolumeResponse__Output>
  GetVolume: MethodDefinition<_ashlar_v1_GetVolumeRequest, _ashlar_v1_Volume, _ashlar_v1_GetVolumeRequest__Output, _ashlar_v1_Volume__Output>
  ListVolumes: MethodDefinition<_ashlar_v1_ListVolumesRequest, _ashlar_v1_ListVolumesResponse, _ashlar_v1_ListVolumesRequest__Output, _ashlar_v1_ListVolumesResponse__Output>
  UpdateVolume: MethodDefinition<_ashlar_v1_UpdateVolumeRequest, _ashlar_v1_Volume, _ashlar_v1_UpdateVolumeRequest__Output, _ashlar_v1_Volume__Output>
}
