#include "store/delta.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "codec/lz4.h"

namespace ashlar {

uint16_t differing_blocks(Bytes chunk, Bytes base, uint16_t among) {
  CHECK(chunk.size() == kChunkBytes && base.size() == kChunkBytes);
  uint16_t map = 0;
  for (size_t i = 0; i < kBlocksPerChunk; i++) {
    if (!(among >> i & 1)) continue;
    const size_t at = i * kBlockBytes;
    if (std::memcmp(&chunk[at], &base[at], kBlockBytes) != 0) map |= uint16_t(1u << i);
  }
  return map;
}

void copy_blocks(uint16_t block_map, Bytes chunk, MutableBytes into) {
  CHECK(chunk.size() == kChunkBytes && into.size() == kChunkBytes);
  for (size_t i = 0; i < kBlocksPerChunk; i++) {
    if (!(block_map >> i & 1)) continue;
    std::copy_n(chunk.begin() + i * kBlockBytes, kBlockBytes, into.begin() + i * kBlockBytes);
  }
}

Delta make_delta(uint16_t block_map, Bytes chunk) {
  CHECK(block_map != 0 && chunk.size() == kChunkBytes);
  std::vector<uint8_t> plain;
  for (size_t i = 0; i < kBlocksPerChunk; i++) {
    if (!(block_map >> i & 1)) continue;
    const Bytes block = chunk.subspan(i * kBlockBytes, kBlockBytes);
    plain.insert(plain.end(), block.begin(), block.end());
  }
  auto packed = lz4_compress(plain);
  return {block_map, packed ? *std::move(packed) : std::move(plain)};
}

bool apply_delta(uint16_t block_map, Bytes stored, MutableBytes chunk) {
  if (block_map == 0 || chunk.size() != kChunkBytes) return false;
  const size_t bytes = size_t(std::popcount(block_map)) * kBlockBytes;
  std::vector<uint8_t> unpacked;
  if (stored.size() != bytes) {
    unpacked.resize(bytes);
    if (!lz4_decompress(stored, unpacked)) return false;
    stored = unpacked;
  }
  for (size_t i = 0; i < kBlocksPerChunk; i++) {
    if (!(block_map >> i & 1)) continue;
    std::copy_n(stored.begin(), kBlockBytes, chunk.begin() + i * kBlockBytes);
    stored = stored.subspan(kBlockBytes);
  }
  return true;
}

}  // namespace ashlar
