// Work on all cores for the length of one call: `work(i)` for every i below `count`, each once, on
// this thread and a few more, as far as there are any. Returns when all is done. Thread: any.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <thread>
#include <vector>

#include "base/thread.h"

namespace ashlar {

template <typename Work>
void parallel_for(size_t count, Work work) {
  constexpr size_t kThreadsMax = 16;
  constexpr size_t kItemsPerThread = 4;  // fewer are not worth a thread
  const size_t cores = std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kThreadsMax);
  const size_t threads_wanted = std::min(cores, count / kItemsPerThread);
  std::atomic<size_t> next{0};
  const auto run = [&] {
    for (size_t i = next.fetch_add(1); i < count; i = next.fetch_add(1))
      work(i);
  };
  std::vector<std::thread> threads;
  for (size_t i = 1; i < threads_wanted; i++) {
    auto thread = try_thread(run);
    if (!thread) break;
    threads.push_back(*std::move(thread));
  }
  run();
  for (std::thread& thread : threads)
    thread.join();
}

}  // namespace ashlar
