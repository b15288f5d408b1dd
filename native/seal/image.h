// The root of an image file, as if it had been sealed: what `ashlar verify` compares. Holes of the
// file are skipped; hashing takes all cores. Thread: any.
#pragma once

#include <string>

#include "base/result.h"
#include "seal/merkle.h"

namespace ashlar {

struct ImageRoot {
  Hash root{};
  uint64_t volume_bytes = 0;
};

// Default domain. Errors: kNotFound, kInvalidArgument (empty), kDeviceFailed.
Result<ImageRoot> verify_image(const std::string& path);

// The id of one chunk; shorter content is zero-padded, all zero is the zero id.
Hash chunk_id(const DomainKeys& keys, Bytes chunk_64k);

}  // namespace ashlar
