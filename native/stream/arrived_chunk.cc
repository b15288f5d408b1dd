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

// The base's chunk into `plain`, and a chunk that is stored whole into `whole`: the same one, or
// the one that it is a difference from. Answers the latter's id; zero where there is none. The
// bytes are what the store's checksums say; whether they are the id's shows in what is made of
// them.
Result<Hash> read_base(ChunkStore& store, const DomainKeys& keys, const Hash& id,
                       MutableBytes plain, MutableBytes whole) {
  std::fill(plain.begin(), plain.end(), 0);
  if (is_zero(id)) return Hash{};
  const ChunkStore::Stored stored = TRY(store.read(id));
  bool unpacked = false;
  switch (stored.kind) {
    case FrameKind::kRaw:
      unpacked = stored.bytes.size() == plain.size();
      if (unpacked) std::copy(stored.bytes.begin(), stored.bytes.end(), plain.begin());
      break;
    case FrameKind::kLz4:
      unpacked = lz4_decompress(stored.bytes, plain);
      break;
    case FrameKind::kDelta:
      TRY(store.read_chunk(keys, stored.base, whole));
      std::copy(whole.begin(), whole.end(), plain.begin());
      if (apply_delta(stored.block_map, stored.bytes, plain)) return stored.base;
      break;
    case FrameKind::kNode:
    case FrameKind::kManifest:
    case FrameKind::kRecord:
      break;
  }
  if (!unpacked) return error(Code::kCorrupt, "the chunk " + to_hex(id) + " does not unpack");
  std::copy(plain.begin(), plain.end(), whole.begin());
  return id;
}

// Stored as a difference from a chunk that is stored whole, so that depth is 1.
Result<ArrivedChunk> accept_delta(ChunkStore& store, const DomainKeys& keys, const WireFrame& frame,
                                  const Hash& id, const Hash& base) {
  std::vector<uint8_t> plain(kChunkBytes);
  std::vector<uint8_t> whole(kChunkBytes);
  const Hash whole_id = TRY(read_base(store, keys, base, plain, whole));
  const bool unpacked = apply_delta(frame.header.block_map, frame.payload, plain);
  if (!unpacked || chunk_id(keys, plain) != id) {
    // Who is wrong, the source or this store?
    if (!is_zero(base)) TRY(store.read_chunk(keys, base, whole));
    return broken("a delta that does not give the chunk");
  }
  ArrivedChunk chunk;
  chunk.id = id;
  const uint16_t map = is_zero(whole_id) ? 0 : differing_blocks(plain, whole);
  const bool small = map != 0 && std::popcount(map) <= kDeltaBlocksMax;
  if (small && TRY(store.may_be_delta(id, whole_id))) {
    chunk.kind = FrameKind::kDelta;
    chunk.base = whole_id;
    chunk.block_map = map;
    if (map == frame.header.block_map && whole_id == base) {
      chunk.as_sent = frame.payload;
    } else {
      chunk.packed = make_delta(map, plain).stored;
    }
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
