// RemoteWait: how one parked request waits for what it needs of the region. The stall is counted
// for the whole of it, from when it was parked.
//
// Thread: its connection's.
#pragma once

#include <chrono>

#include "base/unique_fd.h"
#include "volume/volume_io.h"

namespace ashlar::nbd {

class RemoteWait {
 public:
  using Clock = std::chrono::steady_clock;
  enum class State : uint8_t { kWaits, kHere, kFailed };

  // `wake`, an eventfd, is written to when look() is worth it, but for the time that passes.
  RemoteWait(VolumeIo& volume, std::vector<ByteRange> ranges, std::shared_ptr<const UniqueFd> wake,
             Clock::time_point until)
      : volume_(volume), ranges_(std::move(ranges)), wake_(std::move(wake)), until_(until) {}

  // The first one asks for everything.
  State look();
  Clock::time_point until() const { return until_; }
  // Requires kFailed.
  const Error& failure() const { return *failure_; }

 private:
  VolumeIo& volume_;
  const std::vector<ByteRange> ranges_;
  const std::shared_ptr<const UniqueFd> wake_;
  const Clock::time_point until_;
  std::unique_ptr<ChunkWait> chunks_;  // none before the first look, and when all is here
  std::optional<Error> failure_;
};

}  // namespace ashlar::nbd
