#include "nbd/remote_reads.h"

#include <algorithm>

namespace ashlar::nbd {
namespace {

using Clock = RemoteWait::Clock;

}  // namespace

void RemoteReads::hand_over(const RemoteRead& read) {
  std::lock_guard lock(mutex_);
  handed_.push_back(read);
  handed_count_ = handed_.size();
}

void RemoteReads::take_handed() {
  if (handed_count_ == 0) return;
  std::vector<RemoteRead> handed;
  {
    std::lock_guard lock(mutex_);
    handed.swap(handed_);
    handed_count_ = 0;
  }
  for (const RemoteRead& read : handed)
    park(read);
}

void RemoteReads::park(RemoteRead read) {
  if (read.until == Clock::time_point::max()) read.until = Clock::now() + volume_.stall();
  const Request& request = read.request;
  // What is above the limit of one reply is asked for as it is answered.
  const ByteRange left{request.offset + read.done,
                       std::min<uint64_t>(request.bytes - read.done, kPayloadMax)};
  reads_.emplace_back(read, RemoteWait(volume_, {left}, wake_, read.until), parked_);
}

Clock::time_point RemoteReads::next() const {
  auto next = Clock::time_point::max();
  for (const Parked& parked : reads_)
    next = std::min(next, parked.wait.until());
  return next;
}

void RemoteReads::look(const std::function<void(const RemoteRead&)>& here,
                       const std::function<void(const Request&, const Error&)>& failed) {
  take_handed();
  std::list<Parked> ended;
  for (auto at = reads_.begin(); at != reads_.end();) {
    const auto next = std::next(at);
    if (at->wait.look() != RemoteWait::State::kWaits) ended.splice(ended.end(), reads_, at);
    at = next;
  }
  for (Parked& parked : ended) {
    if (parked.wait.look() == RemoteWait::State::kHere) {
      here(parked.read);
    } else {
      failed(parked.read.request, parked.wait.failure());
    }
  }
}

void RemoteReads::drop(const std::function<void(const Request&)>& dropped) {
  take_handed();
  for (const Parked& parked : std::exchange(reads_, {}))
    dropped(parked.read.request);
}

}  // namespace ashlar::nbd
