// Whether stored bytes are what their id says. Pure; thread: any.
#pragma once

#include "codec/blake3.h"
#include "store/pack.h"

namespace ashlar {

// Of a delta or a record nothing can be told from the frame alone: true.
bool is_its_id(const DomainKeys& keys, const Hash& id, FrameKind kind, Bytes stored);
// Of a delta, over the frame of its base.
bool is_its_id(const DomainKeys& keys, const PackedFrame& delta, const PackedFrame& base);
// Puts a chunk's 64 KiB into `into`, which holds its base if it is a delta. False when the bytes
// are no such chunk.
bool unpack_chunk(FrameKind kind, uint16_t block_map, Bytes stored, MutableBytes into);

}  // namespace ashlar
