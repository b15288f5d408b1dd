// Memory for payloads of large writes on their way in, of all connections: whoever wants some waits
// in order, so that the largest is not passed over for ever. Thread: any; mutex_ guards the queue.
#pragma once

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include "base/unique_fd.h"

namespace ashlar::nbd {

class PayloadBudget {
 public:
  explicit PayloadBudget(size_t bytes) : total_(bytes), free_(bytes) {}
  PayloadBudget(const PayloadBudget&) = delete;
  PayloadBudget& operator=(const PayloadBudget&) = delete;

  // A place in the queue, then the memory, until it goes out of scope. The budget outlives it.
  class Ticket {
   public:
    Ticket(PayloadBudget& budget, size_t bytes, std::shared_ptr<const UniqueFd> event)
        : budget_(budget), bytes_(bytes), event_(std::move(event)) {}
    ~Ticket() { budget_.give_back(*this); }
    Ticket(const Ticket&) = delete;
    Ticket& operator=(const Ticket&) = delete;
    bool granted() const { return granted_; }

   private:
    friend class PayloadBudget;
    PayloadBudget& budget_;
    const size_t bytes_;
    const std::shared_ptr<const UniqueFd> event_;  // told when it is granted later
    std::atomic<bool> granted_{false};
  };

  // More than all of it is asked for as all of it.
  std::unique_ptr<Ticket> ask(size_t bytes, std::shared_ptr<const UniqueFd> event) {
    auto ticket = std::make_unique<Ticket>(*this, std::min(bytes, total_), std::move(event));
    std::lock_guard lock(mutex_);
    waiting_.push_back(ticket.get());
    grant();
    return ticket;
  }

  size_t used_bytes() const {
    std::lock_guard lock(mutex_);
    return total_ - free_;
  }
  size_t total_bytes() const { return total_; }

 private:
  void give_back(const Ticket& ticket) {
    std::lock_guard lock(mutex_);
    if (ticket.granted_) {
      free_ += ticket.bytes_;
    } else {
      std::erase(waiting_, &ticket);
    }
    grant();
  }
  // Requires mutex_.
  void grant() {
    while (!waiting_.empty() && waiting_.front()->bytes_ <= free_) {
      Ticket& ticket = *waiting_.front();
      waiting_.pop_front();
      free_ -= ticket.bytes_;
      ticket.granted_ = true;
      const uint64_t one = 1;
      (void)!::write(ticket.event_->get(), &one, sizeof one);
    }
  }

  const size_t total_;
  mutable std::mutex mutex_;  // guards what follows
  size_t free_;
  std::deque<Ticket*> waiting_;
};

}  // namespace ashlar::nbd
