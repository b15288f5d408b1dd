// The source of a cut: a full seal streamed as LIST while it is hashed, then LIST_END with the
// tree's root; chunks on demand, LZ4 where that is smaller. The node keeps no tree.
#pragma once

#include <deque>
#include <memory>

#include "seal/merkle.h"
#include "stream/channel.h"
#include "volume/cut_image.h"

namespace ashlar {

class CutSource final : public Channel {
 public:
  CutSource(std::unique_ptr<CutImage> image, const DomainKeys& keys);

  Result<void> give(Bytes message) override;
  Result<std::optional<std::vector<uint8_t>>> take() override;
  Progress progress() override;
  void close() override;

  uint64_t volume_bytes() const { return image_->size_bytes(); }

 private:
  Result<std::vector<uint8_t>> list_more();
  Result<std::vector<uint8_t>> answer(const std::vector<uint64_t>& wanted);

  const std::unique_ptr<CutImage> image_;
  const DomainKeys keys_;

  // take() only
  MerkleBuilder tree_;
  uint64_t next_chunk_ = 0;
  uint64_t listed_ = 0;
  bool list_done_ = false;

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<uint64_t> wanted_;
  uint64_t hashed_bytes_ = 0;
  bool closed_ = false;
};

}  // namespace ashlar
