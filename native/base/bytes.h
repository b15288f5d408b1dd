// Byte views and the two units everything is counted in.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace ashlar {

using Bytes = std::span<const uint8_t>;
using MutableBytes = std::span<uint8_t>;

constexpr uint64_t kBlockBytes = 4096;   // unit of the map
constexpr uint64_t kChunkBytes = 65536;  // unit of identity, dedup and compression
constexpr uint64_t kBlocksPerChunk = kChunkBytes / kBlockBytes;

struct ByteRange {
  uint64_t offset = 0;
  uint64_t bytes = 0;
  uint64_t end() const { return offset + bytes; }
};

}  // namespace ashlar
