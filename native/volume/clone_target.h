// CloneTarget: the hidden volume of a clone that begins as a branch of its base and is filled with
// what differs from it (stream/clone_fill.h). Only its receiver writes to it.
// Thread: any.
#pragma once

#include <atomic>

#include "volume/volume.h"

namespace ashlar {

class CloneTarget {
 public:
  CloneTarget(Pool& pool, const HeadPtr& head, Hydrators& hydrators,
              const std::array<uint8_t, 80>& manifest)
      : volume_(pool, head, hydrators, Volume::User::kBackground), manifest_(manifest) {}

  VolumeIo& volume() { return volume_; }
  const std::array<uint8_t, 80>& manifest() const { return manifest_; }

  // One pass over everything found or made each chunk what the snapshot's tree says.
  void finish() { full_ = true; }
  bool full() const { return full_; }
  // Of the pass under way.
  void note_done(uint64_t bytes) { done_bytes_ = bytes; }
  uint64_t done_bytes() const { return done_bytes_; }

 private:
  Volume volume_;
  const std::array<uint8_t, 80> manifest_;
  std::atomic<bool> full_{false};
  std::atomic<uint64_t> done_bytes_{0};
};

}  // namespace ashlar
