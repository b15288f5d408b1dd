// Crew: threads that stay, for computing in the background that comes message by message. They give
// way to all others (lowest_priority), so `work` takes no lock that others wait for.
// Thread: run() from any, several at once.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>
#include <vector>

namespace ashlar {

class Crew {
 public:
  explicit Crew(size_t threads);
  ~Crew();  // no run() is under way
  Crew(const Crew&) = delete;
  Crew& operator=(const Crew&) = delete;

  // `work(i)` for every i below `count`, each once, on the crew's threads, or on this one where the
  // system gave none. Returns when all is done.
  void run(size_t count, const std::function<void(size_t)>& work);

 private:
  struct Task {
    const std::function<void(size_t)>& work;
    const size_t count;
    size_t begun = 0;
    size_t done = 0;
  };

  void member();

  std::mutex mutex_;  // guards what follows
  std::condition_variable wakes_;
  std::condition_variable done_;
  std::deque<Task*> tasks_;  // of which something has not begun
  bool stopping_ = false;
  std::vector<std::thread> threads_;  // not after the constructor
};

// The one of this process: a thread for each core, made at the first call.
Crew& background_crew();

}  // namespace ashlar
