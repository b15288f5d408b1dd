#include "store/verify.h"

#include <algorithm>

#include "codec/lz4.h"
#include "store/delta.h"

namespace ashlar {

bool unpack_chunk(FrameKind kind, uint16_t block_map, Bytes stored, MutableBytes into) {
  switch (kind) {
    case FrameKind::kRaw:
      if (stored.size() != into.size()) return false;
      std::copy(stored.begin(), stored.end(), into.begin());
      return true;
    case FrameKind::kLz4:
      return lz4_decompress(stored, into);
    case FrameKind::kDelta:
      return apply_delta(block_map, stored, into);
    case FrameKind::kNode:
    case FrameKind::kManifest:
    case FrameKind::kRecord:
      return false;
  }
  return false;
}

bool is_its_id(const DomainKeys& keys, const Hash& id, FrameKind kind, Bytes stored) {
  switch (kind) {
    case FrameKind::kRaw:
    case FrameKind::kLz4: {
      std::vector<uint8_t> plain(kChunkBytes);
      return unpack_chunk(kind, 0, stored, plain) && keyed_hash(keys.chunk, plain) == id;
    }
    case FrameKind::kNode:
      return keyed_hash(keys.node, stored) == id;
    case FrameKind::kManifest:
      return keyed_hash(keys.manifest, stored) == id;
    case FrameKind::kDelta:
    case FrameKind::kRecord:
      return true;
  }
  return false;
}

bool is_its_id(const DomainKeys& keys, const PackedFrame& delta, const PackedFrame& base) {
  std::vector<uint8_t> plain(kChunkBytes);
  return unpack_chunk(base.header.kind, 0, base.stored, plain) &&
         apply_delta(delta.header.block_map, delta.stored, plain) &&
         keyed_hash(keys.chunk, plain) == delta.header.id;
}

}  // namespace ashlar
