// Ingest: the receiver into a chunk store. It alone decides what is missing, asks by index within
// this snapshot with at most 8 MiB under way, verifies every id before anything enters a pack,
// builds the tree, and compares the root where the source has one. What it wrote is garbage until
// finish().
#pragma once

#include <deque>
#include <unordered_map>
#include <unordered_set>

#include "seal/merkle.h"
#include "store/chunk_store.h"
#include "store/hash_hasher.h"
#include "stream/channel.h"

namespace ashlar {

struct IngestResult {
  Hash root{};
  Manifest manifest{};
  uint64_t added_bytes = 0;
  uint64_t chunks = 0;
};

class Ingest final : public Channel {
 public:
  Ingest(ChunkStore& store, const DomainKeys& keys, uint64_t volume_bytes);

  Result<void> give(Bytes message) override;
  Result<std::optional<std::vector<uint8_t>>> take() override;
  Progress progress() override;
  void close() override;

  // After take() gave nothing without an error. Packs durable, then index, then nodes and manifest.
  Result<IngestResult> finish();

 private:
  Result<void> take_list(const std::vector<ListEntry>& entries);
  Result<void> take_end(const WireFrameHeader& header);
  Result<void> take_chunks(const std::vector<WireFrame>& frames);
  Result<void> take_message(Bytes message);
  bool complete() const { return list_ended_ && missing_.empty(); }

  ChunkStore& store_;
  const DomainKeys keys_;
  const uint64_t volume_bytes_;
  const uint64_t chunks_;

  // give() only
  StoreSession session_;
  std::optional<Error> node_error_;
  MerkleBuilder tree_;
  std::optional<uint64_t> last_index_;
  uint64_t listed_ = 0;
  Hash tree_root_{};
  std::unordered_set<Hash, HashHasher> seen_;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::unordered_map<uint64_t, Hash> missing_;  // by chunk index: wanted, or to be wanted
  std::deque<uint64_t> to_ask_;
  size_t under_way_ = 0;
  uint64_t done_chunks_ = 0;
  bool list_ended_ = false;
  bool closed_ = false;
  std::optional<Error> failed_;
};

}  // namespace ashlar
