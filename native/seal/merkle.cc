#include "seal/merkle.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"

namespace ashlar {

uint8_t tree_height(uint64_t volume_bytes) {
  const uint64_t chunks = (volume_bytes + kChunkBytes - 1) / kChunkBytes;
  uint8_t height = 1;
  for (uint64_t covered = kFanOut; covered < chunks; covered *= kFanOut)
    height++;
  return height;
}

MerkleBuilder::MerkleBuilder(const DomainKeys& keys, uint64_t volume_bytes, Sink sink,
                             MerkleBase base)
    : keys_(keys),
      sink_(std::move(sink)),
      base_(std::move(base)),
      base_height_(is_zero(base_.root) ? 0 : tree_height(base_.volume_bytes)),
      levels_(tree_height(volume_bytes)) {
  CHECK(base_height_ <= levels_.size());
  if (base_height_ == levels_.size()) root_ = base_.root;
  // The way from the base's root up to a higher one is built whatever is added.
  if (base_height_ > 0 && base_height_ < levels_.size()) {
    put(uint8_t(base_height_ + 1), 0, base_.root);
  }
}

void MerkleBuilder::add(uint64_t chunk_index, const Hash& id) {
  put(1, chunk_index, id);
}

void MerkleBuilder::put(uint8_t level, uint64_t child, const Hash& id) {
  if (level > levels_.size()) {
    CHECK(child == 0);
    root_ = id;
    return;
  }
  Level& at = levels_[level - 1u];
  const uint64_t index = child / kFanOut;
  CHECK(!at.index || index >= *at.index);
  if (at.index != index) {
    close(level);
    open(level, index);
  }
  std::memcpy(&at.bytes[1 + child % kFanOut * sizeof(Hash)], id.data(), sizeof(Hash));
}

void MerkleBuilder::open(uint8_t level, uint64_t index) {
  Level& at = levels_[level - 1u];
  at.index = index;
  if (level <= base_height_) {
    at.bytes = base_.node(level, index);
  } else {
    at.bytes.fill(0);
  }
  at.bytes[0] = level;
}

// Hands the open node of `level` to its parent. All zero, it has the zero id and is no node.
void MerkleBuilder::close(uint8_t level) {
  Level& at = levels_[level - 1u];
  if (!at.index) return;
  const uint64_t index = *at.index;
  at.index.reset();
  const bool any =
      std::any_of(at.bytes.begin() + 1, at.bytes.end(), [](uint8_t byte) { return byte != 0; });
  const Hash id = any ? keyed_hash(keys_.node, at.bytes) : Hash{};
  if (any && sink_) sink_(level, index, id, at.bytes);
  put(uint8_t(level + 1), index, id);
}

Hash MerkleBuilder::finish() {
  for (uint8_t level = 1; level <= levels_.size(); level++)
    close(level);
  return root_;
}

Manifest make_manifest(uint64_t volume_bytes, const std::array<uint8_t, 16>& domain,
                       const Hash& tree_root) {
  Manifest manifest{};
  const uint32_t numbers[4] = {1, uint32_t(kChunkBytes), uint32_t(kFanOut), 0};
  std::memcpy(&manifest[0], "ASHLMAN1", 8);
  std::memcpy(&manifest[8], numbers, sizeof numbers);
  std::memcpy(&manifest[24], &volume_bytes, 8);
  std::memcpy(&manifest[32], domain.data(), 16);
  std::memcpy(&manifest[48], tree_root.data(), 32);
  return manifest;
}

Result<ManifestFields> read_manifest(const Manifest& manifest) {
  ManifestFields fields;
  std::memcpy(&fields.volume_bytes, &manifest[24], sizeof fields.volume_bytes);
  std::memcpy(fields.tree_root.data(), &manifest[48], sizeof fields.tree_root);
  const Manifest expected = make_manifest(fields.volume_bytes, {}, fields.tree_root);
  if (expected != manifest || fields.volume_bytes == 0 || fields.volume_bytes > (64ull << 40)) {
    return error(Code::kInvalidArgument, "this is no manifest of the default domain");
  }
  return fields;
}

Hash manifest_root(const DomainKeys& keys, const Manifest& manifest) {
  return keyed_hash(keys.manifest, manifest);
}

}  // namespace ashlar
