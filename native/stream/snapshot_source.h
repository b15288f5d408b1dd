// The source of a committed snapshot in a store: nodes by (level, index) and chunks by index within
// this snapshot, never by bare id. Chunks go out in the form they are stored in; where a base was
// agreed on, as what differs from its chunk of the same index.
#pragma once

#include <deque>

#include "store/delta.h"
#include "stream/channel.h"
#include "stream/snapshot_tree.h"

namespace ashlar {

class SnapshotSource final : public Channel {
 public:
  // `base`: a snapshot that this store and the receiver hold for the length of the pull.
  SnapshotSource(ChunkStore& store, const ManifestFields& manifest,
                 const std::optional<ManifestFields>& base = {});

  Result<void> give(Bytes message) override;
  Result<Polled> poll(const Ready& ready) override;
  Progress progress() override;
  void close() override;

 private:
  struct Wanted {
    bool node = false;
    uint64_t number = 0;
  };
  // What a question is answered with.
  struct Answer {
    Wire kind = Wire::kCannot;
    uint64_t number = 0;
    Hash id{};
    Hash base{};
    uint16_t block_map = 0;
    std::vector<uint8_t> payload;
    std::optional<Error> failed;
  };

  Answer find(const Wanted& wanted);
  Result<void> fill(Answer& answer) const;
  std::optional<Delta> delta_of(const Answer& answer, const ChunkStore::Stored& stored) const;
  void append(Answer& answer, std::vector<uint8_t>& message);

  ChunkStore& store_;
  const DomainKeys keys_;

  // The taker only
  SnapshotTree tree_;
  std::optional<SnapshotTree> base_;

  std::mutex mutex_;  // guards what follows
  Changes changed_;
  std::deque<Wanted> wanted_;
  uint64_t sent_bytes_ = 0;
  bool closed_ = false;
};

}  // namespace ashlar
