// TreeIngest: the receiver of a snapshot from another store. It walks the target's tree from the
// root, asks by (level, index) for nodes that are neither in the base's tree nor in this store, and
// by index for chunks, at most 8 MiB of them under way. What is present is complete below (closure)
// and not descended into. Nodes are verified against their parent, chunks against their leaf; a
// node is stored only after everything below it. So the whole of what came can be made durable at
// any time, is, and is not asked for again by the next pull.
//
// Depth first: what is kept is a bounded number of nodes that wait for something below them.
//
// Thread: give and take as of any channel; mutex_ is not held during I/O.
#pragma once

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>

#include "stream/arrived_chunk.h"
#include "stream/ingest.h"
#include "stream/snapshot_tree.h"
#include "stream/tree_frames.h"

namespace ashlar {

class TreeIngest final : public Channel {
 public:
  // `base`: a snapshot of this store that stays for the length of the pull. Where the source agreed
  // on it, chunks may come as deltas on it. kInvalidArgument: no manifest.
  static Result<std::unique_ptr<TreeIngest>> open(ChunkStore& store, const DomainKeys& keys,
                                                  const Manifest& manifest,
                                                  const std::optional<Manifest>& base);

  Result<void> give(Bytes message) override;
  // The end: all of the tree has come.
  Result<Polled> poll(const Ready& ready) override;
  Progress progress() override;
  void close() override;

  // After the end: all of it durable, then the manifest. `chunks` are those that came.
  Result<IngestResult> finish();

 private:
  static constexpr size_t kLevels = 6;  // of the tree of 64 TiB, chunks included

  // A node or chunk that is not in the store and that something refers to.
  struct Item {
    TreePlace place;            // where it is asked for
    std::vector<Hash> parents;  // once for each reference
    std::unique_ptr<NodeBytes> node;
    uint32_t missing = 0;  // references of the node to items
  };

  TreeIngest(ChunkStore& store, const DomainKeys& keys, const Manifest& manifest,
             const ManifestFields& fields);
  Result<void> begin();
  Result<void> take_message(Bytes message);
  Result<void> take_node(const WireFrame& frame);
  Result<void> take_chunks(const std::vector<WireFrame>& frames);
  Result<Hash> take_id(const WireFrame& frame);
  Result<void> expand(const Hash& id);
  Result<void> complete(const Hash& id);
  Result<void> make_durable();
  // Requires busy_, and ends it.
  void keep_what_came();
  Result<void> store_manifest();
  uint64_t chunks_in(const TreePlace& place) const;
  // Requires mutex_.
  bool may_ask(size_t level) const;
  bool may_ask_any() const;
  bool may_take() const { return closed_ || failed_ || complete_ || may_ask_any(); }

  ChunkStore& store_;
  const DomainKeys keys_;
  const Manifest manifest_;
  const ManifestFields fields_;
  const uint8_t height_;
  const uint64_t chunks_;
  const Hash root_;
  std::optional<SnapshotTree> base_;

  // give() and finish() only
  StoreSession session_;
  bool manifest_present_ = false;
  std::unordered_map<Hash, Item, HashHasher> items_;
  // In the session and perhaps not in the index yet; with the level.
  std::unordered_map<Hash, uint8_t, HashHasher> added_;
  uint64_t chunks_come_ = 0;
  uint64_t received_bytes_ = 0;

  std::mutex mutex_;  // guards what follows
  Changes changed_;
  std::array<std::deque<std::pair<TreePlace, Hash>>, kLevels> to_ask_;
  Asked asked_;
  std::array<size_t, kLevels> under_way_{};
  uint64_t done_chunks_ = 0;
  bool complete_ = false;
  bool busy_ = false;  // a call uses what only give() and finish() may
  bool closed_ = false;
  bool kept_ = false;
  std::optional<Error> failed_;
};

}  // namespace ashlar
