#include "nbd/parked_changes.h"

#include <algorithm>
#include <cstring>

namespace ashlar::nbd {
namespace {

bool overlap(const Request& a, const Request& b) {
  return range_of(a).offset < range_of(b).end() && range_of(b).offset < range_of(a).end();
}

// The blocks of which a change keeps a part: it has to read them. Ascending and apart.
std::vector<ByteRange> edges_of(const Request& request) {
  std::vector<ByteRange> edges;
  const ByteRange range = range_of(request);
  const auto add = [&](uint64_t at) {
    const uint64_t block = at / kBlockBytes * kBlockBytes;
    const bool known = !edges.empty() && edges.back().offset == block;
    if (at != block && !known) edges.push_back({block, kBlockBytes});
  };
  add(range.offset);
  add(range.end());
  return edges;
}

}  // namespace

ByteRange range_of(const Request& request) {
  return {request.offset, request.bytes};
}

std::unique_ptr<RemoteWait> ParkedChanges::remote_part(const Request& change) {
  if (change.flags & kCmdFastZero) return nullptr;  // it is refused where it has edges
  auto edges = edges_of(change);
  if (edges.empty()) return nullptr;
  auto wait = std::make_unique<RemoteWait>(volume_, std::move(edges), wake_,
                                           Clock::now() + volume_.stall());
  return wait->look() == RemoteWait::State::kHere ? nullptr : std::move(wait);
}

void ParkedChanges::park(const Item& item, Clock::time_point since,
                         std::unique_ptr<RemoteWait> wait) {
  Parked& parked = changes_.emplace_back(share_, item, age_);
  parked.since = since;
  parked.wait = std::move(wait);
  parked.hold.add(range_of(item.request));
  if (item.payload.empty()) return;
  parked.payload = std::make_unique_for_overwrite<uint8_t[]>(item.payload.size());
  std::memcpy(parked.payload.get(), item.payload.data(), item.payload.size());
  parked.item.payload = Bytes(parked.payload.get(), item.payload.size());
}

ParkedChanges::Clock::time_point ParkedChanges::next() const {
  auto next = Clock::time_point::max();
  for (const Parked& parked : changes_) {
    if (parked.begun && parked.wait) next = std::min(next, parked.wait->until());
  }
  return next;
}

bool ParkedChanges::its_turn(Parked& parked) {
  if (!parked.begun) parked.begun = share_.fence.try_begin(parked.hold, wake_);
  if (!parked.begun) return false;
  return !parked.wait || parked.wait->look() != RemoteWait::State::kWaits;
}

void ParkedChanges::resume(const std::function<void(const Item&, Clock::time_point)>& make,
                           const std::function<void(const Request&, const Error&)>& failed) {
  for (auto at = changes_.begin(); at != changes_.end();) {
    const bool behind = std::any_of(changes_.begin(), at, [&](const Parked& earlier) {
      return overlap(earlier.item.request, at->item.request);
    });
    if (behind || !its_turn(*at)) {
      ++at;
      continue;
    }
    if (at->wait && at->wait->look() == RemoteWait::State::kFailed) {
      failed(at->item.request, at->wait->failure());
    } else {
      make(at->item, at->since);
    }
    at = changes_.erase(at);
  }
}

void ParkedChanges::drop_remote(const std::function<void(const Request&)>& dropped) {
  std::vector<Request> gone;
  for (auto at = changes_.begin(); at != changes_.end();) {
    const Request request = at->item.request;
    const bool behind = std::any_of(gone.begin(), gone.end(), [&](const Request& earlier) {
      return overlap(earlier, request);
    });
    if (!at->wait && !behind) {
      ++at;
      continue;
    }
    gone.push_back(request);
    dropped(request);
    at = changes_.erase(at);
  }
}

}  // namespace ashlar::nbd
