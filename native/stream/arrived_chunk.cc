#include "stream/arrived_chunk.h"

#include <algorithm>
#include <bit>

#include "codec/lz4.h"
#include "seal/image.h"
#include "store/delta.h"

namespace ashlar {
namespace {

Error broken(const std::string& what) {
  return error(Code::kProtocol, "the source sent " + what + "; nothing of it was kept");
}

bool is_full(FrameKind kind) {
  return kind == FrameKind::kRaw || kind == FrameKind::kLz4;
}

Result<ArrivedChunk> accept_delta(ChunkStore& store, const DomainKeys& keys, const WireFrame& frame,
                                  const Hash& id, const Hash& base) {
  if (is_zero(base)) return broken("a delta where the base has nothing");
  std::vector<uint8_t> plain(kChunkBytes);
  TRY(store.read_chunk(keys, base, plain));
  const uint16_t block_map = frame.header.block_map;
  if (!apply_delta(block_map, frame.payload, plain)) return broken("a delta that does not unpack");
  if (chunk_id(keys, plain) != id) return broken("a delta that does not give the chunk");
  ArrivedChunk chunk;
  chunk.id = id;
  // A delta is stored on a full chunk only: its depth is 1.
  if (std::popcount(block_map) <= kDeltaBlocksMax && is_full(TRY(store.read(base)).kind)) {
    chunk.kind = FrameKind::kDelta;
    chunk.base = base;
    chunk.block_map = block_map;
    chunk.as_sent = frame.payload;
    return chunk;
  }
  auto packed = lz4_compress(plain);
  chunk.kind = packed ? FrameKind::kLz4 : FrameKind::kRaw;
  chunk.packed = packed ? *std::move(packed) : std::move(plain);
  return chunk;
}

}  // namespace

bool unpack_chunk(const WireFrame& frame, MutableBytes into) {
  if (frame.header.kind == Wire::kLz4) return lz4_decompress(frame.payload, into);
  if (frame.header.kind != Wire::kRaw || frame.payload.size() != into.size()) return false;
  std::copy(frame.payload.begin(), frame.payload.end(), into.begin());
  return true;
}

Result<ArrivedChunk> accept_chunk(ChunkStore& store, const DomainKeys& keys, const WireFrame& frame,
                                  const Hash& id, const Hash& base) {
  const Wire kind = frame.header.kind;
  if (kind == Wire::kDelta || kind == Wire::kDeltaRaw) {
    return accept_delta(store, keys, frame, id, base);
  }
  std::vector<uint8_t> unpacked;
  Bytes plain = frame.payload;
  if (kind != Wire::kRaw) {
    unpacked.resize(kChunkBytes);
    if (!unpack_chunk(frame, unpacked)) return broken("a chunk that does not unpack");
    plain = unpacked;
  }
  if (chunk_id(keys, plain) != id) return broken("a chunk that is not what its id says");
  ArrivedChunk chunk;
  chunk.kind = kind == Wire::kRaw ? FrameKind::kRaw : FrameKind::kLz4;
  chunk.id = id;
  chunk.as_sent = frame.payload;
  return chunk;
}

}  // namespace ashlar
