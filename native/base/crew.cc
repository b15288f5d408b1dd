#include "base/crew.h"

#include <algorithm>

#include "base/low_priority.h"
#include "base/thread.h"
#include "base/thread_name.h"

namespace ashlar {

Crew::Crew(size_t threads) {
  for (size_t i = 0; i < threads; i++) {
    auto thread = try_thread([this] { member(); });
    if (!thread) break;
    threads_.push_back(*std::move(thread));
  }
}

Crew::~Crew() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wakes_.notify_all();
  for (std::thread& thread : threads_)
    thread.join();
}

void Crew::run(size_t count, const std::function<void(size_t)>& work) {
  if (count == 0) return;
  if (threads_.empty()) {
    for (size_t i = 0; i < count; i++)
      work(i);
    return;
  }
  Task task{work, count};
  std::unique_lock lock(mutex_);
  tasks_.push_back(&task);
  wakes_.notify_all();
  done_.wait(lock, [&] { return task.done == count; });
}

void Crew::member() {
  name_thread("crew");
  lowest_priority();
  std::unique_lock lock(mutex_);
  for (;;) {
    wakes_.wait(lock, [&] { return stopping_ || !tasks_.empty(); });
    if (stopping_) return;
    Task& task = *tasks_.front();
    const size_t i = task.begun++;
    if (task.begun == task.count) tasks_.pop_front();
    lock.unlock();
    task.work(i);
    lock.lock();
    if (++task.done == task.count) done_.notify_all();
  }
}

Crew& background_crew() {
  static Crew crew(std::clamp<size_t>(std::thread::hardware_concurrency(), 1, 16));
  return crew;
}

}  // namespace ashlar
