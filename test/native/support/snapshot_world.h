// Snapshots in a chunk store without the wire: images of numbered chunks, pulled into a store step
// by step as a session does it, and the oracle that a root is whole.
#pragma once

#include <bit>
#include <map>
#include <set>

#include "codec/lz4.h"
#include "store/collection.h"
#include "support/chunk_world.h"

namespace ashlar::test {

// A number says what is in a chunk: variant v of n differs from variant 0 in block v % 16. Every
// third does not compress.
struct Content {
  uint64_t number = 0;
  uint64_t variant = 0;
  auto operator<=>(const Content&) const = default;
};

inline Chunk chunk_of(const Content& content) {
  Chunk chunk{std::vector<uint8_t>(kChunkBytes), {}};
  if (content.number % 3 == 0) {
    fill_random(chunk.plain, content.number);
  } else {
    for (size_t block = 0; block < kBlocksPerChunk; block++)
      std::memset(&chunk.plain[block * kBlockBytes], int(content.number * 31 + block), kBlockBytes);
    std::memcpy(chunk.plain.data(), &content.number, sizeof content.number);
  }
  if (content.variant > 0) {
    const size_t block = content.variant % kBlocksPerChunk;
    fill_random(MutableBytes(chunk.plain).subspan(block * kBlockBytes, 512),
                content.number * 1000 + content.variant);
  }
  chunk.id = keyed_hash(chunk_keys().chunk, chunk.plain);
  return chunk;
}

// Index of the chunk -> content; what is left out is zero.
using Image = std::map<uint64_t, Content>;
// The first so many chunks; their contents are numbered from `first`.
inline Image image_of(uint64_t first, uint64_t chunks) {
  Image image;
  for (uint64_t i = 0; i < chunks; i++)
    image[i] = {first + i, 0};
  return image;
}
constexpr uint64_t kImageChunks = 300;  // two levels of nodes
constexpr uint64_t kImageBytes = kImageChunks * kChunkBytes;

struct Snapshot {
  Image image;
  Manifest manifest{};
};

inline Hash id_of(const Content& content) {
  static std::map<Content, Hash> known;
  const auto found = known.find(content);
  if (found != known.end()) return found->second;
  return known[content] = chunk_of(content).id;
}

inline Manifest manifest_of(const Image& image, const MerkleBuilder::Sink& sink = {},
                            uint64_t volume_bytes = kImageBytes) {
  MerkleBuilder tree(chunk_keys(), volume_bytes, sink);
  for (const auto& [index, content] : image)
    tree.add(index, id_of(content));
  return make_manifest(volume_bytes, {}, tree.finish());
}

// One pull: look() asks what is missing, write() stores some of it, finish() the rest and the
// nodes. `base` may be asked for chunks to lean on; it must stay a root while this runs.
class Pull {
 public:
  Pull(ChunkStore& store, Image image, const Image* base, uint64_t volume_bytes = kImageBytes)
      : store_(store), session_(store), image_(std::move(image)), volume_bytes_(volume_bytes) {
    if (base) base_ = *base;
  }

  Result<void> look() {
    for (const auto& [index, content] : image_) {
      const Hash id = id_of(content);
      if (!seen_.insert(id).second) continue;
      if (!TRY(store_.present(std::span(&id, 1)))[0]) missing_.push_back(index);
    }
    Result<void> outcome;
    const auto look_at = [&](uint8_t, uint64_t, const Hash& id, const NodeBytes& node) {
      const auto present = store_.present(std::span(&id, 1));
      if (!present) outcome = present.error();
      if (present && !(*present)[0]) nodes_.push_back({id, node});
    };
    manifest_ = manifest_of(image_, look_at, volume_bytes_);
    return outcome;
  }
  Result<void> write(size_t chunks) {
    for (; chunks > 0 && !missing_.empty(); chunks--) {
      TRY(put(missing_.back()));
      missing_.pop_back();
    }
    return {};
  }
  Result<Snapshot> finish() {
    TRY(write(missing_.size()));
    for (const auto& [id, node] : nodes_)
      TRY(session_.add_node({FrameKind::kNode, id, uint32_t(node.size()), node}));
    const Hash root = manifest_root(chunk_keys(), manifest_);
    TRY(session_.add_node({FrameKind::kManifest, root, uint32_t(manifest_.size()), manifest_}));
    TRY(session_.finish());
    return Snapshot{image_, manifest_};
  }

 private:
  Result<void> put(uint64_t index) {
    const Chunk chunk = chunk_of(image_.at(index));
    const auto base = base_.find(index);
    if (base != base_.end()) {
      const Chunk on = chunk_of(base->second);
      const uint16_t map = differing_blocks(chunk.plain, on.plain);
      if (std::popcount(map) <= kDeltaBlocksMax && TRY(store_.may_be_delta(chunk.id, on.id))) {
        std::vector<uint8_t> got(kChunkBytes);
        TRY(store_.read_chunk(chunk_keys(), on.id, got));
        if (got != on.plain) return error(Code::kInternal, "the base is another");
        const auto added = session_.add_chunk(DeltaOf(chunk, on).view());
        // Somebody else stored it in full just now, or its base was condemned.
        if (added || added.error().code != Code::kFailedPrecondition) return added;
      }
    }
    const auto packed = lz4_compress(chunk.plain);
    if (!packed) return session_.add_chunk(chunk.raw());
    return session_.add_chunk({FrameKind::kLz4, chunk.id, uint32_t(kChunkBytes), *packed});
  }

  ChunkStore& store_;
  StoreSession session_;
  const Image image_;
  const uint64_t volume_bytes_;
  Image base_;
  std::set<Hash> seen_;
  std::vector<uint64_t> missing_;
  std::vector<std::pair<Hash, NodeBytes>> nodes_;
  Manifest manifest_{};
};

inline Result<Snapshot> pull(ChunkStore& store, const Image& image, const Image* base = nullptr,
                             uint64_t volume_bytes = kImageBytes) {
  Pull pulling(store, image, base, volume_bytes);
  TRY(pulling.look());
  return pulling.finish();
}

// Every node and chunk under the root is there, true to its id and its place.
inline testing::AssertionResult is_whole(ChunkStore& store, const Snapshot& snapshot) {
  std::vector<Hash> nodes = {manifest_tree_root(snapshot.manifest)};
  if (is_zero(nodes[0])) nodes.clear();
  std::set<Hash> reached;
  while (!nodes.empty()) {
    const auto node = store.read_node(chunk_keys(), nodes.back());
    if (!node) return testing::AssertionFailure() << node.error().message;
    nodes.pop_back();
    for (uint64_t child = 0; child < kFanOut; child++) {
      const Hash id = node_child(*node, child);
      if (is_zero(id)) continue;
      if (node_level(*node) == 1) {
        reached.insert(id);
      } else {
        nodes.push_back(id);
      }
    }
  }
  std::vector<uint8_t> plain(kChunkBytes);
  for (const Hash& id : reached) {
    const auto got = store.read_chunk(chunk_keys(), id, plain);
    if (!got) return testing::AssertionFailure() << got.error().message;
  }
  for (const auto& [index, content] : snapshot.image) {
    if (!reached.contains(id_of(content))) {
      return testing::AssertionFailure() << to_hex(id_of(content)) << " is not under the root";
    }
  }
  return testing::AssertionSuccess();
}

inline std::vector<Manifest> roots_of(const std::vector<Snapshot>& snapshots) {
  std::vector<Manifest> roots;
  for (const Snapshot& snapshot : snapshots)
    roots.push_back(snapshot.manifest);
  return roots;
}

inline Result<Collection::Outcome> collect(ChunkStore& store,
                                           const std::vector<Snapshot>& snapshots,
                                           const std::set<uint64_t>& superseded = {}) {
  const std::vector<Manifest> roots = roots_of(snapshots);
  const auto collection = TRY(Collection::begin(store, chunk_keys(), roots));
  return collection->end(roots, superseded);
}

// What packs need for all that is under these roots, bases of deltas with it, and for so many
// records without a row.
inline uint64_t reachable_bytes(ChunkStore& store, const std::vector<Snapshot>& snapshots,
                                uint64_t records) {
  std::set<Hash> ids;
  for (const Snapshot& snapshot : snapshots) {
    ids.insert(manifest_root(chunk_keys(), snapshot.manifest));
    manifest_of(snapshot.image,
                [&](uint8_t, uint64_t, const Hash& id, const NodeBytes&) { ids.insert(id); });
    for (const auto& [index, content] : snapshot.image)
      ids.insert(id_of(content));
  }
  for (const Hash& id : std::vector<Hash>(ids.begin(), ids.end())) {
    const auto at = store.index().find(id);
    if (at && *at && (*at)->kind == FrameKind::kDelta) ids.insert((*at)->base);
  }
  uint64_t bytes = records * (sizeof(FrameHeader) + sizeof(DirectoryEntry) + 16);
  for (const Hash& id : ids) {
    const auto at = store.index().find(id);
    if (at && *at) bytes += sizeof(FrameHeader) + sizeof(DirectoryEntry) + (*at)->stored_bytes;
  }
  return bytes;
}

// Closure on disk, whatever the index says: every node frame in any pack has its children in some
// pack, and every delta that is named has its full base.
inline testing::AssertionResult is_closed(ChunkStore& store) {
  std::set<Hash> there;
  std::vector<std::pair<PackName, DirectoryEntry>> nodes;
  const auto packs = store.folder().list_packs();
  if (!packs) return testing::AssertionFailure() << packs.error().message;
  for (const PackName& pack : *packs) {
    const auto directory = read_directory(store.folder().pack(pack), pack);
    if (!directory) return testing::AssertionFailure() << directory.error().message;
    for (const DirectoryEntry& entry : *directory) {
      there.insert(entry.id);
      if (entry.kind == FrameKind::kNode) nodes.push_back({pack, entry});
    }
  }
  for (const auto& [pack, entry] : nodes) {
    const std::vector<uint8_t> file = read_file(store.folder().pack(pack));
    NodeBytes node;
    std::copy_n(file.begin() + ptrdiff_t(entry.offset + sizeof(FrameHeader)), node.size(),
                node.begin());
    for (uint64_t child = 0; child < kFanOut; child++) {
      const Hash id = node_child(node, child);
      if (!is_zero(id) && !there.contains(id)) {
        return testing::AssertionFailure()
               << pack.file_name() << ": node " << to_hex(entry.id) << " lacks " << to_hex(id);
      }
    }
  }
  const auto each = store.index().each([&](const Hash& id, const Location& at) -> Result<void> {
    if (at.kind != FrameKind::kDelta) return {};
    const auto base = TRY(store.index().find(at.base));
    if (base && is_full_chunk(base->kind)) return {};
    const auto present = TRY(store.present(std::span(&id, 1)));
    if (!present[0]) return {};
    return error(Code::kInternal, "a delta is present without its full base");
  });
  if (!each) return testing::AssertionFailure() << each.error().message;
  return testing::AssertionSuccess();
}

}  // namespace ashlar::test
