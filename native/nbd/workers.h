// The few threads that take what would block a connection's own: cold reads and syncs.
// Thread: post() from any; the destructor finishes what was posted and joins.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

#include "base/thread.h"
#include "base/thread_name.h"

namespace ashlar::nbd {

class Workers {
 public:
  explicit Workers(size_t threads) {
    for (size_t i = 0; i < threads; i++) {
      auto thread = try_thread([this] { run(); });
      if (!thread) break;
      threads_.push_back(*std::move(thread));
    }
  }
  ~Workers() {
    {
      std::lock_guard lock(mutex_);
      stopping_ = true;
    }
    wakes_.notify_all();
    for (std::thread& thread : threads_)
      thread.join();
  }
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;

  // Fewer than were wanted where the system gives no more. With none, nothing that is posted is
  // done.
  size_t threads() const { return threads_.size(); }
  void post(std::function<void()> job) {
    {
      std::lock_guard lock(mutex_);
      jobs_.push_back(std::move(job));
    }
    wakes_.notify_one();
  }

 private:
  void run() {
    name_thread("nbd-worker");
    std::unique_lock lock(mutex_);
    for (;;) {
      wakes_.wait(lock, [&] { return stopping_ || !jobs_.empty(); });
      if (jobs_.empty()) return;
      std::function<void()> job = std::move(jobs_.front());
      jobs_.pop_front();
      lock.unlock();
      job();
      job = nullptr;
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable wakes_;
  std::deque<std::function<void()>> jobs_;  // bounded by the sessions' in-flight budgets
  bool stopping_ = false;
  std::vector<std::thread> threads_;
};

}  // namespace ashlar::nbd
