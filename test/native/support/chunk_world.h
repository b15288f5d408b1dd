// Whole chunks with their true ids, deltas between them, and trees over them.
#pragma once

#include <initializer_list>

#include "seal/merkle.h"
#include "store/delta.h"
#include "support/store_world.h"

namespace ashlar::test {

inline const DomainKeys& chunk_keys() {
  static const DomainKeys keys = derive_keys({});
  return keys;
}

struct Chunk {
  std::vector<uint8_t> plain;
  Hash id{};
  StoredFrame raw() const { return {FrameKind::kRaw, id, uint32_t(kChunkBytes), plain}; }
};

inline void fill_random(MutableBytes bytes, uint64_t seed) {
  Prng prng(seed * 2 + 1);
  for (size_t at = 0; at < bytes.size(); at += sizeof(uint64_t)) {
    const uint64_t word = prng.next();
    std::memcpy(&bytes[at], &word, sizeof word);
  }
}
inline Chunk random_chunk(uint64_t seed) {
  Chunk chunk{std::vector<uint8_t>(kChunkBytes), {}};
  fill_random(chunk.plain, seed);
  chunk.id = keyed_hash(chunk_keys().chunk, chunk.plain);
  return chunk;
}
// The same, but for these blocks.
inline Chunk with_blocks(Chunk chunk, std::initializer_list<size_t> blocks, uint64_t seed) {
  for (const size_t block : blocks) {
    fill_random(MutableBytes(chunk.plain).subspan(block * kBlockBytes, kBlockBytes),
                seed * 1000 + block);
  }
  chunk.id = keyed_hash(chunk_keys().chunk, chunk.plain);
  return chunk;
}

class DeltaOf {
 public:
  DeltaOf(const Chunk& chunk, const Chunk& base)
      : id_(chunk.id),
        base_(base.id),
        delta_(make_delta(differing_blocks(chunk.plain, base.plain), chunk.plain)) {}
  StoredFrame view() const {
    return {FrameKind::kDelta, id_, uint32_t(kChunkBytes), delta_.stored, base_, delta_.block_map};
  }

 private:
  Hash id_;
  Hash base_;
  Delta delta_;
};

}  // namespace ashlar::test
