// Delta chunks: the blocks in which a chunk differs from a full one, as one bare LZ4 block, or
// plain where that is not smaller. Bit 0 of the map is the first block. Pure; thread: any.
#pragma once

#include <vector>

#include "base/bytes.h"

namespace ashlar {

// A delta is stored where at most so many of a chunk's 16 blocks differ (DESIGN 7).
constexpr int kDeltaBlocksMax = 4;

struct Delta {
  uint16_t block_map = 0;
  std::vector<uint8_t> stored;
};

// Of the blocks that `among` names; the others are not looked at.
uint16_t differing_blocks(Bytes chunk, Bytes base, uint16_t among = UINT16_MAX);
// Those that the map names, each to its place; the others of `into` are left alone.
void copy_blocks(uint16_t block_map, Bytes chunk, MutableBytes into);
// The blocks that the map names, packed. Requires a map that is not 0.
Delta make_delta(uint16_t block_map, Bytes chunk);
// Puts the blocks over `chunk`, which holds the base. False when the bytes are no such delta.
bool apply_delta(uint16_t block_map, Bytes stored, MutableBytes chunk);

}  // namespace ashlar
