// Session: one connection in transmission, on a thread of its own, run to completion: one receive
// takes many requests, the whole batch goes to the volume at once, its replies leave in one send.
// What would block (cold reads, syncs) goes to the workers, which queue their replies themselves.
//
// Thread: run() is the session's thread and owns everything but outbox_ (locks itself), in_flight_*
// and the shutdown flags (atomic). wake() and begin_shutdown() come from any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>

#include "base/unique_fd.h"
#include "nbd/handshake.h"
#include "nbd/outbox.h"
#include "nbd/workers.h"

namespace ashlar::nbd {

class Session {
 public:
  Session(UniqueFd socket, Agreement agreement, std::vector<uint8_t> received, Workers& workers);

  // Returns when the connection is over and nothing of it is under way any more.
  void run();

  // New requests get ESHUTDOWN; the connection closes at the deadline.
  void begin_shutdown(std::chrono::steady_clock::time_point deadline);
  const std::string& export_name() const { return terms_.target.name; }
  bool finished() const { return finished_.load(); }

 private:
  struct Item {
    Request request;
    Bytes payload;  // of a write; lies in the buffer or in large_
  };
  // A write too large for the buffer: its payload is received in place.
  struct Large {
    Request request;
    std::unique_ptr<uint8_t[]> payload;
    size_t filled = 0;
  };

  enum class Received : uint8_t { kData, kEnd };

  bool parse();
  bool parse_one(Bytes left);
  void take_write(const Request& request, size_t received);
  void execute();
  void execute_writes(ReplyBatch& replies);
  void execute_reads(size_t reply_bytes, ReplyBatch& replies);
  void execute_other(const Item& item, ReplyBatch& replies);
  void read_in_pieces(const Request& request);
  void finish_synced(std::vector<Request> synced, ReplyBatch& replies, bool alone);
  void read_on_worker(const Request& request);
  void refuse(ReplyBatch& replies, const Request& request, const Error& reason);
  Received receive();
  bool receive_now(ssize_t* got);
  bool wait(bool may_read);
  bool over_budget() const;
  void ended_one(size_t bytes);

  const UniqueFd socket_;
  const std::shared_ptr<const UniqueFd> event_;  // outlives the session in a worker's last step
  const Agreement terms_;
  Workers& workers_;
  Outbox outbox_;

  std::vector<uint8_t> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  uint64_t skip_bytes_ = 0;  // payload of a refused write
  std::unique_ptr<Large> large_;
  std::vector<Item> batch_;
  std::vector<std::pair<Request, Refusal>> refused_;
  std::vector<Request> synced_;
  std::vector<ReadRequest> reads_;
  std::vector<WriteRequest> writes_;
  bool disconnecting_ = false;
  bool failed_ = false;
  int spin_credit_ = 0;

  std::atomic<size_t> in_flight_{0};
  std::atomic<size_t> in_flight_bytes_{0};
  std::atomic<bool> stopping_{false};
  std::atomic<std::chrono::steady_clock::rep> deadline_{0};
  std::atomic<bool> finished_{false};
};

}  // namespace ashlar::nbd
