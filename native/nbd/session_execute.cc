// What a session does with the requests of a batch, and with those that were parked.
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>

#include "base/clock.h"
#include "nbd/session.h"

namespace ashlar::nbd {
namespace {

// Of one reply, in one piece.
bool is_small_read(const Request& request) {
  return request.command == kCmdRead && request.bytes <= kPayloadMax;
}

}  // namespace

void Session::refuse(ReplyBatch& replies, const Request& request, const Error& reason) {
  const Errno number = to_errno(reason.code);
  if (number == NBD_EIO || number == NBD_ENOSPC) options_.failures->add(export_name(), reason);
  replies.refuse(request, number, reason.message, terms_.structured);
}

// The clock is read once for all of them.
void Session::begin_batch() {
  const uint64_t now_ns = monotonic_ns();
  for (Item& item : batch_)
    item.request.since_ns = now_ns;
  for (auto& [request, refusal] : refused_)
    request.since_ns = now_ns;
  const size_t begun = batch_.size() + refused_.size();
  unanswered_ += begun;
  terms_.target.volume->traffic().began(begun);
}

// Counted first: whoever has the answer finds it counted.
void Session::send(ReplyBatch replies) {
  Traffic& traffic = terms_.target.volume->traffic();
  const uint64_t now_ns = monotonic_ns();
  size_t ended = 0;
  for (const Answered& some : replies.answered()) {
    traffic.answered(some, now_ns);
    ended += some.requests;
  }
  unanswered_ -= ended;
  traffic.ended(ended);
  outbox_.push(std::move(replies));
}

void Session::execute() {
  begin_batch();
  size_t reply_bytes = 0;
  for (const Item& item : batch_) {
    if (is_small_read(item.request)) {
      reply_bytes += ReplyBatch::read_room(item.request.bytes);
    }
  }
  const bool alone = batch_.size() == 1 && in_flight_ == 0;
  ReplyBatch replies(reply_bytes);
  synced_.clear();
  for (const auto& [request, refusal] : refused_) {
    replies.refuse(request, refusal.number, refusal.text, terms_.structured);
  }
  execute_changes(replies);
  for (const Item& item : batch_) {
    if (item.request.command != kCmdRead && !is_change(item.request.command)) {
      execute_other(item, replies);
    }
  }
  if (reply_bytes > 0) execute_reads(replies);
  for (const Item& item : batch_) {
    if (item.request.command == kCmdRead && item.request.bytes > kPayloadMax) {
      read_in_pieces({item.request});
    }
  }
  if (!synced_.empty()) finish_synced(std::move(synced_), replies, alone);
  if (!replies.empty()) send(std::move(replies));
  if (large_ && large_->filled == large_->request.bytes) large_.reset();
}

// What needs something of the region, overlaps a change of an older connection that is under way,
// or follows one of this connection that waits, waits too.
void Session::execute_changes(ReplyBatch& replies) {
  hold_.clear();
  waits_.clear();
  bool waits = !parked_.empty();
  for (const Item& item : batch_) {
    if (!is_change(item.request.command)) continue;
    hold_.add(range_of(item.request));
    waits_.push_back(parked_.remote_part(item.request));
    waits = waits || waits_.back() != nullptr;
  }
  if (hold_.empty()) return;
  if (waits || !options_.share->fence.try_begin(hold_, event_)) {
    size_t at = 0;
    for (const Item& item : batch_) {
      if (is_change(item.request.command))
        parked_.park(item, buffered_since_, std::move(waits_[at++]));
    }
    return;
  }
  if (may_change(buffered_since_)) change(batch_, replies);
  options_.share->fence.end(hold_);
}

void Session::change(std::span<const Item> items, ReplyBatch& replies) {
  write(items, replies);
  for (const Item& item : items) {
    const uint16_t command = item.request.command;
    if (command == kCmdTrim || command == kCmdWriteZeroes) erase(item.request, replies);
  }
}

// What is parked, as far as it may go on by now.
void Session::resume() {
  if (parked_.empty() && remote_.empty()) return;
  synced_.clear();
  ReplyBatch replies(0);
  if (ending_ != Ending::kNone) give_up_remote(replies);
  parked_.resume(
      [&](const Item& item, Clock::time_point since) {
        if (may_change(since)) change(std::span(&item, 1), replies);
      },
      [&](const Request& request, const Error& reason) { refuse(replies, request, reason); });
  std::vector<RemoteRead> here;
  remote_.look(
      [&](const RemoteRead& read) { here.push_back(read); },
      [&](const Request& request, const Error& reason) { refuse(replies, request, reason); });
  if (!synced_.empty()) finish_synced(std::move(synced_), replies, false);
  if (!replies.empty()) send(std::move(replies));
  for (const RemoteRead& read : here)
    read_again(read);
}

// The region may take longer than the end. A server that stops answers nothing that was not done.
void Session::give_up_remote(ReplyBatch& replies) {
  const auto dropped = [&](const Request& request) {
    if (ending_ == Ending::kExport)
      replies.refuse(request, NBD_ESHUTDOWN, "the export is being closed", terms_.structured);
  };
  parked_.drop_remote(dropped);
  remote_.drop(dropped);
}

// Whether a change may begin that was asked for after `since`. Asked with the change in the fence:
// a host that closes this connection later sends what overlaps it behind it.
bool Session::may_change(Clock::time_point since) {
  if (abandoned_) return false;
  if (disconnecting_ || Clock::now() - since <= options_.pause || !peer_closed()) return true;
  abandoned_ = !said_goodbye();
  return !abandoned_;
}

void Session::write(std::span<const Item> items, ReplyBatch& replies) {
  writes_.clear();
  for (const Item& item : items) {
    if (item.request.command != kCmdWrite) continue;
    WriteRequest write;
    write.offset = item.request.offset;
    write.data = item.payload;
    writes_.push_back(std::move(write));
  }
  if (writes_.empty()) return;
  terms_.target.volume->write(writes_);
  size_t at = 0;
  for (const Item& item : items) {
    if (item.request.command != kCmdWrite) continue;
    const WriteRequest& write = writes_[at++];
    if (write.failed) {
      refuse(replies, item.request, write.error);
    } else if (item.request.flags & kCmdFua) {
      synced_.push_back(item.request);
    } else {
      replies.done(item.request, terms_.structured);
    }
  }
}

void Session::execute_reads(ReplyBatch& replies) {
  reads_.clear();
  for (const Item& item : batch_) {
    if (!is_small_read(item.request)) continue;
    ReadRequest read;
    read.offset = item.request.offset;
    read.into = replies.reserve_read(item.request.bytes, terms_.structured);
    reads_.push_back(std::move(read));
  }
  terms_.target.volume->read(reads_, Wait::kNever);
  size_t at = 0;
  for (const Item& item : batch_) {
    if (is_small_read(item.request)) finish_read({item.request}, reads_[at++], replies);
  }
}

void Session::finish_read(const RemoteRead& asked, ReadRequest& read, ReplyBatch& replies) {
  switch (read.outcome) {
    case ReadRequest::Outcome::kDone:
      replies.read_done(asked.request, read.offset, read.into, read.zeros, terms_.structured, true);
      return;
    case ReadRequest::Outcome::kWouldBlock:
      return read_on_worker(asked);
    case ReadRequest::Outcome::kRemote:
      return remote_.park(asked);
    case ReadRequest::Outcome::kFailed:
      return refuse(replies, asked.request, read.error);
  }
}

// Its data has come.
void Session::read_again(const RemoteRead& asked) {
  if (asked.request.bytes > kPayloadMax) return read_in_pieces(asked);
  ReplyBatch replies(ReplyBatch::read_room(asked.request.bytes));
  ReadRequest read;
  read.offset = asked.request.offset;
  read.into = replies.reserve_read(asked.request.bytes, terms_.structured);
  terms_.target.volume->read(std::span(&read, 1), Wait::kNever);
  finish_read(asked, read, replies);
  if (!replies.empty()) send(std::move(replies));
}

void Session::read_on_worker(const RemoteRead& asked) {
  in_flight_++;
  in_flight_bytes_ += asked.request.bytes;
  workers_.post([this, asked] {
    const Request& request = asked.request;
    ReplyBatch replies(ReplyBatch::read_room(request.bytes));
    ReadRequest read;
    read.offset = request.offset;
    read.into = replies.reserve_read(request.bytes, terms_.structured);
    terms_.target.volume->read(std::span(&read, 1), Wait::kForDisk);
    if (read.outcome == ReadRequest::Outcome::kRemote) {
      remote_.hand_over(asked);
    } else {
      finish_read(asked, read, replies);
      send(std::move(replies));
    }
    ended_one(request.bytes);
  });
}

// A structured read above the advertised limit: several chunks, each as it comes, and never more
// than the backlog allows.
void Session::read_in_pieces(RemoteRead asked) {
  const Request& request = asked.request;
  while (asked.done < request.bytes && !failed_) {
    const uint32_t here = uint32_t(std::min<uint64_t>(kPieceBytes, request.bytes - asked.done));
    ReplyBatch replies(ReplyBatch::read_room(here));
    ReadRequest read;
    read.offset = request.offset + asked.done;
    read.into = replies.reserve_read(here, true);
    terms_.target.volume->read(std::span(&read, 1), Wait::kForDisk);
    if (read.outcome == ReadRequest::Outcome::kRemote) return remote_.park(asked);
    asked = {request, asked.done + here};  // each piece has its own stall
    const bool failed = read.outcome != ReadRequest::Outcome::kDone;
    if (failed) {
      refuse(replies, request, read.error);
    } else {
      const bool last = asked.done == request.bytes;
      replies.read_done(request, read.offset, read.into, read.zeros, true, last);
    }
    send(std::move(replies));
    if (failed) return;
    while (outbox_.bytes_waiting() > kBacklogBytesMax) {
      if (!wait(false)) {
        failed_ = true;
        return;
      }
    }
  }
}

void Session::erase(const Request& request, ReplyBatch& replies) {
  VolumeIo& volume = *terms_.target.volume;
  const ByteRange range = range_of(request);
  if (request.flags & kCmdFastZero && !volume.erase_is_fast(range)) {
    replies.refuse(request, NBD_ENOTSUP, "the range is not aligned to 4 KiB", terms_.structured);
    return;
  }
  const auto erased =
      volume.erase(range, request.flags & kCmdNoHole ? Erase::kZeroKeep : Erase::kHole);
  if (!erased) {
    refuse(replies, request, erased.error());
  } else if (request.flags & kCmdFua) {
    synced_.push_back(request);
  } else {
    replies.done(request, terms_.structured);
  }
}

void Session::execute_other(const Item& item, ReplyBatch& replies) {
  const Request& request = item.request;
  VolumeIo& volume = *terms_.target.volume;
  const ByteRange range = range_of(request);
  switch (request.command) {
    case kCmdFlush:
      synced_.push_back(request);
      return;
    case kCmdCache:
      volume.prefetch(range);
      replies.done(request, terms_.structured);
      return;
    case kCmdBlockStatus: {
      constexpr size_t kExtentsMax = 4096;
      const auto extents = volume.status(range, request.flags & kCmdReqOne ? 1 : kExtentsMax);
      if (extents) {
        replies.status(request, *extents);
      } else {
        refuse(replies, request, extents.error());
      }
      return;
    }
    default:
      CHECK(false);  // validate() let nothing else pass
  }
}

// FLUSH and FUA: inline when nothing else is under way, else on a worker while the session reads
// on.
void Session::finish_synced(std::vector<Request> synced, ReplyBatch& replies, bool alone) {
  const auto answer = [this](const std::vector<Request>& requests, ReplyBatch& to) {
    const auto flushed = terms_.target.volume->flush();
    for (const Request& request : requests) {
      if (flushed) {
        to.done(request, terms_.structured);
      } else {
        refuse(to, request, flushed.error());
      }
    }
  };
  if (alone) {
    answer(synced, replies);
    return;
  }
  in_flight_++;
  workers_.post([this, answer, requests = std::move(synced)] {
    ReplyBatch later(0);
    answer(requests, later);
    send(std::move(later));
    ended_one(0);
  });
}

}  // namespace ashlar::nbd
