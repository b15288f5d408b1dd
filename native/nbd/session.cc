#include "nbd/session.h"

#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>

namespace ashlar::nbd {
namespace {

constexpr size_t kBufferBytes = 512 << 10;
constexpr size_t kBatchRequestsMax = 256;
constexpr size_t kBatchReplyBytesMax = 1 << 20;  // bounds the latency of the first reply
// What every connection may hold of a payload, whatever others hold.
constexpr uint32_t kPayloadFree = 1 << 20;
constexpr size_t kInFlightMax = 512;
constexpr size_t kInFlightBytesMax = 64 << 20;
// Spinning before sleeping pays only when waits are short; measured 60 µs (DESIGN 13).
constexpr auto kSpin = std::chrono::microseconds(60);
constexpr int kSpinCreditMax = 8;
// An idle connection looks at its socket so often, to know how long what comes can have waited.
constexpr auto kIdleLook = std::chrono::seconds(1);
// For the host to see that the server ends, and to close its side.
constexpr auto kGoodbye = std::chrono::milliseconds(100);

// For poll(): not before `until`.
int poll_ms(std::chrono::steady_clock::time_point until,
            std::chrono::steady_clock::time_point now) {
  if (until == std::chrono::steady_clock::time_point::max()) return -1;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until - now).count();
  return int(std::clamp<int64_t>(left, 0, 1'000'000));
}

bool is_unix_socket(int socket) {
  int domain = 0;
  socklen_t bytes = sizeof domain;
  return ::getsockopt(socket, SOL_SOCKET, SO_DOMAIN, &domain, &bytes) == 0 && domain == AF_UNIX;
}

size_t unread_bytes(int socket) {
  int bytes = 0;
  return ::ioctl(socket, FIONREAD, &bytes) == 0 && bytes > 0 ? size_t(bytes) : 0;
}

}  // namespace

Session::Session(UniqueFd socket, UniqueFd event, Agreement agreement,
                 std::vector<uint8_t> received, Workers& workers, SessionOptions options)
    : socket_(std::move(socket)),
      event_(std::make_shared<const UniqueFd>(std::move(event))),
      terms_(std::move(agreement)),
      options_(std::move(options)),
      age_(options_.share->fence.join()),
      is_unix_(is_unix_socket(socket_.get())),
      workers_(workers),
      outbox_(socket_.get()),
      buffer_(std::max(kBufferBytes, received.size())),
      buffered_since_(options_.since),
      empty_at_(options_.since),
      hold_(age_),
      parked_(*terms_.target.volume, *options_.share, age_, event_),
      remote_(*terms_.target.volume, options_.share->parked, event_) {
  std::copy(received.begin(), received.end(), buffer_.begin());
  end_ = received.size();
}

void Session::run() {
  // It is small, and the peer is waiting for it.
  const std::vector<uint8_t>& answer = options_.last_answer;
  const ssize_t sent = ::send(socket_.get(), answer.data(), answer.size(), MSG_NOSIGNAL);
  if (sent != ssize_t(answer.size())) failed_ = true;
  while (!failed_) {
    const bool more = parse();
    if (!batch_.empty() || !refused_.empty()) execute();
    resume();
    if (more && !failed_) continue;
    if (failed_ || disconnecting_ || receive() == Received::kEnd) break;
  }
  finish();
  if (ending_ != Ending::kNone && !failed_) say_goodbye();
  ::shutdown(socket_.get(), SHUT_RDWR);
  finished_ = true;
}

// Everything that was received is done and answered. Where nobody is left to answer, what workers
// have begun still ends, and so do the changes of a host that said goodbye.
void Session::finish() {
  // A write of which a part never came is not done, and keeps no memory.
  large_.reset();
  ticket_.reset();
  resume();
  while (in_flight_ > 0 || something_parked() ||
         (outbox_.bytes_waiting() > 0 && !outbox_.broken())) {
    if (!wait(false)) break;
    resume();
  }
  while (in_flight_ > 0 || (disconnecting_ && !parked_.empty())) {
    sleep_until_woken();
    if (disconnecting_) resume();
  }
  parked_.clear();
  remote_.drop([](const Request&) {});
  // Nobody will answer them any more.
  terms_.target.volume->traffic().ended(unanswered_.exchange(0));
}

// By whoever has finished something; a tenth of a second at most.
void Session::sleep_until_woken() {
  pollfd event{event_->get(), POLLIN, 0};
  ::poll(&event, 1, 100);
  uint64_t ignored;
  (void)!::read(event_->get(), &ignored, sizeof ignored);
}

// What the host sends meanwhile is read and not answered: closing over it would reset the
// connection, and take answers along that are still on their way.
void Session::say_goodbye() {
  ::shutdown(socket_.get(), SHUT_WR);
  const auto until = Clock::now() + kGoodbye;
  for (auto left = kGoodbye; left.count() > 0;
       left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now())) {
    pollfd event{socket_.get(), POLLIN, 0};
    if (::poll(&event, 1, int(left.count())) <= 0) return;
    if (::recv(socket_.get(), buffer_.data(), buffer_.size(), MSG_DONTWAIT) <= 0) return;
  }
}

void Session::begin_shutdown(Ending ending, Clock::time_point deadline) {
  deadline_ = deadline.time_since_epoch().count();
  ending_ = ending;
  const uint64_t one = 1;
  (void)!::write(event_->get(), &one, sizeof one);
}

// ---- receiving
// ------------------------------------------------------------------------------------

// Takes complete requests out of the buffer, unless too much is parked. True when the batch was
// filled before the buffer was empty.
bool Session::parse() {
  batch_.clear();
  refused_.clear();
  size_t reply_bytes = 0;
  held_ = too_much_parked() || waits_for_memory();
  while (!held_ && !failed_ && !disconnecting_ &&
         batch_.size() + refused_.size() < kBatchRequestsMax && reply_bytes < kBatchReplyBytesMax) {
    if (skip_bytes_ > 0) {
      const uint64_t here = std::min<uint64_t>(skip_bytes_, end_ - begin_);
      begin_ += here;
      skip_bytes_ -= here;
      if (skip_bytes_ > 0) return false;
    }
    if (large_) {
      if (large_->filled < large_->request.bytes) return false;
      if (!batch_.empty()) return true;  // it goes alone: its memory is freed behind it
      batch_.push_back({large_->request, Bytes(large_->payload.get(), large_->request.bytes)});
      return true;
    }
    const size_t before = batch_.size();
    if (!parse_one(Bytes(buffer_).subspan(begin_, end_ - begin_))) return false;
    if (batch_.size() > before && batch_.back().request.command == kCmdRead) {
      reply_bytes += batch_.back().request.bytes;
    }
  }
  return !held_ && !failed_ && !disconnecting_;
}

// False when more bytes are needed.
bool Session::parse_one(Bytes left) {
  if (left.size() < kRequestBytes) return false;
  const auto request = parse_request(left.data());
  if (!request) {
    failed_ = true;
    return true;
  }
  if (request->command == kCmdDisc) {
    disconnecting_ = true;
    return true;
  }
  if (request->command == kCmdWrite && request->bytes > kPayloadDrainedMax) {
    failed_ = true;
    return true;
  }
  const SessionTerms terms{terms_.target.volume->size_bytes(), terms_.target.read_only,
                           terms_.structured, terms_.base_allocation};
  auto refusal = validate(*request, terms);
  if (ending_ == Ending::kExport) refusal = Refusal{NBD_ESHUTDOWN, "the export is being closed"};
  if (refusal) {
    begin_ += kRequestBytes;
    if (request->command == kCmdWrite) {
      skip_bytes_ = request->bytes;
      ticket_.reset();
    }
    refused_.emplace_back(*request, *refusal);
    return true;
  }
  if (request->command != kCmdWrite) {
    begin_ += kRequestBytes;
    batch_.push_back({*request, {}});
    return true;
  }
  if (left.size() >= kRequestBytes + request->bytes) {
    batch_.push_back({*request, left.subspan(kRequestBytes, request->bytes)});
    begin_ += kRequestBytes + request->bytes;
    return true;
  }
  if (kRequestBytes + request->bytes <= buffer_.size() / 2) return false;
  if (!may_hold(request->bytes)) return false;
  take_write(*request, left.size() - kRequestBytes);
  return true;
}

// False when it has to wait for memory, and with it everything behind it.
bool Session::may_hold(uint32_t bytes) {
  if (bytes > kPayloadFree && !ticket_) ticket_ = options_.payloads->ask(bytes, event_);
  held_ = waits_for_memory();
  return !held_;
}

void Session::take_write(const Request& request, size_t received) {
  large_ = std::make_unique<Large>();
  large_->request = request;
  large_->ticket = std::move(ticket_);
  large_->heard = Clock::now();
  large_->payload = std::make_unique_for_overwrite<uint8_t[]>(request.bytes);
  std::memcpy(large_->payload.get(), &buffer_[begin_ + kRequestBytes], received);
  large_->filled = received;
  begin_ = end_;
}

// One receive, without sleeping. False when there is nothing yet.
bool Session::receive_now(ssize_t* got) {
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (buffer_.size() - end_ < buffer_.size() / 2) {
    std::memmove(buffer_.data(), &buffer_[begin_], end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  const bool nothing_held = begin_ == end_ && !large_;
  const auto looked_at = Clock::now();
  iovec parts[2];
  size_t count = 0;
  size_t payload_left = 0;
  if (large_) {
    payload_left = large_->request.bytes - large_->filled;
    parts[count++] = {large_->payload.get() + large_->filled, payload_left};
  }
  parts[count++] = {&buffer_[end_], buffer_.size() - end_};
  msghdr message{};
  message.msg_iov = parts;
  message.msg_iovlen = count;
  if (to_take_) {
    parts[0].iov_len = std::min(parts[0].iov_len, *to_take_);
    if (count == 2) parts[1].iov_len = std::min(parts[1].iov_len, *to_take_ - parts[0].iov_len);
  }
  const ssize_t bytes = ::recvmsg(socket_.get(), &message, MSG_DONTWAIT);
  if (bytes < 0 && (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR)) {
    if (errno != EINTR) empty_at_ = looked_at;
    return false;
  }
  *got = bytes;
  if (bytes <= 0) return true;
  if (to_take_) *to_take_ -= size_t(bytes);
  if (nothing_held) buffered_since_ = empty_at_;
  if (size_t(bytes) < payload_left + parts[count - 1].iov_len) empty_at_ = looked_at;
  const size_t to_payload = std::min(size_t(bytes), payload_left);
  if (large_) {
    large_->filled += to_payload;
    large_->heard = looked_at;
  }
  end_ += size_t(bytes) - to_payload;
  return true;
}

Session::Received Session::receive() {
  ssize_t got = 0;
  for (;;) {
    if ((outbox_.broken() && !said_goodbye()) || took_what_arrived()) return Received::kEnd;
    if (held_ && !too_much_parked() && !waits_for_memory()) return Received::kWoken;
    const bool may_read =
        outbox_.bytes_waiting() < kBacklogBytesMax && !over_budget() && !waits_for_memory();
    if (may_read) {
      if (receive_now(&got)) return got > 0 ? Received::kData : Received::kEnd;
      if (spin_credit_ > 0 && ending_ == Ending::kNone) {
        const auto until = Clock::now() + kSpin;
        while (Clock::now() < until) {
          if (receive_now(&got)) {
            spin_credit_ = std::min(spin_credit_ + 1, kSpinCreditMax);
            return got > 0 ? Received::kData : Received::kEnd;
          }
        }
        spin_credit_--;
      }
    }
    const auto slept_from = Clock::now();
    // A payload is not waited for while this side does not read, unless it is the host that takes
    // nothing.
    const size_t unsent = outbox_.bytes_waiting();
    const bool host_takes = unsent < kBacklogBytesMax || unsent < std::exchange(unsent_, unsent);
    if (large_ && !may_read && host_takes) large_->heard = slept_from;
    if (payload_stalled()) return Received::kEnd;
    if (!wait(may_read)) {
      if (may_read || !waits_out_goodbye()) return Received::kEnd;
      return Received::kWoken;
    }
    if (something_parked()) return Received::kWoken;
    if (Clock::now() - slept_from < 2 * kSpin) {
      spin_credit_ = std::min(spin_credit_ + 2, kSpinCreditMax);
    }
  }
}

// Whether the server ends and nothing is left of what had arrived when this was first seen. A
// request of which only a part had arrived is not done: the host sends it again elsewhere.
bool Session::took_what_arrived() {
  if (ending_ != Ending::kServer || held_) return false;
  if (!to_take_) to_take_ = unread_bytes(socket_.get());
  return *to_take_ == 0;
}

// Sleeps until the socket or a worker has something. False when the deadline of a shutdown has
// passed or the peer is gone.
bool Session::wait(bool may_read) {
  pollfd events[2] = {{socket_.get(), 0, 0}, {event_->get(), POLLIN, 0}};
  if (may_read) events[0].events |= POLLIN;
  if (outbox_.bytes_waiting() > 0) events[0].events |= POLLOUT;
  const auto now = Clock::now();
  auto until = std::min(parked_.next(), remote_.next());
  if (may_read) until = std::min(until, now + kIdleLook);
  if (large_) until = std::min(until, large_->heard + options_.payload_stall);
  if (ending_ != Ending::kNone) {
    const Clock::time_point deadline(Clock::duration(deadline_.load()));
    if (deadline <= now) return false;
    until = std::min(until, deadline);
  }
  ::poll(events, 2, poll_ms(until, now));
  if (events[1].revents & POLLIN) {
    uint64_t ignored;
    (void)!::read(event_->get(), &ignored, sizeof ignored);
  }
  if (events[0].revents & POLLOUT) outbox_.flush();
  if (events[0].revents & (POLLERR | POLLNVAL)) return false;
  // Not reading, and the peer has closed both ways: nobody is left to answer.
  if (!may_read && events[0].revents & POLLHUP) return false;
  return !outbox_.broken();
}

bool Session::over_budget() {
  return in_flight_ >= kInFlightMax || in_flight_bytes_ >= kInFlightBytesMax || too_much_parked();
}

// Only who has parked something is held up by what others of the volume have parked.
bool Session::too_much_parked() {
  const size_t count = parked_.count() + remote_.count();
  return count >= kInFlightMax || (count > 0 && options_.share->parked.full(event_));
}

// Memory that others wait for is not kept for it. Requires that the socket was just seen empty, or
// that it is not read.
bool Session::payload_stalled() const {
  return large_ && large_->filled < large_->request.bytes &&
         Clock::now() - large_->heard > options_.payload_stall;
}

// A worker's last act for a request: once in_flight_ is down the session may be gone.
void Session::ended_one(size_t bytes) {
  const std::shared_ptr<const UniqueFd> event = event_;
  in_flight_bytes_ -= bytes;
  in_flight_--;
  const uint64_t one = 1;
  (void)!::write(event->get(), &one, sizeof one);
}

// ---- the peer
// ----------------------------------------------------------------------------------------

// Requires that the peer has closed. Then everything it asked for before is still to be done.
bool Session::said_goodbye() {
  if (!goodbye_) goodbye_ = disconnecting_ || disc_received();
  return *goodbye_;
}

// A peer that said goodbye and closed while nothing could be read: what it sent is still to be
// done. Sleeps a little, because the socket would wake at once. False when nobody has to wait.
bool Session::waits_out_goodbye() {
  const Clock::time_point deadline(Clock::duration(deadline_.load()));
  if (ending_ != Ending::kNone && deadline <= Clock::now()) return false;
  if (!peer_closed() || !said_goodbye()) return false;
  sleep_until_woken();
  return true;
}

// Over TCP a peer that only ended its sending side looks the same.
bool Session::peer_closed() const {
  pollfd event{socket_.get(), POLLRDHUP, 0};
  ::poll(&event, 1, 0);
  return event.revents & (POLLHUP | POLLERR) || (!is_unix_ && event.revents & POLLRDHUP);
}

// Requires that the peer has closed: all of its bytes are here, in the buffer or in the socket.
bool Session::disc_received() const {
  const size_t held = end_ - begin_;
  std::vector<uint8_t> rest(held + unread_bytes(socket_.get()));
  std::copy_n(buffer_.begin() + ptrdiff_t(begin_), held, rest.begin());
  const ssize_t peeked =
      ::recv(socket_.get(), rest.data() + held, rest.size() - held, MSG_PEEK | MSG_DONTWAIT);
  rest.resize(held + size_t(std::max<ssize_t>(peeked, 0)));
  uint64_t at = skip_bytes_ + (large_ ? large_->request.bytes - large_->filled : 0);
  while (at + kRequestBytes <= rest.size()) {
    const auto request = parse_request(&rest[at]);
    if (!request) return false;
    if (request->command == kCmdDisc) return true;
    at += kRequestBytes + (request->command == kCmdWrite ? request->bytes : 0);
  }
  return false;
}

}  // namespace ashlar::nbd
