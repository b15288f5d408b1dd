#include "store/session_writer.h"

#include "base/thread.h"
#include "base/thread_name.h"

namespace ashlar {
namespace {

constexpr size_t kWaitingBytesMax = 32 << 20;
constexpr size_t kBatchBytes = 1 << 20;

}  // namespace

SessionWriter::SessionWriter(ChunkStore& store) : session_(store) {
  auto thread = try_thread([this] { work(); });
  if (thread) {
    thread_ = *std::move(thread);
  } else {
    failed_ = no_thread("writing to the store");
  }
}

SessionWriter::~SessionWriter() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
}

Result<void> SessionWriter::add(std::vector<Item> items) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return failed_ || waiting_bytes_ < kWaitingBytesMax; });
  if (failed_) return *failed_;
  const bool idle = items_.empty() && !busy_;
  for (Item& item : items) {
    waiting_bytes_ += item.bytes.size();
    items_.push_back(std::move(item));
  }
  lock.unlock();
  if (idle) changed_.notify_all();
  return {};
}

Result<void> SessionWriter::finish() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return failed_ || (items_.empty() && !busy_); });
  if (failed_) return *failed_;
  auto finished = session_.finish();
  if (!finished) failed_ = finished.error();
  return finished;
}

void SessionWriter::work() {
  name_thread("store-writer");
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [&] { return stopping_ || !items_.empty(); });
    if (items_.empty()) return;
    std::vector<Item> items;
    size_t bytes = 0;
    while (!items_.empty() && bytes < kBatchBytes) {
      bytes += items_.front().bytes.size();
      items.push_back(std::move(items_.front()));
      items_.pop_front();
    }
    busy_ = true;
    lock.unlock();
    Result<void> done;
    for (Item& item : items) {
      item.frame.stored = item.bytes;
      const bool chunk = is_chunk(item.frame.kind);
      if (done) done = chunk ? session_.add_chunk(item.frame) : session_.add_node(item.frame);
    }
    items.clear();
    lock.lock();
    busy_ = false;
    waiting_bytes_ -= bytes;
    if (!done && !failed_) failed_ = done.error();
    changed_.notify_all();
  }
}

}  // namespace ashlar
