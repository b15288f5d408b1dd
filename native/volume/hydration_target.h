// What a pull into a pool fills: one origin's remote ranges. The receiver (stream/) asks what is
// wanted, fetches and verifies, and hands it in; the pool's side (volume/hydrator.h) installs it.
// Thread: any; each lane is driven by one receiver at a time.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace ashlar {

enum class Lane : uint8_t { kDemand = 0, kBackground = 1 };

// One receiver's time at a lane: it ends with close(), or when the next receiver begins.
struct Turn {
  Lane lane = Lane::kDemand;
  uint64_t number = 0;
  // Of the demand lane: a turn ends by itself when nothing has been wanted for so long.
  std::optional<std::chrono::milliseconds> rest;
};

class HydrationTarget {
 public:
  virtual ~HydrationTarget() = default;

  // Chunk indices wanted next, at most `max`, ascending in the background lane. Waits until there
  // are some; nothing at all = the turn has ended or rested, or (background) nothing is remote any
  // more.
  virtual std::optional<std::vector<uint64_t>> next_wanted(const Turn& turn, size_t max) = 0;

  // Verified chunks, one after another: 64 KiB each, zero-padded. Idempotent; what is no longer
  // remote keeps what it has. In the background lane it makes way for guests first.
  virtual Result<void> install(Lane lane, uint64_t first_chunk, Bytes bytes) = 0;
  // Chunks known to be zero.
  virtual Result<void> install_zeros(uint64_t first_chunk, uint64_t count) = 0;
  // The source cannot give this chunk; those who wait for it are told.
  virtual void fail(uint64_t chunk, Error reason) = 0;

  // A receiver begins, in place of the one before: what was asked of this lane and never came is
  // asked again, of the new one only.
  virtual Turn reopen(Lane lane) = 0;
  // next_wanted returns nothing in this turn from now on.
  virtual void close(const Turn& turn) = 0;
};

}  // namespace ashlar
