// ChunkWait: one request that waits for chunks of an origin, without a thread. Where it ends,
// nothing is asked for on its behalf any more, and it calls nobody.
//
// Thread: made and ended by its owner; what is not const is the hydrator's, under its mutex, until
// it is over. Then it does not change any more and may be read by anybody.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/changes.h"
#include "base/result.h"

namespace ashlar {

using ChunkBytes = std::shared_ptr<const std::vector<uint8_t>>;

class Hydrator;

class ChunkWait {
 public:
  ~ChunkWait();
  ChunkWait(const ChunkWait&) = delete;
  ChunkWait& operator=(const ChunkWait&) = delete;

  // Whether another look at the map is worth it: all chunks came, one cannot be had, or nobody will
  // bring them any more.
  bool over() const { return over_.load(std::memory_order_acquire); }
  // Requires over(). Why one cannot be had.
  const std::optional<Error>& failure() const { return failure_; }

 private:
  friend Hydrator;
  // A head's chunks are in its map when they have come; a cut's have no other place.
  enum class Of : uint8_t { kHead, kCut };

  ChunkWait(std::shared_ptr<Hydrator> hydrator, std::vector<uint64_t> chunks, Of of, Ready ready)
      : hydrator_(std::move(hydrator)),
        chunks_(std::move(chunks)),
        of_(of),
        ready_(std::move(ready)),
        left_(chunks_.size()) {}

  void end() {
    if (over()) return;
    over_.store(true, std::memory_order_release);
    if (ready_) ready_();
  }
  void fail(const Error& reason) {
    if (!over()) failure_ = reason;
    end();
  }
  void came(Bytes bytes) {
    if (of_ == Of::kCut && !over())
      bytes_ = std::make_shared<const std::vector<uint8_t>>(bytes.begin(), bytes.end());
    if (--left_ == 0) end();
  }

  const std::shared_ptr<Hydrator> hydrator_;
  const std::vector<uint64_t> chunks_;
  const Of of_;
  const Ready ready_;
  size_t left_;
  ChunkBytes bytes_;
  std::optional<Error> failure_;
  std::atomic<bool> over_{false};
};

}  // namespace ashlar
