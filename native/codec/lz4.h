// LZ4's bare block format. Thread: any.
#pragma once

#include <optional>
#include <vector>

#include "base/bytes.h"

namespace ashlar {

// The compressed form, or nothing where it would not be smaller.
std::optional<std::vector<uint8_t>> lz4_compress(Bytes plain);
// The same into `stored`; 0 where it does not fit. Give it one byte less than the plain size.
size_t lz4_compress_into(Bytes plain, MutableBytes stored);
// Fills `plain` exactly; false when the bytes are not such a block. Never writes past it.
bool lz4_decompress(Bytes stored, MutableBytes plain);

}  // namespace ashlar
