#include "base/thread.h"

#ifdef ASHLAR_FAILPOINTS
#include <atomic>
#endif

namespace ashlar {

Error no_thread(const std::string& what) {
  return error(Code::kQuotaExceeded, what +
                                         ": the system gives this process no more threads; raise "
                                         "their limit (ulimit -u, TasksMax)");
}

#ifdef ASHLAR_FAILPOINTS

namespace {

std::atomic<int64_t> threads_left{-1};

}  // namespace

void set_threads_left(int64_t count) {
  threads_left = count;
}

bool take_thread() {
  for (int64_t left = threads_left; left >= 0;) {
    if (left == 0) return false;
    if (threads_left.compare_exchange_weak(left, left - 1)) return true;
  }
  return true;
}

#endif

}  // namespace ashlar
