// The source of a committed snapshot in a store: nodes by (level, index) and chunks by index within
// this snapshot, never by bare id. Chunks go out in the form they are stored in.
#pragma once

#include <deque>
#include <map>

#include "seal/merkle.h"
#include "store/chunk_store.h"
#include "stream/channel.h"

namespace ashlar {

// What a manifest says; kInvalidArgument when it is not one.
struct ManifestFields {
  uint64_t volume_bytes = 0;
  Hash tree_root{};
};
Result<ManifestFields> read_manifest(const Manifest& manifest);

class SnapshotSource final : public Channel {
 public:
  SnapshotSource(ChunkStore& store, const ManifestFields& manifest)
      : store_(store), manifest_(manifest), height_(tree_height(manifest.volume_bytes)) {}

  Result<void> give(Bytes message) override;
  Result<std::optional<std::vector<uint8_t>>> take() override;
  Progress progress() override;
  void close() override;

 private:
  struct Wanted {
    bool node = false;
    uint64_t number = 0;
  };

  Result<void> answer(const Wanted& wanted, std::vector<uint8_t>& message);
  Result<Hash> id_of(uint8_t level, uint64_t index);
  Result<const NodeBytes*> node(uint8_t level, uint64_t index);

  ChunkStore& store_;
  const ManifestFields manifest_;
  const uint8_t height_;
  std::map<std::pair<uint8_t, uint64_t>, NodeBytes> nodes_;  // take() only; bounded

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<Wanted> wanted_;
  uint64_t sent_bytes_ = 0;
  bool closed_ = false;
};

}  // namespace ashlar
