// Generated from proto/ by scripts/gen-proto.mjs.

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { AuditCutRequest as _ashlar_zone_v1_AuditCutRequest, AuditCutRequest__Output as _ashlar_zone_v1_AuditCutRequest__Output } from '../../../ashlar/zone/v1/AuditCutRequest.js';
import type { AuditCutResponse as _ashlar_zone_v1_AuditCutResponse, AuditCutResponse__Output as _ashlar_zone_v1_AuditCutResponse__Output } from '../../../ashlar/zone/v1/AuditCutResponse.js';
import type { CreateAttachmentRequest as _ashlar_zone_v1_CreateAttachmentRequest, CreateAttachmentRequest__Output as _ashlar_zone_v1_CreateAttachmentRequest__Output } from '../../../ashlar/zone/v1/CreateAttachmentRequest.js';
import type { CreateAttachmentResponse as _ashlar_zone_v1_CreateAttachmentResponse, CreateAttachmentResponse__Output as _ashlar_zone_v1_CreateAttachmentResponse__Output } from '../../../ashlar/zone/v1/CreateAttachmentResponse.js';
import type { CreateCloneRequest as _ashlar_zone_v1_CreateCloneRequest, CreateCloneRequest__Output as _ashlar_zone_v1_CreateCloneRequest__Output } from '../../../ashlar/zone/v1/CreateCloneRequest.js';
import type { CreateCloneResponse as _ashlar_zone_v1_CreateCloneResponse, CreateCloneResponse__Output as _ashlar_zone_v1_CreateCloneResponse__Output } from '../../../ashlar/zone/v1/CreateCloneResponse.js';
import type { CreateCutRequest as _ashlar_zone_v1_CreateCutRequest, CreateCutRequest__Output as _ashlar_zone_v1_CreateCutRequest__Output } from '../../../ashlar/zone/v1/CreateCutRequest.js';
import type { CreateCutResponse as _ashlar_zone_v1_CreateCutResponse, CreateCutResponse__Output as _ashlar_zone_v1_CreateCutResponse__Output } from '../../../ashlar/zone/v1/CreateCutResponse.js';
import type { CreateVolumeRequest as _ashlar_zone_v1_CreateVolumeRequest, CreateVolumeRequest__Output as _ashlar_zone_v1_CreateVolumeRequest__Output } from '../../../ashlar/zone/v1/CreateVolumeRequest.js';
import type { CreateVolumeResponse as _ashlar_zone_v1_CreateVolumeResponse, CreateVolumeResponse__Output as _ashlar_zone_v1_CreateVolumeResponse__Output } from '../../../ashlar/zone/v1/CreateVolumeResponse.js';
import type { DeleteAttachmentRequest as _ashlar_zone_v1_DeleteAttachmentRequest, DeleteAttachmentRequest__Output as _ashlar_zone_v1_DeleteAttachmentRequest__Output } from '../../../ashlar/zone/v1/DeleteAttachmentRequest.js';
import type { DeleteAttachmentResponse as _ashlar_zone_v1_DeleteAttachmentResponse, DeleteAttachmentResponse__Output as _ashlar_zone_v1_DeleteAttachmentResponse__Output } from '../../../ashlar/zone/v1/DeleteAttachmentResponse.js';
import type { DeleteCloneRequest as _ashlar_zone_v1_DeleteCloneRequest, DeleteCloneRequest__Output as _ashlar_zone_v1_DeleteCloneRequest__Output } from '../../../ashlar/zone/v1/DeleteCloneRequest.js';
import type { DeleteCloneResponse as _ashlar_zone_v1_DeleteCloneResponse, DeleteCloneResponse__Output as _ashlar_zone_v1_DeleteCloneResponse__Output } from '../../../ashlar/zone/v1/DeleteCloneResponse.js';
import type { DeleteVolumeRequest as _ashlar_zone_v1_DeleteVolumeRequest, DeleteVolumeRequest__Output as _ashlar_zone_v1_DeleteVolumeRequest__Output } from '../../../ashlar/zone/v1/DeleteVolumeRequest.js';
import type { DeleteVolumeResponse as _ashlar_zone_v1_DeleteVolumeResponse, DeleteVolumeResponse__Output as _ashlar_zone_v1_DeleteVolumeResponse__Output } from '../../../ashlar/zone/v1/DeleteVolumeResponse.js';
import type { DropCutRequest as _ashlar_zone_v1_DropCutRequest, DropCutRequest__Output as _ashlar_zone_v1_DropCutRequest__Output } from '../../../ashlar/zone/v1/DropCutRequest.js';
import type { DropCutResponse as _ashlar_zone_v1_DropCutResponse, DropCutResponse__Output as _ashlar_zone_v1_DropCutResponse__Output } from '../../../ashlar/zone/v1/DropCutResponse.js';
import type { ForgetTombstoneRequest as _ashlar_zone_v1_ForgetTombstoneRequest, ForgetTombstoneRequest__Output as _ashlar_zone_v1_ForgetTombstoneRequest__Output } from '../../../ashlar/zone/v1/ForgetTombstoneRequest.js';
import type { ForgetTombstoneResponse as _ashlar_zone_v1_ForgetTombstoneResponse, ForgetTombstoneResponse__Output as _ashlar_zone_v1_ForgetTombstoneResponse__Output } from '../../../ashlar/zone/v1/ForgetTombstoneResponse.js';
import type { GetNodeStatsRequest as _ashlar_zone_v1_GetNodeStatsRequest, GetNodeStatsRequest__Output as _ashlar_zone_v1_GetNodeStatsRequest__Output } from '../../../ashlar/zone/v1/GetNodeStatsRequest.js';
import type { GetNodeStatsResponse as _ashlar_zone_v1_GetNodeStatsResponse, GetNodeStatsResponse__Output as _ashlar_zone_v1_GetNodeStatsResponse__Output } from '../../../ashlar/zone/v1/GetNodeStatsResponse.js';
import type { GrowPoolRequest as _ashlar_zone_v1_GrowPoolRequest, GrowPoolRequest__Output as _ashlar_zone_v1_GrowPoolRequest__Output } from '../../../ashlar/zone/v1/GrowPoolRequest.js';
import type { GrowPoolResponse as _ashlar_zone_v1_GrowPoolResponse, GrowPoolResponse__Output as _ashlar_zone_v1_GrowPoolResponse__Output } from '../../../ashlar/zone/v1/GrowPoolResponse.js';
import type { GrowVolumeRequest as _ashlar_zone_v1_GrowVolumeRequest, GrowVolumeRequest__Output as _ashlar_zone_v1_GrowVolumeRequest__Output } from '../../../ashlar/zone/v1/GrowVolumeRequest.js';
import type { GrowVolumeResponse as _ashlar_zone_v1_GrowVolumeResponse, GrowVolumeResponse__Output as _ashlar_zone_v1_GrowVolumeResponse__Output } from '../../../ashlar/zone/v1/GrowVolumeResponse.js';
import type { SealedCutRequest as _ashlar_zone_v1_SealedCutRequest, SealedCutRequest__Output as _ashlar_zone_v1_SealedCutRequest__Output } from '../../../ashlar/zone/v1/SealedCutRequest.js';
import type { SealedCutResponse as _ashlar_zone_v1_SealedCutResponse, SealedCutResponse__Output as _ashlar_zone_v1_SealedCutResponse__Output } from '../../../ashlar/zone/v1/SealedCutResponse.js';
import type { WatchRequest as _ashlar_zone_v1_WatchRequest, WatchRequest__Output as _ashlar_zone_v1_WatchRequest__Output } from '../../../ashlar/zone/v1/WatchRequest.js';
import type { WatchResponse as _ashlar_zone_v1_WatchResponse, WatchResponse__Output as _ashlar_zone_v1_WatchResponse__Output } from '../../../ashlar/zone/v1/WatchResponse.js';

export interface ZoneServiceClient extends grpc.Client {
  AuditCut(argument: _ashlar_zone_v1_AuditCutRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_AuditCutResponse__Output>): grpc.ClientUnaryCall;
  AuditCut(argument: _ashlar_zone_v1_AuditCutRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_AuditCutResponse__Output>): grpc.ClientUnaryCall;
  AuditCut(argument: _ashlar_zone_v1_AuditCutRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_AuditCutResponse__Output>): grpc.ClientUnaryCall;
  AuditCut(argument: _ashlar_zone_v1_AuditCutRequest, callback: grpc.requestCallback<_ashlar_zone_v1_AuditCutResponse__Output>): grpc.ClientUnaryCall;
  auditCut(argument: _ashlar_zone_v1_AuditCutRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_AuditCutResponse__Output>): grpc.ClientUnaryCall;
  auditCut(argument: _ashlar_zone_v1_AuditCutRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_AuditCutResponse__Output>): grpc.ClientUnaryCall;
  auditCut(argument: _ashlar_zone_v1_AuditCutRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_AuditCutResponse__Output>): grpc.ClientUnaryCall;
  auditCut(argument: _ashlar_zone_v1_AuditCutRequest, callback: grpc.requestCallback<_ashlar_zone_v1_AuditCutResponse__Output>): grpc.ClientUnaryCall;
  
  CreateAttachment(argument: _ashlar_zone_v1_CreateAttachmentRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_CreateAttachmentResponse__Output>): grpc.ClientUnaryCall;
  CreateAttachment(argument: _ashlar_zone_v1_CreateAttachmentRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_CreateAttachmentResponse__Output>): grpc.ClientUnaryCall;
  CreateAttachment(argument: _ashlar_zone_v1_CreateAttachmentRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_CreateAttachmentResponse__Output>): grpc.ClientUnaryCall;
  CreateAttachment(argument: _ashlar_zone_v1_CreateAttachmentRequest, callback: grpc.requestCallback<_ashlar_zone_v1_CreateAttachmentResponse__Output>): grpc.ClientUnaryCall;
  createAttachment(argument: _ashlar_zone_v1_CreateAttachmentRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_CreateAttachmentResponse__Output>): grpc.ClientUnaryCall;
  createAttachment(argument: _ashlar_zone_v1_CreateAttachmentRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_CreateAttachmentResponse__Output>): grpc.ClientUnaryCall;
  createAttachment(argument: _ashlar_zone_v1_CreateAttachmentRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_CreateAttachmentResponse__Output>): grpc.ClientUnaryCall;
  createAttachment(argument: _ashlar_zone_v1_CreateAttachmentRequest, callback: grpc.requestCallback<_ashlar_zone_v1_CreateAttachmentResponse__Output>): grpc.ClientUnaryCall;
  
  CreateClone(argument: _ashlar_zone_v1_CreateCloneRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_CreateCloneResponse__Output>): grpc.ClientUnaryCall;
  CreateClone(argument: _ashlar_zone_v1_CreateCloneRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_CreateCloneResponse__Output>): grpc.ClientUnaryCall;
  CreateClone(argument: _ashlar_zone_v1_CreateCloneRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_CreateCloneResponse__Output>): grpc.ClientUnaryCall;
  CreateClone(argument: _ashlar_zone_v1_CreateCloneRequest, callback: grpc.requestCallback<_ashlar_zone_v1_CreateCloneResponse__Output>): grpc.ClientUnaryCall;
  createClone(argument: _ashlar_zone_v1_CreateCloneRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_CreateCloneResponse__Output>): grpc.ClientUnaryCall;
  createClone(argument: _ashlar_zone_v1_CreateCloneRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_CreateCloneResponse__Output>): grpc.ClientUnaryCall;
  createClone(argument: _ashlar_zone_v1_CreateCloneRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_CreateCloneResponse__Output>): grpc.ClientUnaryCall;
  createClone(argument: _ashlar_zone_v1_CreateCloneRequest, callback: grpc.requestCallback<_ashlar_zone_v1_CreateCloneResponse__Output>): grpc.ClientUnaryCall;
  
  CreateCut(argument: _ashlar_zone_v1_CreateCutRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_CreateCutResponse__Output>): grpc.ClientUnaryCall;
  CreateCut(argument: _ashlar_zone_v1_CreateCutRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_CreateCutResponse__Output>): grpc.ClientUnaryCall;
  CreateCut(argument: _ashlar_zone_v1_CreateCutRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_CreateCutResponse__Output>): grpc.ClientUnaryCall;
  CreateCut(argument: _ashlar_zone_v1_CreateCutRequest, callback: grpc.requestCallback<_ashlar_zone_v1_CreateCutResponse__Output>): grpc.ClientUnaryCall;
  createCut(argument: _ashlar_zone_v1_CreateCutRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_CreateCutResponse__Output>): grpc.ClientUnaryCall;
  createCut(argument: _ashlar_zone_v1_CreateCutRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_CreateCutResponse__Output>): grpc.ClientUnaryCall;
  createCut(argument: _ashlar_zone_v1_CreateCutRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_CreateCutResponse__Output>): grpc.ClientUnaryCall;
  createCut(argument: _ashlar_zone_v1_CreateCutRequest, callback: grpc.requestCallback<_ashlar_zone_v1_CreateCutResponse__Output>): grpc.ClientUnaryCall;
  
  CreateVolume(argument: _ashlar_zone_v1_CreateVolumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_CreateVolumeResponse__Output>): grpc.ClientUnaryCall;
  CreateVolume(argument: _ashlar_zone_v1_CreateVolumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_CreateVolumeResponse__Output>): grpc.ClientUnaryCall;
  CreateVolume(argument: _ashlar_zone_v1_CreateVolumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_CreateVolumeResponse__Output>): grpc.ClientUnaryCall;
  CreateVolume(argument: _ashlar_zone_v1_CreateVolumeRequest, callback: grpc.requestCallback<_ashlar_zone_v1_CreateVolumeResponse__Output>): grpc.ClientUnaryCall;
  createVolume(argument: _ashlar_zone_v1_CreateVolumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_CreateVolumeResponse__Output>): grpc.ClientUnaryCall;
  createVolume(argument: _ashlar_zone_v1_CreateVolumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_CreateVolumeResponse__Output>): grpc.ClientUnaryCall;
  createVolume(argument: _ashlar_zone_v1_CreateVolumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_CreateVolumeResponse__Output>): grpc.ClientUnaryCall;
  createVolume(argument: _ashlar_zone_v1_CreateVolumeRequest, callback: grpc.requestCallback<_ashlar_zone_v1_CreateVolumeResponse__Output>): grpc.ClientUnaryCall;
  
  DeleteAttachment(argument: _ashlar_zone_v1_DeleteAttachmentRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_DeleteAttachmentResponse__Output>): grpc.ClientUnaryCall;
  DeleteAttachment(argument: _ashlar_zone_v1_DeleteAttachmentRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_DeleteAttachmentResponse__Output>): grpc.ClientUnaryCall;
  DeleteAttachment(argument: _ashlar_zone_v1_DeleteAttachmentRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_DeleteAttachmentResponse__Output>): grpc.ClientUnaryCall;
  DeleteAttachment(argument: _ashlar_zone_v1_DeleteAttachmentRequest, callback: grpc.requestCallback<_ashlar_zone_v1_DeleteAttachmentResponse__Output>): grpc.ClientUnaryCall;
  deleteAttachment(argument: _ashlar_zone_v1_DeleteAttachmentRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_DeleteAttachmentResponse__Output>): grpc.ClientUnaryCall;
  deleteAttachment(argument: _ashlar_zone_v1_DeleteAttachmentRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_DeleteAttachmentResponse__Output>): grpc.ClientUnaryCall;
  deleteAttachment(argument: _ashlar_zone_v1_DeleteAttachmentRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_DeleteAttachmentResponse__Output>): grpc.ClientUnaryCall;
  deleteAttachment(argument: _ashlar_zone_v1_DeleteAttachmentRequest, callback: grpc.requestCallback<_ashlar_zone_v1_DeleteAttachmentResponse__Output>): grpc.ClientUnaryCall;
  
  DeleteClone(argument: _ashlar_zone_v1_DeleteCloneRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_DeleteCloneResponse__Output>): grpc.ClientUnaryCall;
  DeleteClone(argument: _ashlar_zone_v1_DeleteCloneRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_DeleteCloneResponse__Output>): grpc.ClientUnaryCall;
  DeleteClone(argument: _ashlar_zone_v1_DeleteCloneRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_DeleteCloneResponse__Output>): grpc.ClientUnaryCall;
  DeleteClone(argument: _ashlar_zone_v1_DeleteCloneRequest, callback: grpc.requestCallback<_ashlar_zone_v1_DeleteCloneResponse__Output>): grpc.ClientUnaryCall;
  deleteClone(argument: _ashlar_zone_v1_DeleteCloneRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_DeleteCloneResponse__Output>): grpc.ClientUnaryCall;
  deleteClone(argument: _ashlar_zone_v1_DeleteCloneRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_DeleteCloneResponse__Output>): grpc.ClientUnaryCall;
  deleteClone(argument: _ashlar_zone_v1_DeleteCloneRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_DeleteCloneResponse__Output>): grpc.ClientUnaryCall;
  deleteClone(argument: _ashlar_zone_v1_DeleteCloneRequest, callback: grpc.requestCallback<_ashlar_zone_v1_DeleteCloneResponse__Output>): grpc.ClientUnaryCall;
  
  DeleteVolume(argument: _ashlar_zone_v1_DeleteVolumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_DeleteVolumeResponse__Output>): grpc.ClientUnaryCall;
  DeleteVolume(argument: _ashlar_zone_v1_DeleteVolumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_DeleteVolumeResponse__Output>): grpc.ClientUnaryCall;
  DeleteVolume(argument: _ashlar_zone_v1_DeleteVolumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_DeleteVolumeResponse__Output>): grpc.ClientUnaryCall;
  DeleteVolume(argument: _ashlar_zone_v1_DeleteVolumeRequest, callback: grpc.requestCallback<_ashlar_zone_v1_DeleteVolumeResponse__Output>): grpc.ClientUnaryCall;
  deleteVolume(argument: _ashlar_zone_v1_DeleteVolumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_DeleteVolumeResponse__Output>): grpc.ClientUnaryCall;
  deleteVolume(argument: _ashlar_zone_v1_DeleteVolumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_DeleteVolumeResponse__Output>): grpc.ClientUnaryCall;
  deleteVolume(argument: _ashlar_zone_v1_DeleteVolumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_DeleteVolumeResponse__Output>): grpc.ClientUnaryCall;
  deleteVolume(argument: _ashlar_zone_v1_DeleteVolumeRequest, callback: grpc.requestCallback<_ashlar_zone_v1_DeleteVolumeResponse__Output>): grpc.ClientUnaryCall;
  
  DropCut(argument: _ashlar_zone_v1_DropCutRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_DropCutResponse__Output>): grpc.ClientUnaryCall;
  DropCut(argument: _ashlar_zone_v1_DropCutRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_DropCutResponse__Output>): grpc.ClientUnaryCall;
  DropCut(argument: _ashlar_zone_v1_DropCutRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_DropCutResponse__Output>): grpc.ClientUnaryCall;
  DropCut(argument: _ashlar_zone_v1_DropCutRequest, callback: grpc.requestCallback<_ashlar_zone_v1_DropCutResponse__Output>): grpc.ClientUnaryCall;
  dropCut(argument: _ashlar_zone_v1_DropCutRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_DropCutResponse__Output>): grpc.ClientUnaryCall;
  dropCut(argument: _ashlar_zone_v1_DropCutRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_DropCutResponse__Output>): grpc.ClientUnaryCall;
  dropCut(argument: _ashlar_zone_v1_DropCutRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_DropCutResponse__Output>): grpc.ClientUnaryCall;
  dropCut(argument: _ashlar_zone_v1_DropCutRequest, callback: grpc.requestCallback<_ashlar_zone_v1_DropCutResponse__Output>): grpc.ClientUnaryCall;
  
  ForgetTombstone(argument: _ashlar_zone_v1_ForgetTombstoneRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_ForgetTombstoneResponse__Output>): grpc.ClientUnaryCall;
  ForgetTombstone(argument: _ashlar_zone_v1_ForgetTombstoneRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_ForgetTombstoneResponse__Output>): grpc.ClientUnaryCall;
  ForgetTombstone(argument: _ashlar_zone_v1_ForgetTombstoneRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_ForgetTombstoneResponse__Output>): grpc.ClientUnaryCall;
  ForgetTombstone(argument: _ashlar_zone_v1_ForgetTombstoneRequest, callback: grpc.requestCallback<_ashlar_zone_v1_ForgetTombstoneResponse__Output>): grpc.ClientUnaryCall;
  forgetTombstone(argument: _ashlar_zone_v1_ForgetTombstoneRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_ForgetTombstoneResponse__Output>): grpc.ClientUnaryCall;
  forgetTombstone(argument: _ashlar_zone_v1_ForgetTombstoneRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_ForgetTombstoneResponse__Output>): grpc.ClientUnaryCall;
  forgetTombstone(argument: _ashlar_zone_v1_ForgetTombstoneRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_ForgetTombstoneResponse__Output>): grpc.ClientUnaryCall;
  forgetTombstone(argument: _ashlar_zone_v1_ForgetTombstoneRequest, callback: grpc.requestCallback<_ashlar_zone_v1_ForgetTombstoneResponse__Output>): grpc.ClientUnaryCall;
  
  GetNodeStats(argument: _ashlar_zone_v1_GetNodeStatsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_GetNodeStatsResponse__Output>): grpc.ClientUnaryCall;
  GetNodeStats(argument: _ashlar_zone_v1_GetNodeStatsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_GetNodeStatsResponse__Output>): grpc.ClientUnaryCall;
  GetNodeStats(argument: _ashlar_zone_v1_GetNodeStatsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_GetNodeStatsResponse__Output>): grpc.ClientUnaryCall;
  GetNodeStats(argument: _ashlar_zone_v1_GetNodeStatsRequest, callback: grpc.requestCallback<_ashlar_zone_v1_GetNodeStatsResponse__Output>): grpc.ClientUnaryCall;
  getNodeStats(argument: _ashlar_zone_v1_GetNodeStatsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_GetNodeStatsResponse__Output>): grpc.ClientUnaryCall;
  getNodeStats(argument: _ashlar_zone_v1_GetNodeStatsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_GetNodeStatsResponse__Output>): grpc.ClientUnaryCall;
  getNodeStats(argument: _ashlar_zone_v1_GetNodeStatsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_GetNodeStatsResponse__Output>): grpc.ClientUnaryCall;
  getNodeStats(argument: _ashlar_zone_v1_GetNodeStatsRequest, callback: grpc.requestCallback<_ashlar_zone_v1_GetNodeStatsResponse__Output>): grpc.ClientUnaryCall;
  
  GrowPool(argument: _ashlar_zone_v1_GrowPoolRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_GrowPoolResponse__Output>): grpc.ClientUnaryCall;
  GrowPool(argument: _ashlar_zone_v1_GrowPoolRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_GrowPoolResponse__Output>): grpc.ClientUnaryCall;
  GrowPool(argument: _ashlar_zone_v1_GrowPoolRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_GrowPoolResponse__Output>): grpc.ClientUnaryCall;
  GrowPool(argument: _ashlar_zone_v1_GrowPoolRequest, callback: grpc.requestCallback<_ashlar_zone_v1_GrowPoolResponse__Output>): grpc.ClientUnaryCall;
  growPool(argument: _ashlar_zone_v1_GrowPoolRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_GrowPoolResponse__Output>): grpc.ClientUnaryCall;
  growPool(argument: _ashlar_zone_v1_GrowPoolRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_GrowPoolResponse__Output>): grpc.ClientUnaryCall;
  growPool(argument: _ashlar_zone_v1_GrowPoolRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_GrowPoolResponse__Output>): grpc.ClientUnaryCall;
  growPool(argument: _ashlar_zone_v1_GrowPoolRequest, callback: grpc.requestCallback<_ashlar_zone_v1_GrowPoolResponse__Output>): grpc.ClientUnaryCall;
  
  GrowVolume(argument: _ashlar_zone_v1_GrowVolumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_GrowVolumeResponse__Output>): grpc.ClientUnaryCall;
  GrowVolume(argument: _ashlar_zone_v1_GrowVolumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_GrowVolumeResponse__Output>): grpc.ClientUnaryCall;
  GrowVolume(argument: _ashlar_zone_v1_GrowVolumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_GrowVolumeResponse__Output>): grpc.ClientUnaryCall;
  GrowVolume(argument: _ashlar_zone_v1_GrowVolumeRequest, callback: grpc.requestCallback<_ashlar_zone_v1_GrowVolumeResponse__Output>): grpc.ClientUnaryCall;
  growVolume(argument: _ashlar_zone_v1_GrowVolumeRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_GrowVolumeResponse__Output>): grpc.ClientUnaryCall;
  growVolume(argument: _ashlar_zone_v1_GrowVolumeRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_GrowVolumeResponse__Output>): grpc.ClientUnaryCall;
  growVolume(argument: _ashlar_zone_v1_GrowVolumeRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_GrowVolumeResponse__Output>): grpc.ClientUnaryCall;
  growVolume(argument: _ashlar_zone_v1_GrowVolumeRequest, callback: grpc.requestCallback<_ashlar_zone_v1_GrowVolumeResponse__Output>): grpc.ClientUnaryCall;
  
  SealedCut(argument: _ashlar_zone_v1_SealedCutRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_SealedCutResponse__Output>): grpc.ClientUnaryCall;
  SealedCut(argument: _ashlar_zone_v1_SealedCutRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_SealedCutResponse__Output>): grpc.ClientUnaryCall;
  SealedCut(argument: _ashlar_zone_v1_SealedCutRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_SealedCutResponse__Output>): grpc.ClientUnaryCall;
  SealedCut(argument: _ashlar_zone_v1_SealedCutRequest, callback: grpc.requestCallback<_ashlar_zone_v1_SealedCutResponse__Output>): grpc.ClientUnaryCall;
  sealedCut(argument: _ashlar_zone_v1_SealedCutRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_SealedCutResponse__Output>): grpc.ClientUnaryCall;
  sealedCut(argument: _ashlar_zone_v1_SealedCutRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_zone_v1_SealedCutResponse__Output>): grpc.ClientUnaryCall;
  sealedCut(argument: _ashlar_zone_v1_SealedCutRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_zone_v1_SealedCutResponse__Output>): grpc.ClientUnaryCall;
  sealedCut(argument: _ashlar_zone_v1_SealedCutRequest, callback: grpc.requestCallback<_ashlar_zone_v1_SealedCutResponse__Output>): grpc.ClientUnaryCall;
  
  Watch(argument: _ashlar_zone_v1_WatchRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_ashlar_zone_v1_WatchResponse__Output>;
  Watch(argument: _ashlar_zone_v1_WatchRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_ashlar_zone_v1_WatchResponse__Output>;
  watch(argument: _ashlar_zone_v1_WatchRequest, metadata: grpc.Metadata, options?: grpc.CallOptions): grpc.ClientReadableStream<_ashlar_zone_v1_WatchResponse__Output>;
  watch(argument: _ashlar_zone_v1_WatchRequest, options?: grpc.CallOptions): grpc.ClientReadableStream<_ashlar_zone_v1_WatchResponse__Output>;
  
}

export interface ZoneServiceHandlers extends grpc.UntypedServiceImplementation {
  AuditCut: grpc.handleUnaryCall<_ashlar_zone_v1_AuditCutRequest__Output, _ashlar_zone_v1_AuditCutResponse>;
  
  CreateAttachment: grpc.handleUnaryCall<_ashlar_zone_v1_CreateAttachmentRequest__Output, _ashlar_zone_v1_CreateAttachmentResponse>;
  
  CreateClone: grpc.handleUnaryCall<_ashlar_zone_v1_CreateCloneRequest__Output, _ashlar_zone_v1_CreateCloneResponse>;
  
  CreateCut: grpc.handleUnaryCall<_ashlar_zone_v1_CreateCutRequest__Output, _ashlar_zone_v1_CreateCutResponse>;
  
  CreateVolume: grpc.handleUnaryCall<_ashlar_zone_v1_CreateVolumeRequest__Output, _ashlar_zone_v1_CreateVolumeResponse>;
  
  DeleteAttachment: grpc.handleUnaryCall<_ashlar_zone_v1_DeleteAttachmentRequest__Output, _ashlar_zone_v1_DeleteAttachmentResponse>;
  
  DeleteClone: grpc.handleUnaryCall<_ashlar_zone_v1_DeleteCloneRequest__Output, _ashlar_zone_v1_DeleteCloneResponse>;
  
  DeleteVolume: grpc.handleUnaryCall<_ashlar_zone_v1_DeleteVolumeRequest__Output, _ashlar_zone_v1_DeleteVolumeResponse>;
  
  DropCut: grpc.handleUnaryCall<_ashlar_zone_v1_DropCutRequest__Output, _ashlar_zone_v1_DropCutResponse>;
  
  ForgetTombstone: grpc.handleUnaryCall<_ashlar_zone_v1_ForgetTombstoneRequest__Output, _ashlar_zone_v1_ForgetTombstoneResponse>;
  
  GetNodeStats: grpc.handleUnaryCall<_ashlar_zone_v1_GetNodeStatsRequest__Output, _ashlar_zone_v1_GetNodeStatsResponse>;
  
  GrowPool: grpc.handleUnaryCall<_ashlar_zone_v1_GrowPoolRequest__Output, _ashlar_zone_v1_GrowPoolResponse>;
  
  GrowVolume: grpc.handleUnaryCall<_ashlar_zone_v1_GrowVolumeRequest__Output, _ashlar_zone_v1_GrowVolumeResponse>;
  
  SealedCut: grpc.handleUnaryCall<_ashlar_zone_v1_SealedCutRequest__Output, _ashlar_zone_v1_SealedCutResponse>;
  
  Watch: grpc.handleServerStreamingCall<_ashlar_zone_v1_WatchRequest__Output, _ashlar_zone_v1_WatchResponse>;
  
}

export interface ZoneServiceDefinition extends grpc.ServiceDefinition {
  AuditCut: MethodDefinition<_ashlar_zone_v1_AuditCutRequest, _ashlar_zone_v1_AuditCutResponse, _ashlar_zone_v1_AuditCutRequest__Output, _ashlar_zone_v1_AuditCutResponse__Output>
  CreateAttachment: MethodDefinition<_ashlar_zone_v1_CreateAttachmentRequest, _ashlar_zone_v1_CreateAttachmentResponse, _ashlar_zone_v1_CreateAttachmentRequest__Output, _ashlar_zone_v1_CreateAttachmentResponse__Output>
  CreateClone: MethodDefinition<_ashlar_zone_v1_CreateCloneRequest, _ashlar_zone_v1_CreateCloneResponse, _ashlar_zone_v1_CreateCloneRequest__Output, _ashlar_zone_v1_CreateCloneResponse__Output>
  CreateCut: MethodDefinition<_ashlar_zone_v1_CreateCutRequest, _ashlar_zone_v1_CreateCutResponse, _ashlar_zone_v1_CreateCutRequest__Output, _ashlar_zone_v1_CreateCutResponse__Output>
  CreateVolume: MethodDefinition<_ashlar_zone_v1_CreateVolumeRequest, _ashlar_zone_v1_CreateVolumeResponse, _ashlar_zone_v1_CreateVolumeRequest__Output, _ashlar_zone_v1_CreateVolumeResponse__Output>
  DeleteAttachment: MethodDefinition<_ashlar_zone_v1_DeleteAttachmentRequest, _ashlar_zone_v1_DeleteAttachmentResponse, _ashlar_zone_v1_DeleteAttachmentRequest__Output, _ashlar_zone_v1_DeleteAttachmentResponse__Output>
  DeleteClone: MethodDefinition<_ashlar_zone_v1_DeleteCloneRequest, _ashlar_zone_v1_DeleteCloneResponse, _ashlar_zone_v1_DeleteCloneRequest__Output, _ashlar_zone_v1_DeleteCloneResponse__Output>
  DeleteVolume: MethodDefinition<_ashlar_zone_v1_DeleteVolumeRequest, _ashlar_zone_v1_DeleteVolumeResponse, _ashlar_zone_v1_DeleteVolumeRequest__Output, _ashlar_zone_v1_DeleteVolumeResponse__Output>
  DropCut: MethodDefinition<_ashlar_zone_v1_DropCutRequest, _ashlar_zone_v1_DropCutResponse, _ashlar_zone_v1_DropCutRequest__Output, _ashlar_zone_v1_DropCutResponse__Output>
  ForgetTombstone: MethodDefinition<_ashlar_zone_v1_ForgetTombstoneRequest, _ashlar_zone_v1_ForgetTombstoneResponse, _ashlar_zone_v1_ForgetTombstoneRequest__Output, _ashlar_zone_v1_ForgetTombstoneResponse__Output>
  GetNodeStats: MethodDefinition<_ashlar_zone_v1_GetNodeStatsRequest, _ashlar_zone_v1_GetNodeStatsResponse, _ashlar_zone_v1_GetNodeStatsRequest__Output, _ashlar_zone_v1_GetNodeStatsResponse__Output>
  GrowPool: MethodDefinition<_ashlar_zone_v1_GrowPoolRequest, _ashlar_zone_v1_GrowPoolResponse, _ashlar_zone_v1_GrowPoolRequest__Output, _ashlar_zone_v1_GrowPoolResponse__Output>
  GrowVolume: MethodDefinition<_ashlar_zone_v1_GrowVolumeRequest, _ashlar_zone_v1_GrowVolumeResponse, _ashlar_zone_v1_GrowVolumeRequest__Output, _ashlar_zone_v1_GrowVolumeResponse__Output>
  SealedCut: MethodDefinition<_ashlar_zone_v1_SealedCutRequest, _ashlar_zone_v1_SealedCutResponse, _ashlar_zone_v1_SealedCutRequest__Output, _ashlar_zone_v1_SealedCutResponse__Output>
  Watch: MethodDefinition<_ashlar_zone_v1_WatchRequest, _ashlar_zone_v1_WatchResponse, _ashlar_zone_v1_WatchRequest__Output, _ashlar_zone_v1_WatchResponse__Output>
}
