// Session: one connection in transmission, on a thread of its own, run to completion: one receive
// takes many requests, the whole batch goes to the volume at once, its replies leave in one send.
// What would block (cold reads, syncs) goes to the workers, which queue their replies themselves.
// What waits for the region or for an older connection is parked, and holds up nothing else.
//
// Thread: run() is the session's thread and owns everything but outbox_ (locks itself), what
// workers hand over to remote_, in_flight_* and the shutdown's state (atomic). begin_shutdown()
// comes from any thread.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>

#include "base/unique_fd.h"
#include "nbd/failures.h"
#include "nbd/handshake.h"
#include "nbd/outbox.h"
#include "nbd/parked_changes.h"
#include "nbd/payload_budget.h"
#include "nbd/remote_reads.h"
#include "nbd/volume_share.h"
#include "nbd/workers.h"

namespace ashlar::nbd {

struct SessionOptions {
  // Of all connections.
  PayloadBudget* payloads = nullptr;
  Failures* failures = nullptr;
  // A payload of which nothing has come for so long does not come any more.
  std::chrono::steady_clock::duration payload_stall{};
  // Of all connections of the volume.
  std::shared_ptr<VolumeShare> share;
  // A host may have given up on a connection that was not served for so long (nbd.md 1.3-G).
  std::chrono::steady_clock::duration pause{};
  // Nothing in the socket, or in what was received, is older.
  std::chrono::steady_clock::time_point since;
  // What ends the handshake, not sent yet.
  std::vector<uint8_t> last_answer;
};

class Session {
 public:
  // `event`: an eventfd, for whoever wakes it.
  Session(UniqueFd socket, UniqueFd event, Agreement agreement, std::vector<uint8_t> received,
          Workers& workers, SessionOptions options);

  // Returns when the connection is over and nothing of it is under way any more.
  void run();

  enum class Ending : uint8_t {
    kNone,
    kExport,  // new requests get ESHUTDOWN; the connection closes at the deadline
    kServer,  // what has arrived is done and answered, then it closes, at the deadline at the
              // latest
  };
  void begin_shutdown(Ending ending, std::chrono::steady_clock::time_point deadline);
  const std::string& export_name() const { return terms_.target.name; }
  bool finished() const { return finished_.load(); }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr size_t kBacklogBytesMax = 8 << 20;  // unsent replies: nothing more is read then
  // A write too large for the buffer: its payload is received in place.
  struct Large {
    Request request;
    std::unique_ptr<PayloadBudget::Ticket> ticket;  // none for what every session may hold
    std::unique_ptr<uint8_t[]> payload;
    size_t filled = 0;
    Clock::time_point heard;
  };

  enum class Received : uint8_t { kData, kWoken, kEnd };

  bool parse();
  bool parse_one(Bytes left);
  bool may_hold(uint32_t bytes);
  void take_write(const Request& request, size_t received);
  void execute();
  void execute_changes(ReplyBatch& replies);
  void change(std::span<const Item> items, ReplyBatch& replies);
  void write(std::span<const Item> items, ReplyBatch& replies);
  void erase(const Request& request, ReplyBatch& replies);
  void resume();
  void give_up_remote(ReplyBatch& replies);
  bool may_change(Clock::time_point since);
  bool peer_closed() const;
  bool said_goodbye();
  bool waits_out_goodbye();
  void sleep_until_woken();
  bool disc_received() const;
  void finish();
  void say_goodbye();
  void execute_reads(ReplyBatch& replies);
  void execute_other(const Item& item, ReplyBatch& replies);
  void finish_read(const RemoteRead& asked, ReadRequest& read, ReplyBatch& replies);
  void read_again(const RemoteRead& asked);
  void read_in_pieces(RemoteRead asked);
  void finish_synced(std::vector<Request> synced, ReplyBatch& replies, bool alone);
  void read_on_worker(const RemoteRead& asked);
  void refuse(ReplyBatch& replies, const Request& request, const Error& reason);
  void begin_batch();
  void send(ReplyBatch replies);
  Received receive();
  bool receive_now(ssize_t* got);
  bool wait(bool may_read);
  bool over_budget();
  bool something_parked() const { return !parked_.empty() || !remote_.empty(); }
  bool too_much_parked();
  // Where the export ends, the write is refused without.
  bool waits_for_memory() const {
    return ticket_ && !ticket_->granted() && ending_ != Ending::kExport;
  }
  bool payload_stalled() const;
  bool took_what_arrived();
  void ended_one(size_t bytes);

  const UniqueFd socket_;
  const std::shared_ptr<const UniqueFd> event_;  // outlives the session in a worker's last step
  const Agreement terms_;
  const SessionOptions options_;
  const uint64_t age_;
  const bool is_unix_;
  Workers& workers_;
  Outbox outbox_;

  std::vector<uint8_t> buffer_;
  size_t begin_ = 0;
  size_t end_ = 0;
  uint64_t skip_bytes_ = 0;  // payload of a refused write
  std::unique_ptr<Large> large_;
  std::unique_ptr<PayloadBudget::Ticket> ticket_;  // of the write at the buffer's front
  std::vector<Item> batch_;
  std::vector<std::pair<Request, Refusal>> refused_;
  std::vector<Request> synced_;
  std::vector<ReadRequest> reads_;
  std::vector<WriteRequest> writes_;
  bool disconnecting_ = false;
  bool failed_ = false;
  // Nothing that waits to be executed came before them: when the buffer's first byte may have
  // arrived, and when the socket was last seen empty.
  Clock::time_point buffered_since_;
  Clock::time_point empty_at_;
  std::optional<size_t> to_take_;  // once the server ends: of what had arrived by then
  std::optional<bool> goodbye_;    // whether a peer that closed had sent DISC
  bool abandoned_ = false;  // the host gave up: what it asked to change is not begun any more
  WriteFence::Hold hold_;   // of the batch
  std::vector<std::unique_ptr<RemoteWait>> waits_;  // of its changes
  ParkedChanges parked_;
  RemoteReads remote_;
  bool held_ = false;  // nothing is taken out of the buffer: too much is parked, or no memory free
  int spin_credit_ = 0;
  size_t unsent_ = 0;  // of replies, when it was looked at last

  std::atomic<size_t> in_flight_{0};
  std::atomic<size_t> in_flight_bytes_{0};
  std::atomic<size_t> unanswered_{0};  // of the requests that were begun
  std::atomic<Ending> ending_{Ending::kNone};
  std::atomic<std::chrono::steady_clock::rep> deadline_{0};
  std::atomic<bool> finished_{false};
};

}  // namespace ashlar::nbd
