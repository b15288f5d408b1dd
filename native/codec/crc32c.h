// CRC-32C (Castagnoli), unseeded: the standard one (RFC 3720, appendix B.4). SSE 4.2 where the
// processor has it, found at run time; a table elsewhere. Thread: any.
#pragma once

#include "base/bytes.h"

namespace ashlar {

// With `before`, of what that is the CRC of and then these.
uint32_t crc32c(Bytes bytes, uint32_t before = 0);
// out[i] = CRC of the i-th of `count` consecutive 4 KiB blocks.
void crc32c_blocks(const uint8_t* blocks, size_t count, uint32_t* out);

}  // namespace ashlar
