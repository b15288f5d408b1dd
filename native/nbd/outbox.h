// Outbox: replies on their way to the socket, in order. Whoever has something appends it and sends
// what it can without blocking; a peer that does not read holds up nobody but itself. Thread: any;
// mutex_ guards the queue and the socket's sending side.
#pragma once

#include <sys/socket.h>

#include <atomic>
#include <cerrno>
#include <deque>
#include <mutex>

#include "nbd/reply.h"

namespace ashlar::nbd {

class Outbox {
 public:
  explicit Outbox(int socket) : socket_(socket) {}

  void push(ReplyBatch batch) {
    std::lock_guard lock(mutex_);
    bytes_ += batch.bytes_left();
    queue_.push_back(std::move(batch));
    flush_locked();
  }
  // Sends more; call when the socket can take it.
  void flush() {
    std::lock_guard lock(mutex_);
    flush_locked();
  }
  size_t bytes_waiting() const { return bytes_.load(); }
  bool broken() const { return broken_.load(); }

 private:
  static constexpr size_t kPartsMax = 1024;

  void flush_locked() {
    while (!queue_.empty() && !broken_) {
      ReplyBatch& front = queue_.front();
      if (front.empty()) {
        queue_.pop_front();
        continue;
      }
      const auto parts = front.parts();
      msghdr message{};
      message.msg_iov = parts.data();
      message.msg_iovlen = std::min(parts.size(), kPartsMax);
      const ssize_t sent = ::sendmsg(socket_, &message, MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0 && errno == EINTR) continue;
      if (sent < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) return;
      if (sent < 0) {
        broken_ = true;
        bytes_ = 0;
        queue_.clear();
        return;
      }
      front.sent(size_t(sent));
      bytes_ -= size_t(sent);
    }
    if (broken_) {
      queue_.clear();
      bytes_ = 0;
    }
  }

  const int socket_;
  std::mutex mutex_;
  std::deque<ReplyBatch> queue_;
  std::atomic<size_t> bytes_{0};
  std::atomic<bool> broken_{false};
};

}  // namespace ashlar::nbd
