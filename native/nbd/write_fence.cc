#include "nbd/write_fence.h"

#include <unistd.h>

#include <algorithm>

#include "base/check.h"

namespace ashlar::nbd {
namespace {

void sort_and_merge(std::vector<ByteRange>& ranges) {
  if (ranges.size() < 2) return;
  std::sort(ranges.begin(), ranges.end(),
            [](const ByteRange& a, const ByteRange& b) { return a.offset < b.offset; });
  size_t kept = 0;
  for (const ByteRange& range : ranges) {
    ByteRange& last = ranges[kept];
    if (range.offset <= last.end()) {
      last.bytes = std::max(last.end(), range.end()) - last.offset;
    } else {
      ranges[++kept] = range;
    }
  }
  ranges.resize(kept + 1);
}

// Both ascending and apart.
bool overlap(const std::vector<ByteRange>& a, const std::vector<ByteRange>& b) {
  for (size_t i = 0, k = 0; i < a.size() && k < b.size();) {
    if (a[i].end() <= b[k].offset) {
      i++;
    } else if (b[k].end() <= a[i].offset) {
      k++;
    } else {
      return true;
    }
  }
  return false;
}

}  // namespace

uint64_t WriteFence::join() {
  std::lock_guard lock(mutex_);
  return joined_++;
}

bool WriteFence::try_begin(Hold& hold, const std::shared_ptr<const UniqueFd>& wake) {
  if (hold.asked_ == 0) sort_and_merge(hold.ranges_);
  std::lock_guard lock(mutex_);
  if (hold.asked_ == 0) hold.asked_ = ++turns_;
  for (const Hold* other : begun_) {
    if (other->age_ >= hold.age_ || other->begun_ > hold.asked_) continue;
    if (!overlap(other->ranges_, hold.ranges_)) continue;
    if (std::find(waiting_.begin(), waiting_.end(), wake) == waiting_.end()) {
      waiting_.push_back(wake);
    }
    return false;
  }
  hold.begun_ = ++turns_;
  begun_.push_back(&hold);
  return true;
}

void WriteFence::end(Hold& hold) {
  std::vector<std::shared_ptr<const UniqueFd>> woken;
  {
    std::lock_guard lock(mutex_);
    const auto at = std::find(begun_.begin(), begun_.end(), &hold);
    CHECK(at != begun_.end());
    *at = begun_.back();
    begun_.pop_back();
    woken.swap(waiting_);
  }
  const uint64_t one = 1;
  for (const auto& wake : woken)
    (void)!::write(wake->get(), &one, sizeof one);
}

}  // namespace ashlar::nbd
