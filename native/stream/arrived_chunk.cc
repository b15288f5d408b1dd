#include "stream/arrived_chunk.h"

#include <algorithm>
#include <bit>
#include <memory>

#include "codec/lz4.h"
#include "seal/image.h"
#include "store/delta.h"
#include "store/verify.h"
#include "stream/tree_frames.h"

namespace ashlar {
namespace {

// The base's chunk, and the chunk that is stored whole: the same one, of which only the blocks that
// the delta names are there, or the one that the base is a difference from. The bytes are what the
// store's checksums say; whether they are the id's shows in what is made of them.
struct Base {
  Hash whole_id{};  // zero where nothing lies below
  bool may_be_base = false;
  std::unique_ptr<uint8_t[]> plain_bytes = std::make_unique_for_overwrite<uint8_t[]>(kChunkBytes);
  std::unique_ptr<uint8_t[]> whole_bytes = std::make_unique_for_overwrite<uint8_t[]>(kChunkBytes);
  MutableBytes plain() { return {plain_bytes.get(), kChunkBytes}; }
  MutableBytes whole() { return {whole_bytes.get(), kChunkBytes}; }
};

Result<void> unpack_stored(const ChunkStore::Stored& stored, const Hash& id, MutableBytes into) {
  if (unpack_chunk(stored.kind, stored.block_map, stored.bytes, into)) return {};
  return error(Code::kCorrupt, "the chunk " + to_hex(id) + " does not unpack");
}

Result<Base> read_base(ChunkStore& store, const Hash& id, uint16_t block_map) {
  Base base;
  if (is_zero(id)) {
    std::fill(base.plain().begin(), base.plain().end(), 0);
    return base;
  }
  const ChunkStore::Stored own = TRY(store.read(id));
  if (own.kind != FrameKind::kDelta) {
    base.whole_id = id;
    base.may_be_base = own.may_be_base;
    TRY(unpack_stored(own, id, base.plain()));
    copy_blocks(block_map, base.plain(), base.whole());
    return base;
  }
  const ChunkStore::Stored whole = TRY(store.read(own.base));
  if (!is_full_chunk(whole.kind)) {
    return error(Code::kCorrupt, "the base of " + to_hex(id) + " is not stored whole");
  }
  base.whole_id = own.base;
  base.may_be_base = whole.may_be_base;
  TRY(unpack_stored(whole, own.base, base.whole()));
  std::copy(base.whole().begin(), base.whole().end(), base.plain().begin());
  TRY(unpack_stored(own, id, base.plain()));
  return base;
}

// Stored as a difference from a chunk that is stored whole, so that depth is 1.
Result<ArrivedChunk> accept_delta(ChunkStore& store, const DomainKeys& keys, const WireFrame& frame,
                                  const Hash& id, const Hash& base) {
  Base below = TRY(read_base(store, base, frame.header.block_map));
  const MutableBytes plain = below.plain();
  const bool unpacked = apply_delta(frame.header.block_map, frame.payload, plain);
  if (!unpacked || chunk_id(keys, plain) != id) {
    // Who is wrong, the source or this store?
    if (!is_zero(base)) TRY(store.read_chunk(keys, base, below.whole()));
    return broken("sent a delta that does not give the chunk");
  }
  ArrivedChunk chunk;
  chunk.id = id;
  const bool on_base = below.whole_id == base;
  const uint16_t among = on_base ? frame.header.block_map : uint16_t(UINT16_MAX);
  const uint16_t map = is_zero(below.whole_id) ? 0 : differing_blocks(plain, below.whole(), among);
  const bool small = map != 0 && std::popcount(map) <= kDeltaBlocksMax;
  if (small && below.may_be_base) {
    chunk.kind = FrameKind::kDelta;
    chunk.base = below.whole_id;
    chunk.block_map = map;
    if (map == frame.header.block_map && on_base) {
      chunk.as_sent = frame.payload;
    } else {
      chunk.packed = make_delta(map, plain).stored;
    }
    return chunk;
  }
  auto packed = lz4_compress(plain);
  chunk.kind = packed ? FrameKind::kLz4 : FrameKind::kRaw;
  chunk.packed = packed ? *std::move(packed) : std::vector<uint8_t>(plain.begin(), plain.end());
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
    if (!unpack_chunk(frame, unpacked)) return broken("sent a chunk that does not unpack");
    plain = unpacked;
  }
  if (chunk_id(keys, plain) != id) return broken("sent a chunk that is not what its id says");
  ArrivedChunk chunk;
  chunk.kind = kind == Wire::kRaw ? FrameKind::kRaw : FrameKind::kLz4;
  chunk.id = id;
  chunk.as_sent = frame.payload;
  return chunk;
}

}  // namespace ashlar
