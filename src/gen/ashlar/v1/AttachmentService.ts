// Generated from proto/ by scripts/gen-proto.mjs.

import type * as grpc from '@grpc/grpc-js'
import type { MethodDefinition } from '@grpc/proto-loader'
import type { Attachment as _ashlar_v1_Attachment, Attachment__Output as _ashlar_v1_Attachment__Output } from '../../ashlar/v1/Attachment.js';
import type { CreateAttachmentRequest as _ashlar_v1_CreateAttachmentRequest, CreateAttachmentRequest__Output as _ashlar_v1_CreateAttachmentRequest__Output } from '../../ashlar/v1/CreateAttachmentRequest.js';
import type { DeleteAttachmentRequest as _ashlar_v1_DeleteAttachmentRequest, DeleteAttachmentRequest__Output as _ashlar_v1_DeleteAttachmentRequest__Output } from '../../ashlar/v1/DeleteAttachmentRequest.js';
import type { DeleteAttachmentResponse as _ashlar_v1_DeleteAttachmentResponse, DeleteAttachmentResponse__Output as _ashlar_v1_DeleteAttachmentResponse__Output } from '../../ashlar/v1/DeleteAttachmentResponse.js';
import type { GetAttachmentRequest as _ashlar_v1_GetAttachmentRequest, GetAttachmentRequest__Output as _ashlar_v1_GetAttachmentRequest__Output } from '../../ashlar/v1/GetAttachmentRequest.js';
import type { ListAttachmentsRequest as _ashlar_v1_ListAttachmentsRequest, ListAttachmentsRequest__Output as _ashlar_v1_ListAttachmentsRequest__Output } from '../../ashlar/v1/ListAttachmentsRequest.js';
import type { ListAttachmentsResponse as _ashlar_v1_ListAttachmentsResponse, ListAttachmentsResponse__Output as _ashlar_v1_ListAttachmentsResponse__Output } from '../../ashlar/v1/ListAttachmentsResponse.js';

export interface AttachmentServiceClient extends grpc.Client {
  CreateAttachment(argument: _ashlar_v1_CreateAttachmentRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Attachment__Output>): grpc.ClientUnaryCall;
  CreateAttachment(argument: _ashlar_v1_CreateAttachmentRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_Attachment__Output>): grpc.ClientUnaryCall;
  CreateAttachment(argument: _ashlar_v1_CreateAttachmentRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Attachment__Output>): grpc.ClientUnaryCall;
  CreateAttachment(argument: _ashlar_v1_CreateAttachmentRequest, callback: grpc.requestCallback<_ashlar_v1_Attachment__Output>): grpc.ClientUnaryCall;
  createAttachment(argument: _ashlar_v1_CreateAttachmentRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Attachment__Output>): grpc.ClientUnaryCall;
  createAttachment(argument: _ashlar_v1_CreateAttachmentRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_Attachment__Output>): grpc.ClientUnaryCall;
  createAttachment(argument: _ashlar_v1_CreateAttachmentRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Attachment__Output>): grpc.ClientUnaryCall;
  createAttachment(argument: _ashlar_v1_CreateAttachmentRequest, callback: grpc.requestCallback<_ashlar_v1_Attachment__Output>): grpc.ClientUnaryCall;
  
  DeleteAttachment(argument: _ashlar_v1_DeleteAttachmentRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_DeleteAttachmentResponse__Output>): grpc.ClientUnaryCall;
  DeleteAttachment(argument: _ashlar_v1_DeleteAttachmentRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_DeleteAttachmentResponse__Output>): grpc.ClientUnaryCall;
  DeleteAttachment(argument: _ashlar_v1_DeleteAttachmentRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_DeleteAttachmentResponse__Output>): grpc.ClientUnaryCall;
  DeleteAttachment(argument: _ashlar_v1_DeleteAttachmentRequest, callback: grpc.requestCallback<_ashlar_v1_DeleteAttachmentResponse__Output>): grpc.ClientUnaryCall;
  deleteAttachment(argument: _ashlar_v1_DeleteAttachmentRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_DeleteAttachmentResponse__Output>): grpc.ClientUnaryCall;
  deleteAttachment(argument: _ashlar_v1_DeleteAttachmentRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_DeleteAttachmentResponse__Output>): grpc.ClientUnaryCall;
  deleteAttachment(argument: _ashlar_v1_DeleteAttachmentRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_DeleteAttachmentResponse__Output>): grpc.ClientUnaryCall;
  deleteAttachment(argument: _ashlar_v1_DeleteAttachmentRequest, callback: grpc.requestCallback<_ashlar_v1_DeleteAttachmentResponse__Output>): grpc.ClientUnaryCall;
  
  GetAttachment(argument: _ashlar_v1_GetAttachmentRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Attachment__Output>): grpc.ClientUnaryCall;
  GetAttachment(argument: _ashlar_v1_GetAttachmentRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_Attachment__Output>): grpc.ClientUnaryCall;
  GetAttachment(argument: _ashlar_v1_GetAttachmentRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Attachment__Output>): grpc.ClientUnaryCall;
  GetAttachment(argument: _ashlar_v1_GetAttachmentRequest, callback: grpc.requestCallback<_ashlar_v1_Attachment__Output>): grpc.ClientUnaryCall;
  getAttachment(argument: _ashlar_v1_GetAttachmentRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Attachment__Output>): grpc.ClientUnaryCall;
  getAttachment(argument: _ashlar_v1_GetAttachmentRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_Attachment__Output>): grpc.ClientUnaryCall;
  getAttachment(argument: _ashlar_v1_GetAttachmentRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_Attachment__Output>): grpc.ClientUnaryCall;
  getAttachment(argument: _ashlar_v1_GetAttachmentRequest, callback: grpc.requestCallback<_ashlar_v1_Attachment__Output>): grpc.ClientUnaryCall;
  
  ListAttachments(argument: _ashlar_v1_ListAttachmentsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ListAttachmentsResponse__Output>): grpc.ClientUnaryCall;
  ListAttachments(argument: _ashlar_v1_ListAttachmentsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_ListAttachmentsResponse__Output>): grpc.ClientUnaryCall;
  ListAttachments(argument: _ashlar_v1_ListAttachmentsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ListAttachmentsResponse__Output>): grpc.ClientUnaryCall;
  ListAttachments(argument: _ashlar_v1_ListAttachmentsRequest, callback: grpc.requestCallback<_ashlar_v1_ListAttachmentsResponse__Output>): grpc.ClientUnaryCall;
  listAttachments(argument: _ashlar_v1_ListAttachmentsRequest, metadata: grpc.Metadata, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ListAttachmentsResponse__Output>): grpc.ClientUnaryCall;
  listAttachments(argument: _ashlar_v1_ListAttachmentsRequest, metadata: grpc.Metadata, callback: grpc.requestCallback<_ashlar_v1_ListAttachmentsResponse__Output>): grpc.ClientUnaryCall;
  listAttachments(argument: _ashlar_v1_ListAttachmentsRequest, options: grpc.CallOptions, callback: grpc.requestCallback<_ashlar_v1_ListAttachmentsResponse__Output>): grpc.ClientUnaryCall;
  listAttachments(argument: _ashlar_v1_ListAttachmentsRequest, callback: grpc.requestCallback<_ashlar_v1_ListAttachmentsResponse__Output>): grpc.ClientUnaryCall;
  
}

export interface AttachmentServiceHandlers extends grpc.UntypedServiceImplementation {
  CreateAttachment: grpc.handleUnaryCall<_ashlar_v1_CreateAttachmentRequest__Output, _ashlar_v1_Attachment>;
  
  DeleteAttachment: grpc.handleUnaryCall<_ashlar_v1_DeleteAttachmentRequest__Output, _ashlar_v1_DeleteAttachmentResponse>;
  
  GetAttachment: grpc.handleUnaryCall<_ashlar_v1_GetAttachmentRequest__Output, _ashlar_v1_Attachment>;
  
  ListAttachments: grpc.handleUnaryCall<_ashlar_v1_ListAttachmentsRequest__Output, _ashlar_v1_ListAttachmentsResponse>;
  
}

export interface AttachmentServiceDefinition extends grpc.ServiceDefinition {
  CreateAttachment: MethodDefinition<_ashlar_v1_CreateAttachmentRequest, _ashlar_v1_Attachment, _ashlar_v1_CreateAttachmentRequest__Output, _ashlar_v1_Attachment__Output>
  DeleteAttachment: MethodDefinition<_ashlar_v1_DeleteAttachmentRequest, _ashlar_v1_DeleteAttachmentResponse, _ashlar_v1_DeleteAttachmentRequest__Output, _ashlar_v1_DeleteAttachmentResponse__Output>
  GetAttachment: MethodDefinition<_ashlar_v1_GetAttachmentRequest, _ashlar_v1_Attachment, _ashlar_v1_GetAttachmentRequest__Output, _ashlar_v1_Attachment__Output>
  ListAttachments: MethodDefinition<_ashlar_v1_ListAttachmentsRequest, _ashlar_v1_ListAttachmentsResponse, _ashlar_v1_ListAttachmentsRequest__Output, _ashlar_v1_ListAttachmentsResponse__Output>
}
