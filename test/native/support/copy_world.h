// Copies between two stores: models put into one without a pool, the pull, what was asked and sent,
// and the closure of what a store holds.
#pragma once

#include <bit>
#include <set>

#include "store/delta.h"
#include "stream/tree_ingest.h"
#include "support/pull_world.h"

namespace ashlar::test {

inline std::vector<uint8_t> chunk_of(const ByteModel& model, uint64_t chunk) {
  std::vector<uint8_t> bytes(kChunkBytes);
  const uint64_t offset = chunk * kChunkBytes;
  model.read(offset, MutableBytes(bytes).first(std::min(kChunkBytes, model.bytes - offset)));
  return bytes;
}

// The snapshot of a model, as a commit leaves it. With `base`, chunks of which few blocks differ
// from the base's chunk there are stored as deltas on it, where that is stored in full.
inline Result<ModelImage> put_model(ChunkStore& store, const ByteModel& model,
                                    const ByteModel* base = nullptr) {
  const ModelImage image = image_of(model);
  const ModelImage base_image = base ? image_of(*base) : ModelImage();
  StoreSession session(store);
  std::set<Hash> added;
  for (const auto& [index, id] : image.chunks) {
    if ((*store.present(std::span(&id, 1)))[0] || !added.insert(id).second) continue;
    const std::vector<uint8_t> bytes = chunk_of(model, index);
    const auto below = base_image.chunks.find(index);
    if (below != base_image.chunks.end()) {
      const uint16_t map = differing_blocks(bytes, chunk_of(*base, index));
      const FrameKind kind = TRY(store.read(below->second)).kind;
      if (std::popcount(map) <= kDeltaBlocksMax && kind != FrameKind::kDelta) {
        const Delta delta = make_delta(map, bytes);
        TRY(session.add_chunk(
            {FrameKind::kDelta, id, uint32_t(kChunkBytes), delta.stored, below->second, map}));
        continue;
      }
    }
    const auto packed = lz4_compress(bytes);
    const FrameKind kind = packed ? FrameKind::kLz4 : FrameKind::kRaw;
    TRY(session.add_chunk(
        {kind, id, uint32_t(kChunkBytes), packed ? Bytes(*packed) : Bytes(bytes)}));
  }
  std::optional<Error> failed;
  MerkleBuilder tree(default_keys(), model.bytes,
                     [&](uint8_t, uint64_t, const Hash& id, const NodeBytes& bytes) {
                       if ((*store.present(std::span(&id, 1)))[0]) return;
                       auto put = session.add_node({FrameKind::kNode, id, kNodeBytes, bytes});
                       if (!put) failed = put.error();
                     });
  for (const auto& [index, id] : image.chunks)
    tree.add(index, id);
  tree.finish();
  if (failed) return *failed;
  TRY(session.add_node({FrameKind::kManifest, image.root, 80, image.manifest}));
  TRY(session.finish());
  return image;
}

// Distinct chunks and nodes of `image` that `other` does not have anywhere.
struct Difference {
  std::set<Hash> chunks;
  std::set<Hash> nodes;
};
inline std::set<Hash> nodes_of(const ModelImage& image, uint64_t bytes) {
  std::set<Hash> nodes;
  MerkleBuilder tree(
      default_keys(), bytes,
      [&](uint8_t, uint64_t, const Hash& id, const NodeBytes&) { nodes.insert(id); });
  for (const auto& [index, id] : image.chunks)
    tree.add(index, id);
  tree.finish();
  return nodes;
}
inline Difference difference(const ModelImage& image, uint64_t bytes, const ModelImage& other,
                             uint64_t other_bytes) {
  Difference result;
  for (const auto& [index, id] : image.chunks)
    result.chunks.insert(id);
  for (const auto& [index, id] : other.chunks)
    result.chunks.erase(id);
  result.nodes = nodes_of(image, bytes);
  for (const Hash& id : nodes_of(other, other_bytes))
    result.nodes.erase(id);
  return result;
}

// Notes what passes, and passes it on.
struct CopyObserver {
  std::vector<uint64_t> wanted_chunks;
  std::vector<uint64_t> wanted_nodes;
  std::map<Wire, uint64_t> frames;  // to the receiver
  std::multiset<Hash> sent;         // ids of chunks and nodes
  uint64_t bytes = 0;               // to the receiver

  void note(Way way, const Message& message) {
    const auto parsed = parse_frames(message);
    CHECK(parsed.ok());
    if (way == Way::kToReceiver) bytes += message.size();
    for (const WireFrame& frame : *parsed) {
      if (way == Way::kToReceiver) {
        frames[frame.header.kind]++;
        sent.insert(frame.header.id);
        continue;
      }
      auto& wanted = frame.header.kind == Wire::kWant ? wanted_chunks : wanted_nodes;
      for (const uint64_t number : wire_numbers(frame))
        wanted.push_back(number);
    }
  }
  Meddler meddler() {
    return [this](Way way, Message message) {
      note(way, message);
      std::vector<Message> one;
      one.push_back(std::move(message));
      return one;
    };
  }
};

struct CopyOptions {
  const Manifest* base = nullptr;            // agreed on by both
  const Manifest* base_at_source = nullptr;  // instead of `base`
  PumpOptions pump;
};

inline Result<IngestResult> copy(ChunkStore& from, ChunkStore& to, const Manifest& manifest,
                                 CopyOptions options = {}) {
  std::optional<Manifest> base;
  if (options.base) base = *options.base;
  const Manifest* source_base = options.base_at_source ? options.base_at_source : options.base;
  std::optional<ManifestFields> base_fields;
  if (source_base) base_fields = TRY(read_manifest(*source_base));
  SnapshotSource source(from, TRY(read_manifest(manifest)), base_fields);
  const auto receiver = TRY(TreeIngest::open(to, default_keys(), manifest, base));
  TRY(outcome_of(pump(source, *receiver, std::move(options.pump))));
  return receiver->finish();
}

// Every node in the packs has all that it names, and every delta a base that is stored in full.
inline Result<void> closed_below(ChunkStore& store, const std::string& folder) {
  for (const std::string& path : packs_of(folder)) {
    const PackName name = *parse_pack_name(fs::path(path).filename());
    for (const DirectoryEntry& entry : TRY(read_directory(path, name))) {
      if (entry.kind == FrameKind::kDelta) {
        const FrameKind base = TRY(store.read(entry.base)).kind;
        if (base != FrameKind::kRaw && base != FrameKind::kLz4) {
          return error(Code::kCorrupt, "a delta on something that is not full");
        }
      }
      if (entry.kind != FrameKind::kNode) continue;
      const ChunkStore::Stored node = TRY(store.read(entry.id));
      std::vector<Hash> children;
      for (uint64_t at = 1; at < node.bytes.size(); at += sizeof(Hash)) {
        Hash child;
        std::memcpy(child.data(), &node.bytes[at], sizeof child);
        if (!is_zero(child)) children.push_back(child);
      }
      for (const bool present : TRY(store.present(children))) {
        if (!present) return error(Code::kCorrupt, to_hex(entry.id) + " lacks a child");
      }
    }
  }
  return {};
}

}  // namespace ashlar::test
