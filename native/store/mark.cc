#include "store/mark.h"

#include <fcntl.h>

#include <algorithm>

namespace ashlar {
namespace {

constexpr size_t kSortFrom = 1 << 20;
constexpr size_t kIdsAtOnce = 4096;
constexpr uint8_t kLevelMax = 5;

uint64_t prefix_of(const Hash& id) {
  uint64_t prefix;
  std::memcpy(&prefix, id.data(), sizeof prefix);
  return prefix;
}

}  // namespace

Result<void> Mark::add_root(const Manifest& manifest) {
  nodes_.insert(keyed_hash(keys_.manifest, manifest));
  return walk(manifest_tree_root(manifest));
}

// Depth first; the ids that wait are at most one node's children a level.
Result<void> Mark::walk(const Hash& id) {
  std::vector<Hash> waiting;
  if (!is_zero(id) && nodes_.insert(id).second) waiting.push_back(id);
  while (!waiting.empty()) {
    TRY(cancel_->check());
    const Hash next = waiting.back();
    waiting.pop_back();
    TRY(add_children(next, waiting));
  }
  return {};
}

Result<void> Mark::add_children(const Hash& id, std::vector<Hash>& below) {
  const NodeBytes node = TRY(store_.read_node(keys_, id));
  const uint8_t level = node_level(node);
  if (level == 0 || level > kLevelMax) {
    return error(Code::kCorrupt, "the node " + to_hex(id) + " has a level that is none");
  }
  for (uint64_t child = 0; child < kFanOut; child++) {
    const Hash child_id = node_child(node, child);
    if (is_zero(child_id)) continue;
    if (level == 1) {
      add_chunk(child_id);
    } else if (nodes_.insert(child_id).second) {
      below.push_back(child_id);
    }
  }
  return {};
}

// Read from the pack itself: a session that failed may have left one that is not indexed, and the
// next open would. A child that the index does not know is another frame of such a pack.
Result<void> Mark::add_pack(const PackName& pack) {
  const std::string path = store_.folder().pack(pack);
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  const FoundDirectory directory = TRY(find_directory(path, pack));
  for (const DirectoryEntry& entry : directory.entries) {
    if (entry.kind == FrameKind::kDelta) add_chunk(entry.base);
    if (entry.kind != FrameKind::kNode) continue;
    const PackedFrame frame =
        TRY(read_frame(file.get(), path, entry.offset, entry.id, entry.kind, entry.stored_bytes));
    NodeBytes node;
    if (frame.stored.size() != node.size()) {
      return error(Code::kCorrupt, path + ": the node " + to_hex(entry.id) + " has a wrong length");
    }
    std::copy(frame.stored.begin(), frame.stored.end(), node.begin());
    for (uint64_t child = 0; child < kFanOut; child++) {
      const Hash id = node_child(node, child);
      if (is_zero(id)) continue;
      if (node_level(node) == 1) {
        add_chunk(id);
      } else if (TRY(store_.index().find(id))) {
        TRY(walk(id));
      }
    }
  }
  return {};
}

// A base is full, so one pass is enough.
Result<void> Mark::finish(std::span<const PackName> packs) {
  pack_chunks();
  for (const PackName& pack : packs) {
    TRY(cancel_->check());
    if (pack.kind == PackKind::kData) TRY(add_bases(pack));
  }
  pack_chunks();
  return {};
}

// Only of the copies that the index names. What is added waits behind the sorted part.
Result<void> Mark::add_bases(const PackName& pack) {
  std::vector<DirectoryEntry> deltas =
      TRY(find_directory(store_.folder().pack(pack), pack)).entries;
  std::erase_if(deltas, [&](const DirectoryEntry& entry) {
    return entry.kind != FrameKind::kDelta || !has(entry.id);
  });
  for (size_t first = 0; first < deltas.size(); first += kIdsAtOnce) {
    const size_t end = std::min(deltas.size(), first + kIdsAtOnce);
    std::vector<Hash> ids;
    for (size_t i = first; i < end; i++)
      ids.push_back(deltas[i].id);
    const auto found = TRY(store_.index().find_all(ids));
    for (size_t i = first; i < end; i++) {
      const auto& at = found[i - first];
      if (at && at->is(pack, deltas[i].offset)) chunks_.push_back(prefix_of(deltas[i].base));
    }
  }
  return {};
}

void Mark::add_chunk(const Hash& id) {
  chunks_.push_back(prefix_of(id));
  if (chunks_.size() >= std::max(kSortFrom, 2 * packed_)) pack_chunks();
}

void Mark::pack_chunks() {
  std::sort(chunks_.begin(), chunks_.end());
  chunks_.erase(std::unique(chunks_.begin(), chunks_.end()), chunks_.end());
  packed_ = chunks_.size();
}

bool Mark::has(const Hash& id) const {
  return nodes_.contains(id) ||
         std::binary_search(chunks_.begin(), chunks_.begin() + ptrdiff_t(packed_), prefix_of(id));
}

}  // namespace ashlar
