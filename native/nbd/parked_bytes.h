// ParkedBytes: what the requests of one volume hold that are parked, for chunks of a region or for
// an older connection. Above the bound a connection that has parked something is not read from
// until it is woken; one that has not goes on, so what waits stops nobody else, and no other
// volume.
//
// Thread: any; mutex_ guards everything.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <memory>
#include <mutex>
#include <vector>

#include "base/unique_fd.h"

namespace ashlar::nbd {

class ParkedBytes {
 public:
  static constexpr size_t kMax = 32 << 20;
  static constexpr size_t kRequestCost = 256;  // beside its bytes

  // One request while it is parked.
  class Charge {
   public:
    Charge(ParkedBytes& parked, size_t bytes) : parked_(parked), bytes_(bytes + kRequestCost) {
      std::lock_guard lock(parked_.mutex_);
      parked_.bytes_ += bytes_;
    }
    ~Charge() { parked_.remove(bytes_); }
    Charge(const Charge&) = delete;
    Charge& operator=(const Charge&) = delete;

   private:
    ParkedBytes& parked_;
    const size_t bytes_;
  };

  // If so, `wake`, an eventfd, is written to when it is so no more.
  bool full(const std::shared_ptr<const UniqueFd>& wake) {
    std::lock_guard lock(mutex_);
    if (bytes_ < kMax) return false;
    if (std::find(waiting_.begin(), waiting_.end(), wake) == waiting_.end())
      waiting_.push_back(wake);
    return true;
  }

 private:
  void remove(size_t bytes) {
    std::vector<std::shared_ptr<const UniqueFd>> woken;
    {
      std::lock_guard lock(mutex_);
      bytes_ -= bytes;
      if (bytes_ < kMax) woken.swap(waiting_);
    }
    const uint64_t one = 1;
    for (const auto& wake : woken)
      (void)!::write(wake->get(), &one, sizeof one);
  }

  std::mutex mutex_;
  size_t bytes_ = 0;
  std::vector<std::shared_ptr<const UniqueFd>> waiting_;  // each once
};

}  // namespace ashlar::nbd
