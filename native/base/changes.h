// Changes: tells those who wait for some state, with a thread (wait) or without one (holds). Used
// as a condition variable is, but notify_all() requires the lock too.
//
// Thread: any; the lock that guards the state guards this.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <utility>
#include <vector>

namespace ashlar {

// Called once, by whoever ended the wait and with locks of his held: it hands on and no more.
using Ready = std::function<void()>;

class Changes {
 public:
  void wait(std::unique_lock<std::mutex>& lock) { changed_.wait(lock); }
  template <typename Predicate>
  void wait(std::unique_lock<std::mutex>& lock, Predicate until) {
    changed_.wait(lock, std::move(until));
  }
  template <typename Duration>
  std::cv_status wait_for(std::unique_lock<std::mutex>& lock, Duration duration) {
    return changed_.wait_for(lock, duration);
  }

  // Requires the lock. Whether it holds; if not, `ready` is called when a change has made it hold.
  bool holds(std::function<bool()> it, const Ready& ready) {
    if (it()) return true;
    it_ = std::move(it);
    ready_.push_back(ready);
    return false;
  }

  // Requires the lock.
  void notify_all() {
    changed_.notify_all();
    if (ready_.empty() || !it_()) return;
    for (const Ready& ready : std::exchange(ready_, {}))
      ready();
  }

 private:
  std::condition_variable changed_;
  std::function<bool()> it_;  // what the one taker waits for
  std::vector<Ready> ready_;
};

}  // namespace ashlar
