#include "nbd/remote_wait.h"

#include <unistd.h>

namespace ashlar::nbd {

RemoteWait::State RemoteWait::look() {
  if (failure_) return State::kFailed;
  const bool late = Clock::now() >= until_;
  if (chunks_ && !chunks_->over() && !late) return State::kWaits;
  if (chunks_ && chunks_->over()) failure_ = chunks_->failure();
  if (failure_) return State::kFailed;
  auto left = volume_.ask_for(ranges_, [wake = wake_] {
    const uint64_t one = 1;
    (void)!::write(wake->get(), &one, sizeof one);
  });
  if (!left) {
    failure_ = left.error();
    return State::kFailed;
  }
  // Only now does the last wait go: what is asked for already stays so.
  chunks_ = *std::move(left);
  if (!chunks_) return State::kHere;
  if (!late) return State::kWaits;
  failure_ = error(Code::kRemoteUnavailable, "the data is in the region and did not come within " +
                                                 std::to_string(volume_.stall().count()) + " ms");
  return State::kFailed;
}

}  // namespace ashlar::nbd
