// RemoteReads: the reads of one connection whose data is still in the region. They hold no thread,
// no grace section and no batch; each asks for all of its chunks at once.
//
// Thread: the connection's, but hand_over() and empty(), which come from any: mutex_ guards what
// was handed over.
#pragma once

#include <atomic>
#include <functional>
#include <list>
#include <mutex>

#include "nbd/parked_bytes.h"
#include "nbd/remote_wait.h"
#include "nbd/request.h"

namespace ashlar::nbd {

constexpr uint64_t kPieceBytes = 8 << 20;  // of a read above the advertised limit

struct RemoteRead {
  Request request;
  uint64_t done = 0;  // bytes of it that are answered: it comes in pieces
  // Its stall ends; not begun yet.
  RemoteWait::Clock::time_point until = RemoteWait::Clock::time_point::max();
};

class RemoteReads {
 public:
  RemoteReads(VolumeIo& volume, ParkedBytes& parked, std::shared_ptr<const UniqueFd> wake)
      : volume_(volume), parked_(parked), wake_(std::move(wake)) {}

  // A worker found its data remote. The connection is woken by whoever ends the work.
  void hand_over(const RemoteRead& read);
  bool empty() const { return reads_.empty() && handed_count_ == 0; }

  void park(RemoteRead read);
  size_t count() const { return reads_.size(); }
  // When look() is worth it without a wake: max() = never.
  RemoteWait::Clock::time_point next() const;
  // Takes out, in order, those whose data is here and those that waited too long or in vain.
  void look(const std::function<void(const RemoteRead&)>& here,
            const std::function<void(const Request&, const Error&)>& failed);
  void drop(const std::function<void(const Request&)>& dropped);

 private:
  struct Parked {
    Parked(const RemoteRead& remote, RemoteWait waits, ParkedBytes& bytes)
        : read(remote), wait(std::move(waits)), charge(bytes, reply_bytes(remote.request)) {}
    RemoteRead read;
    RemoteWait wait;
    ParkedBytes::Charge charge;
  };

  // Held at a time for its answer.
  static size_t reply_bytes(const Request& request) {
    return request.bytes > kPayloadMax ? kPieceBytes : request.bytes;
  }
  void take_handed();

  VolumeIo& volume_;
  ParkedBytes& parked_;
  const std::shared_ptr<const UniqueFd> wake_;
  std::list<Parked> reads_;  // in the order parked

  std::mutex mutex_;
  std::vector<RemoteRead> handed_;
  std::atomic<size_t> handed_count_{0};
};

}  // namespace ashlar::nbd
