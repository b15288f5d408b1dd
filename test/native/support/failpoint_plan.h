// Strikes at the n-th passage of one failpoint, in this process. One plan at a time. Any thread may
// pass a failpoint; whoever strikes does it in the place of the passage.
#pragma once

#include <atomic>
#include <functional>
#include <iterator>

#include "base/check.h"
#include "base/failpoint.h"

namespace ashlar::test {

// In the matrix of failpoints_test.cc; all others are in store_failpoints_test.cc's.
inline constexpr Failpoint kPoolFailpoints[] = {
    Failpoint::kSuperblockFlip,  Failpoint::kJournalTail,   Failpoint::kSpaceRelease,
    Failpoint::kSpaceGiveBack,   Failpoint::kDropBegin,     Failpoint::kFreeStep,
    Failpoint::kDropCache,       Failpoint::kErase,         Failpoint::kVolumeDelete,
    Failpoint::kCutDrop,         Failpoint::kCutSupersede,  Failpoint::kCloneAvailable,
    Failpoint::kCloneDelete,     Failpoint::kOriginRelease, Failpoint::kDetach,
    Failpoint::kTombstoneForget,
};

class FailpointPlan {
 public:
  FailpointPlan() {
    CHECK(!current);
    current = this;
  }
  FailpointPlan(const FailpointPlan&) = delete;
  FailpointPlan& operator=(const FailpointPlan&) = delete;
  ~FailpointPlan() {
    disarm();
    current = nullptr;
  }

  // Requires: nobody passes failpoints now, or nothing is armed.
  void strike_at(Failpoint failpoint, uint64_t passage, std::function<void()> strike) {
    wanted_ = failpoint;
    strike_ = std::move(strike);
    left_ = int64_t(passage);
    set_failpoint_hook(pass);
  }
  // Requires: no thread is left that was there when it was armed.
  void disarm() { set_failpoint_hook(nullptr); }

  bool struck() const { return left_ <= 0; }
  // Of what was ever armed, while it was.
  uint64_t passages() const { return passages_; }

 private:
  static void pass(Failpoint failpoint) {
    if (failpoint != current->wanted_) return;
    current->passages_++;
    if (current->left_.fetch_sub(1) == 1) current->strike_();
  }

  inline static FailpointPlan* current = nullptr;
  Failpoint wanted_{};
  std::atomic<uint64_t> passages_{0};
  std::function<void()> strike_;
  std::atomic<int64_t> left_{1};
};

}  // namespace ashlar::test
