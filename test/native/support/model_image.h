// The identity of a model's bytes as DESIGN 6 words it, computed without seal/: all ids of one
// level at once, zero ones left out; the manifest is put together byte by byte.
#pragma once

#include <map>
#include <vector>

#include "codec/blake3.h"
#include "support/byte_model.h"

namespace ashlar::test {

struct ModelImage {
  std::map<uint64_t, Hash> chunks;  // by index; what is missing is zero
  Hash tree_root{};
  std::array<uint8_t, 80> manifest{};
  Hash root{};
};

inline std::map<uint64_t, Hash> chunk_ids_of(const ByteModel& model, const DomainKeys& keys) {
  std::map<uint64_t, std::vector<uint8_t>> plain;
  for (const auto& [block, data] : model.blocks()) {
    const bool zero = std::all_of(data->begin(), data->end(), [](uint8_t byte) { return !byte; });
    if (zero) continue;
    auto& chunk = plain[block / kBlocksPerChunk];
    chunk.resize(kChunkBytes);
    std::copy(data->begin(), data->end(),
              chunk.begin() + ptrdiff_t(block % kBlocksPerChunk * kBlockBytes));
  }
  std::map<uint64_t, Hash> ids;
  for (const auto& [index, bytes] : plain)
    ids[index] = keyed_hash(keys.chunk, bytes);
  return ids;
}

inline Hash tree_root_of(std::map<uint64_t, Hash> ids, uint64_t chunks, const DomainKeys& keys) {
  for (uint8_t level = 1;; level++) {
    std::map<uint64_t, std::vector<uint8_t>> nodes;
    for (const auto& [index, id] : ids) {
      auto& node = nodes[index / 64];
      node.resize(2049);
      node[0] = level;
      std::copy(id.begin(), id.end(), node.begin() + ptrdiff_t(1 + index % 64 * 32));
    }
    ids.clear();
    for (const auto& [index, node] : nodes)
      ids[index] = keyed_hash(keys.node, node);
    chunks = (chunks + 63) / 64;
    if (chunks == 1) return ids.empty() ? Hash{} : ids.at(0);
  }
}

inline ModelImage image_of(const ByteModel& model) {
  const DomainKeys keys = derive_keys({});
  ModelImage image;
  image.chunks = chunk_ids_of(model, keys);
  image.tree_root = tree_root_of(image.chunks, (model.bytes + 65'535) / 65'536, keys);
  std::vector<uint8_t> manifest;
  const auto put = [&](uint64_t number, int bytes) {
    for (int i = 0; i < bytes; i++)
      manifest.push_back(uint8_t(number >> (8 * i)));
  };
  for (const char letter : {'A', 'S', 'H', 'L', 'M', 'A', 'N', '1'})
    put(uint64_t(letter), 1);
  put(1, 4);
  put(65'536, 4);
  put(64, 4);
  put(0, 4);
  put(model.bytes, 8);
  manifest.resize(manifest.size() + 16);  // the default domain
  manifest.insert(manifest.end(), image.tree_root.begin(), image.tree_root.end());
  std::copy(manifest.begin(), manifest.end(), image.manifest.begin());
  image.root = keyed_hash(keys.manifest, manifest);
  return image;
}

}  // namespace ashlar::test
