#include "stream/stored_tree.h"

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "stream/snapshot_source.h"

namespace ashlar {
namespace {

Hash child_of(const NodeBytes& node, uint64_t child) {
  Hash id;
  std::memcpy(id.data(), &node[1 + child * sizeof(Hash)], sizeof id);
  return id;
}

}  // namespace

Result<std::unique_ptr<StoredTree>> StoredTree::open(ChunkStore& store, const DomainKeys& keys,
                                                     const Hash& root) {
  const ChunkStore::Stored stored = TRY(store.read(root));
  Manifest manifest;
  if (stored.kind != FrameKind::kManifest || stored.bytes.size() != manifest.size()) {
    return error(Code::kCorrupt, "the store holds no manifest under " + to_hex(root));
  }
  std::copy(stored.bytes.begin(), stored.bytes.end(), manifest.begin());
  if (manifest_root(keys, manifest) != root) {
    return error(Code::kCorrupt, "the manifest " + to_hex(root) + " is not what its id says");
  }
  const ManifestFields fields = TRY(read_manifest(manifest));
  return std::unique_ptr<StoredTree>(
      new StoredTree(store, keys, fields.volume_bytes, fields.tree_root));
}

StoredTree::StoredTree(ChunkStore& store, const DomainKeys& keys, uint64_t volume_bytes,
                       const Hash& root)
    : store_(store),
      keys_(keys),
      volume_bytes_(volume_bytes),
      tree_root_(root),
      way_(tree_height(volume_bytes)) {}

Result<void> StoredTree::read(uint8_t level, const Hash& id, NodeBytes& into) {
  const ChunkStore::Stored stored = TRY(store_.read(id));
  if (stored.kind != FrameKind::kNode || stored.bytes.size() != into.size() ||
      stored.bytes[0] != level || keyed_hash(keys_.node, stored.bytes) != id) {
    return error(Code::kCorrupt, "the node " + to_hex(id) + " is not what its id says");
  }
  std::copy(stored.bytes.begin(), stored.bytes.end(), into.begin());
  return {};
}

Result<const NodeBytes*> StoredTree::find(uint8_t level, uint64_t index) {
  Kept& kept = way_[level - 1u];
  if (kept.index == index) return &kept.bytes;
  Hash id = tree_root_;
  if (level < way_.size()) {
    const NodeBytes* parent = TRY(find(uint8_t(level + 1), index / kFanOut));
    id = child_of(*parent, index % kFanOut);
  } else if (index != 0) {
    id = Hash{};
  }
  kept.index.reset();
  if (is_zero(id)) {
    kept.bytes.fill(0);
    kept.bytes[0] = level;
  } else {
    TRY(read(level, id, kept.bytes));
  }
  kept.index = index;
  return &kept.bytes;
}

Result<NodeBytes> StoredTree::node(uint8_t level, uint64_t index) {
  CHECK(level >= 1 && level <= way_.size());
  return *TRY(find(level, index));
}

Result<Hash> StoredTree::chunk(uint64_t index) {
  return child_of(*TRY(find(1, index / kFanOut)), index % kFanOut);
}

}  // namespace ashlar
