// WriteFence: which ranges of one volume its connections are changing. What a connection has begun
// to change, a newer one does not begin to change before it is done: a client that gave up on a
// connection and sent its requests again on another never sees the older copy land second (nbd.md
// 1.3-G). A connection waits for older ones only, never for itself, so no two wait for each other.
// Nobody sleeps here: who may not begin is woken when something has ended.
//
// Thread: any; mutex_ guards everything.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "base/bytes.h"
#include "base/unique_fd.h"

namespace ashlar::nbd {

class WriteFence {
 public:
  // What one connection begins at a time: a batch, or one request. It stays in place while it is
  // begun.
  class Hold {
   public:
    explicit Hold(uint64_t age) : age_(age) {}
    Hold(const Hold&) = delete;
    Hold& operator=(const Hold&) = delete;

    void clear() {
      ranges_.clear();
      asked_ = 0;
    }
    void add(ByteRange range) { ranges_.push_back(range); }
    bool empty() const { return ranges_.empty(); }

   private:
    friend WriteFence;
    const uint64_t age_;
    std::vector<ByteRange> ranges_;  // ascending and apart, once asked for
    uint64_t asked_ = 0;             // turn; 0 = not yet
    uint64_t begun_ = 0;
  };

  // The age of a connection; one that joins later is newer.
  uint64_t join();
  // False while an older connection is changing something of it that it had begun before this was
  // first asked for: `wake`, an eventfd, is written to when it is worth another try. What older
  // ones begin later holds up nobody, so nobody waits for ever.
  bool try_begin(Hold& hold, const std::shared_ptr<const UniqueFd>& wake);
  void end(Hold& hold);

 private:
  std::mutex mutex_;
  uint64_t joined_ = 0;
  uint64_t turns_ = 0;
  std::vector<const Hold*> begun_;
  std::vector<std::shared_ptr<const UniqueFd>> waiting_;  // each once
};

}  // namespace ashlar::nbd
