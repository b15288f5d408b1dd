// ParkedChanges: the changes of one connection that may not be made yet: one that overlaps what an
// older connection is changing, one whose edges lie in a block that is still in the region, and one
// that overlaps an earlier one here. From the moment that one's turn comes, the write fence holds
// its range, also while it waits for the region: to newer connections it has begun.
//
// Thread: the connection's.
#pragma once

#include <functional>
#include <list>

#include "nbd/remote_wait.h"
#include "nbd/request.h"
#include "nbd/volume_share.h"

namespace ashlar::nbd {

struct Item {
  Request request;
  Bytes payload;  // of a write; its memory is somebody else's
};

ByteRange range_of(const Request& request);

class ParkedChanges {
 public:
  using Clock = RemoteWait::Clock;

  ParkedChanges(VolumeIo& volume, VolumeShare& share, uint64_t age,
                std::shared_ptr<const UniqueFd> wake)
      : volume_(volume), share_(share), age_(age), wake_(std::move(wake)) {}

  // What it needs of the region before it can be made; null when nothing. Its chunks are asked for.
  std::unique_ptr<RemoteWait> remote_part(const Request& change);

  bool empty() const { return changes_.empty(); }
  size_t count() const { return changes_.size(); }
  // Takes a copy of the payload. `since`: when it may have been asked for.
  void park(const Item& item, Clock::time_point since, std::unique_ptr<RemoteWait> wait);
  // When resume() is worth it without a wake: max() = never.
  Clock::time_point next() const;

  // Takes out, in order, those whose turn has come, and calls one of the two with each.
  void resume(const std::function<void(const Item&, Clock::time_point since)>& make,
              const std::function<void(const Request&, const Error&)>& failed);
  // Takes out those that need something of the region, and what overlaps them behind them.
  void drop_remote(const std::function<void(const Request&)>& dropped);
  void clear() { changes_.clear(); }

 private:
  struct Parked {
    Parked(VolumeShare& volume_share, const Item& change, uint64_t age)
        : share(volume_share),
          item(change),
          hold(age),
          charge(share.parked, change.payload.size()) {}
    ~Parked() {
      if (begun) share.fence.end(hold);
    }
    VolumeShare& share;
    Item item;
    std::unique_ptr<uint8_t[]> payload;
    Clock::time_point since;
    WriteFence::Hold hold;
    bool begun = false;  // in the fence
    std::unique_ptr<RemoteWait> wait;
    ParkedBytes::Charge charge;
  };

  bool its_turn(Parked& parked);

  VolumeIo& volume_;
  VolumeShare& share_;
  const uint64_t age_;
  const std::shared_ptr<const UniqueFd> wake_;
  std::list<Parked> changes_;  // in the order asked for
};

}  // namespace ashlar::nbd
