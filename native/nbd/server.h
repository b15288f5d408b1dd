// Server: listeners (Unix, TCP), one epoll thread for them and every connection in handshake, and a
// thread for each connection in transmission.
//
// Whatever runs out (descriptors, threads, places), newcomers wait or are turned away, counted in
// refusals(); nobody who is there is touched, and the epoll thread rests meanwhile.
//
// Thread: start, close_export and stop from any thread; the epoll thread owns the connections in
// handshake; mutex_ guards the sessions.
#pragma once

#include <chrono>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "nbd/refusals.h"
#include "nbd/session.h"

namespace ashlar::nbd {

struct ServerOptions {
  std::string unix_path;  // empty = none
  std::string tcp_host;   // empty = none; an address, not a name
  uint16_t tcp_port = 0;  // 0 = any free one
  std::chrono::milliseconds handshake_timeout{10'000};
  // When all places are taken, whoever said nothing for so long loses his to a newcomer.
  std::chrono::milliseconds silence{250};
  size_t sessions_max = 512;
  size_t handshakes_max = 128;
  // Of payloads above 1 MiB on their way in; how long one of them may stand still.
  size_t payload_bytes_max = 256 << 20;
  std::chrono::milliseconds payload_stall{30'000};
  // Of a connection's thread, after which its host may have given up on it (nbd.md 1.3-G).
  std::chrono::milliseconds pause{2000};
};

class Server {
 public:
  // The socket is made with mode 0600; a stale one, which nobody listens on, is replaced.
  // Errors: kInvalidArgument (path over 107 bytes, address malformed), kInUse, kDeviceFailed.
  static Result<std::unique_ptr<Server>> start(ExportSource& exports, const ServerOptions& options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  uint16_t tcp_port() const { return tcp_port_; }
  size_t connections(const std::string& export_name) const { return connections(&export_name); }
  size_t connections() const { return connections(nullptr); }  // of all exports
  const Refusals& refusals() const { return refusals_; }
  const Failures& failures() const { return failures_; }
  const PayloadBudget& payloads() const { return payloads_; }
  // Drains the export's connections: what is under way finishes, new requests get ESHUTDOWN, and
  // all are closed by the end of `grace`. That no new ones come is the ExportSource's part. Returns
  // when they are gone.
  void close_export(const std::string& export_name, std::chrono::milliseconds grace);
  // No new connections; those there are finish what has arrived, answer it and close, by the end of
  // `grace`. What was not done is not answered: hosts send it again to the server that comes next.
  // Idempotent.
  void stop(std::chrono::milliseconds grace);

 private:
  struct Negotiating {
    UniqueFd socket;
    UniqueFd event;  // of its session
    Handshake handshake;
    std::vector<uint8_t> in;
    std::vector<uint8_t> out;
    std::chrono::steady_clock::time_point begun;
    std::chrono::steady_clock::time_point deadline;
    std::chrono::steady_clock::time_point heard;  // its last byte came then
    uint64_t peer = 0;                            // a process of this machine, or an address
    bool closing = false;                         // once `out` is sent
  };
  struct Running {
    std::unique_ptr<Session> session;
    std::thread thread;
  };

  Server(ExportSource& exports, const ServerOptions& options)
      : exports_(exports), options_(options), payloads_(options.payload_bytes_max) {}

  Result<void> listen_unix();
  Result<void> listen_tcp();
  void main();
  void accept_from(int listener, bool is_unix);
  void negotiate(UniqueFd socket, bool is_unix);
  bool make_room();
  bool is_silent(const Negotiating& connection) const;
  void listen_to_newcomers(bool listens);
  void handle(int socket);
  bool advance(Negotiating& connection);
  bool send_some(Negotiating& connection);
  void begin_transmission(Negotiating& connection);
  bool is_full() const;
  // Requires mutex_. Of all connections of the volume.
  std::shared_ptr<VolumeShare> share_of(const VolumeIo* volume);
  void drop(int socket);
  void expire();
  void reap();
  size_t connections(const std::string* export_name) const;
  void wait_until_gone(const std::string* export_name);

  ExportSource& exports_;
  const ServerOptions options_;
  UniqueFd epoll_;
  UniqueFd event_;
  UniqueFd unix_;
  UniqueFd tcp_;
  uint16_t tcp_port_ = 0;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> exiting_{false};
  std::unique_ptr<Workers> workers_;

  Refusals refusals_;
  // They outlive the sessions.
  PayloadBudget payloads_;
  Failures failures_;

  // Epoll thread.
  std::map<int, std::unique_ptr<Negotiating>> negotiating_;
  UniqueFd spare_event_;  // for the next newcomer
  bool accepts_ = true;   // else newcomers wait in the backlog, until there is room or time to look
  bool full_ = false;
  std::chrono::steady_clock::time_point rests_until_;

  mutable std::mutex mutex_;
  std::vector<Running> running_;
  std::map<const VolumeIo*, std::weak_ptr<VolumeShare>> shares_;
  std::thread thread_;
};

}  // namespace ashlar::nbd
