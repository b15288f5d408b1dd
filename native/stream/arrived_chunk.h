// A chunk that came over the wire, checked, in the form in which a store keeps it. Thread: any.
#pragma once

#include <optional>

#include "format/replication_frame.h"
#include "store/chunk_store.h"

namespace ashlar {

struct ArrivedChunk {
  FrameKind kind{};
  Hash id{};
  Hash base{};  // of a delta
  uint16_t block_map = 0;
  std::vector<uint8_t> packed;  // where it is not stored as it came
  Bytes as_sent;

  StoredFrame frame() const {
    return {kind, id,       uint32_t(kChunkBytes), packed.empty() ? as_sent : Bytes(packed),
            base, block_map};
  }
};

// The 64 KiB of a RAW or LZ4 frame. False when it is none, or does not unpack.
bool unpack_chunk(const WireFrame& frame, MutableBytes into);

// The chunk `id` out of a RAW, LZ4, DELTA or DELTA_RAW frame; points into the frame. A delta lies
// on the chunk `base`, which this store holds, or on zeros; whether a base was agreed on is the
// caller's to know. Errors: kProtocol (it is not that chunk), and what reading the base gives.
Result<ArrivedChunk> accept_chunk(ChunkStore& store, const DomainKeys& keys, const WireFrame& frame,
                                  const Hash& id, const Hash& base);

}  // namespace ashlar
