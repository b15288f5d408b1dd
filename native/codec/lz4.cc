#include "codec/lz4.h"

#include <lz4.h>

namespace ashlar {

std::optional<std::vector<uint8_t>> lz4_compress(Bytes plain) {
  // One byte short of the plain size: LZ4 gives up as soon as it would not shrink.
  std::vector<uint8_t> stored(plain.size() - 1);
  const size_t bytes = lz4_compress_into(plain, stored);
  if (bytes == 0) return std::nullopt;
  stored.resize(bytes);
  return stored;
}

size_t lz4_compress_into(Bytes plain, MutableBytes stored) {
  const int bytes = LZ4_compress_default(reinterpret_cast<const char*>(plain.data()),
                                         reinterpret_cast<char*>(stored.data()), int(plain.size()),
                                         int(stored.size()));
  return bytes > 0 ? size_t(bytes) : 0;
}

bool lz4_decompress(Bytes stored, MutableBytes plain) {
  const int bytes = LZ4_decompress_safe(reinterpret_cast<const char*>(stored.data()),
                                        reinterpret_cast<char*>(plain.data()), int(stored.size()),
                                        int(plain.size()));
  return bytes >= 0 && size_t(bytes) == plain.size();
}

}  // namespace ashlar
