// Ingest: the receiver into a chunk store. It alone decides what is missing, asks by index within
// this snapshot with at most 8 MiB under way, verifies every id before anything enters a pack,
// builds the tree, and compares the root where the source has one. What it wrote is garbage until
// finish().
//
// With a base, what the base has at the same index is not looked up. With a list of differences the
// tree is built on the base's, and chunks may come as the blocks that differ from the base's chunk
// at the same index.
#pragma once

#include <deque>
#include <unordered_map>
#include <unordered_set>

#include "store/hash_hasher.h"
#include "store/session_writer.h"
#include "stream/channel.h"
#include "stream/snapshot_tree.h"

namespace ashlar {

struct IngestOptions {
  uint64_t volume_bytes = 0;
  std::optional<ManifestFields> base;  // of a snapshot here that nobody takes away meanwhile
  bool list_is_delta = false;          // requires a base that is not larger than the volume
};

struct IngestResult {
  Hash root{};
  Manifest manifest{};
  uint64_t added_bytes = 0;     // to the packs
  uint64_t received_bytes = 0;  // as frames
  // Of the chunks that are not zero: all of them, or by how much they are more than the base's.
  int64_t logical_bytes = 0;
  uint64_t chunks = 0;  // listed, not zero
};

class Ingest final : public Channel {
 public:
  Ingest(ChunkStore& store, const DomainKeys& keys, IngestOptions options);

  Result<void> give(Bytes message) override;
  Result<Polled> poll(const Ready& ready) override;
  Progress progress() override;
  void close() override;

  // After the end. Packs durable, then index, then nodes and manifest.
  Result<IngestResult> finish();

 private:
  Result<void> take_message(Bytes message);
  Result<void> take_list(const std::vector<ListEntry>& entries);
  Result<void> take_end(const WireFrameHeader& header);
  Result<void> take_chunks(const std::vector<WireFrame>& frames);
  Result<void> check_wanted(const std::vector<WireFrame>& frames);
  Result<Hash> base_chunk(uint64_t index);
  void add_node(const Hash& id, const NodeBytes& bytes);
  Result<void> add_node_frame(FrameKind kind, const Hash& id, Bytes bytes);
  MerkleBase tree_base();
  void note_arrived(const std::vector<WireFrame>& frames);
  size_t under_way_max() const;
  bool may_ask() const;
  bool may_take() const { return closed_ || failed_ || complete() || may_ask(); }
  bool complete() const { return list_ended_ && missing_.empty(); }

  ChunkStore& store_;
  const DomainKeys keys_;
  const uint64_t volume_bytes_;
  const uint64_t chunks_;
  const bool list_is_delta_;

  // give() only
  const std::optional<ManifestFields> base_manifest_;
  std::optional<SnapshotTree> base_;
  SessionWriter session_;
  std::optional<Error> node_error_;  // of what the builder calls
  MerkleBuilder tree_;
  std::optional<uint64_t> last_index_;
  uint64_t listed_ = 0;
  uint64_t listed_zero_ = 0;
  uint64_t listed_over_ = 0;  // where the base has a chunk
  Hash tree_root_{};
  std::unordered_set<Hash, HashHasher> seen_;
  uint64_t received_bytes_ = 0;

  std::mutex mutex_;  // guards what follows
  Changes changed_;
  std::unordered_map<uint64_t, Hash> missing_;  // by chunk index: wanted, or to be wanted
  std::deque<uint64_t> to_ask_;
  size_t under_way_ = 0;
  size_t chunk_bytes_ = kChunkBytes;  // a frame's, lately
  uint64_t done_chunks_ = 0;
  bool list_ended_ = false;
  bool closed_ = false;
  std::optional<Error> failed_;
};

}  // namespace ashlar
