// Repair: the receiver of fresh copies of what is damaged here. It walks the tree of a snapshot in
// this store, every node verified, and asks a source that has the same snapshot for what is known
// to be damaged, is missing, or cannot be read: nodes by (level, index), chunks by index. What the
// source cannot give stays as it is. Bounded memory but for the nodes that come, which are added
// in finish(), children before parents.
//
// Thread: give and take as of any channel; mutex_ is not held during I/O.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <unordered_set>

#include "seal/tree_place.h"
#include "stream/arrived_chunk.h"
#include "stream/ingest.h"
#include "stream/tree_frames.h"

namespace ashlar {

class Repair final : public Channel {
 public:
  // `damaged`: ids of which this store's bytes are no good. kInvalidArgument: no manifest.
  static Result<std::unique_ptr<Repair>> open(ChunkStore& store, const DomainKeys& keys,
                                              const Manifest& manifest,
                                              std::span<const Hash> damaged);

  Result<void> give(Bytes message) override;
  // The end: all has been walked, and answered.
  Result<Polled> poll(const Ready& ready) override;
  Progress progress() override;
  void close() override;

  // After the end: what came is durable and is what the store reads from now on;
  // `chunks` are those. kRemoteUnavailable, after that, when the source could not give all.
  Result<IngestResult> finish();

 private:
  struct Step {
    TreePlace place;
    NodeBytes node{};
    uint64_t next = 0;  // child to look at
  };
  using Question = std::pair<TreePlace, Hash>;

  Repair(ChunkStore& store, const DomainKeys& keys, const Manifest& manifest,
         const ManifestFields& fields, std::span<const Hash> damaged);
  bool may_go_on();
  Result<std::vector<Question>> walk(size_t questions_max);
  Result<void> look_at_chunks(const Step& step, std::vector<Question>& questions);
  void look_at_node(const TreePlace& place, const Hash& id, std::vector<Question>& questions);
  std::optional<NodeBytes> readable_node(const TreePlace& place, const Hash& id);
  void ask(const TreePlace& place, const Hash& id, std::vector<Question>& questions);
  void cover(const TreePlace& place);
  // Requires mutex_.
  size_t room_left() const;
  bool may_take() const;
  Result<void> take_message(Bytes message);
  Result<Hash> expected_id(const WireFrame& frame);
  Result<void> take_node(const WireFrame& frame);
  Result<void> take_chunks(const std::vector<WireFrame>& frames);

  ChunkStore& store_;
  const DomainKeys keys_;
  const Manifest manifest_;
  const ManifestFields fields_;
  const Hash root_;
  std::unordered_set<Hash, HashHasher> damaged_;

  // The taker only
  std::vector<Step> way_;
  bool begun_ = false;
  std::unordered_set<Hash, HashHasher> asked_ids_;

  // give() and finish() only
  StoreSession session_;
  std::vector<std::pair<Hash, NodeBytes>> nodes_;
  uint64_t chunks_come_ = 0;
  uint64_t received_bytes_ = 0;

  std::mutex mutex_;  // guards what follows
  Changes changed_;
  Asked asked_;
  std::deque<Step> come_;  // nodes to walk under
  uint64_t covered_chunks_ = 0;
  uint64_t refused_ = 0;
  bool complete_ = false;
  bool closed_ = false;
  std::optional<Error> failed_;
};

}  // namespace ashlar
