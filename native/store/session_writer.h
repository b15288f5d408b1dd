// A session on a thread of its own: packs are written and synced while the caller goes on with what
// comes next. Frames are written in the order in which they were added; what waits is bounded.
// After a failure every further call gives the same error. Thread: one caller at a time.
#pragma once

#include <condition_variable>
#include <deque>
#include <thread>

#include "store/chunk_store.h"

namespace ashlar {

class SessionWriter {
 public:
  // Without a thread every call gives kQuotaExceeded.
  explicit SessionWriter(ChunkStore& store);
  // Writes what waits: packs that become full are there for the next try. The rest is garbage.
  ~SessionWriter();
  SessionWriter(const SessionWriter&) = delete;
  SessionWriter& operator=(const SessionWriter&) = delete;

  // `bytes` are what is stored; `frame.stored` is not looked at.
  struct Item {
    StoredFrame frame;
    std::vector<uint8_t> bytes;
  };
  // What fills those that are added together is handed over once. Waits while too much waits.
  Result<void> add(std::vector<Item> items);
  // Everything durable, chunks before nodes.
  Result<void> finish();
  // After finish().
  uint64_t added_bytes() const { return session_.added_bytes(); }

 private:
  void work();

  StoreSession session_;  // the thread's, until it is idle

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  std::deque<Item> items_;
  size_t waiting_bytes_ = 0;
  bool busy_ = false;
  bool stopping_ = false;
  std::optional<Error> failed_;

  std::thread thread_;
};

}  // namespace ashlar
