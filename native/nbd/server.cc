#include "nbd/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>

#include "base/bytes.h"
#include "base/thread.h"
#include "base/thread_name.h"

namespace ashlar::nbd {
namespace {

using Clock = std::chrono::steady_clock;

constexpr size_t kWorkerThreads = 4;
constexpr int kUnixSocketBufferBytes = 2 << 20;
constexpr int kTickMs = 100;
// Between two rounds of answers, so that newcomers do not crowd out those who are about to finish.
constexpr int kAcceptedAtOnce = 16;

Error system_error(const std::string& what, int number) {
  return error(number == EADDRINUSE ? Code::kInUse : Code::kDeviceFailed,
               what + ": " + std::strerror(number));
}

// The same for all connections of a process on this machine, or of an address elsewhere.
uint64_t peer_of(int socket, bool is_unix) {
  if (is_unix) {
    ucred peer{};
    socklen_t bytes = sizeof peer;
    (void)::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &bytes);
    return uint64_t(peer.pid);
  }
  sockaddr_storage address{};
  socklen_t bytes = sizeof address;
  (void)::getpeername(socket, reinterpret_cast<sockaddr*>(&address), &bytes);
  const auto* six = reinterpret_cast<const sockaddr_in6*>(&address);
  if (address.ss_family == AF_INET6) return load_be<uint64_t>(six->sin6_addr.s6_addr);
  return reinterpret_cast<const sockaddr_in*>(&address)->sin_addr.s_addr;
}

void tune(int socket, bool is_unix) {
  const auto set = [&](int level, int name, int value) {
    ::setsockopt(socket, level, name, &value, sizeof value);
  };
  if (is_unix) {
    set(SOL_SOCKET, SO_SNDBUF, kUnixSocketBufferBytes);
    set(SOL_SOCKET, SO_RCVBUF, kUnixSocketBufferBytes);
    return;
  }
  set(IPPROTO_TCP, TCP_NODELAY, 1);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
  set(IPPROTO_TCP, TCP_KEEPIDLE, 30);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 10);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
}

}  // namespace

Result<std::unique_ptr<Server>> Server::start(ExportSource& exports, const ServerOptions& options) {
  std::unique_ptr<Server> server(new Server(exports, options));
  server->epoll_ = UniqueFd(::epoll_create1(EPOLL_CLOEXEC));
  server->event_ = UniqueFd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
  if (!server->epoll_.valid() || !server->event_.valid()) return system_error("epoll", errno);
  if (!options.unix_path.empty()) TRY(server->listen_unix());
  if (!options.tcp_host.empty()) TRY(server->listen_tcp());
  for (const int descriptor : {server->event_.get(), server->unix_.get(), server->tcp_.get()}) {
    if (descriptor < 0) continue;
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = descriptor;
    ::epoll_ctl(server->epoll_.get(), EPOLL_CTL_ADD, descriptor, &event);
  }
  server->workers_ = std::make_unique<Workers>(kWorkerThreads);
  if (server->workers_->threads() == 0) return no_thread("starting the NBD server");
  auto thread = try_thread([raw = server.get()] {
    name_thread("nbd-server");
    raw->main();
  });
  if (!thread) return no_thread("starting the NBD server");
  server->thread_ = *std::move(thread);
  return server;
}

Server::~Server() {
  stop(std::chrono::milliseconds(0));
}

Result<void> Server::listen_unix() {
  const std::string& path = options_.unix_path;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return error(Code::kInvalidArgument, path + ": a Unix socket's path has at most 107 bytes");
  }
  std::copy(path.begin(), path.end(), address.sun_path);
  const auto* name = reinterpret_cast<const sockaddr*>(&address);
  const UniqueFd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (::connect(probe.get(), name, sizeof address) == 0) {
    return error(Code::kInUse, path + ": another server listens on this socket");
  }
  struct stat status {};
  if (::lstat(path.c_str(), &status) == 0) {
    if (!S_ISSOCK(status.st_mode)) {
      return error(Code::kInvalidArgument, path + ": exists and is not a socket");
    }
    ::unlink(path.c_str());  // reversible: a socket that nobody listens on
  }
  unix_ = UniqueFd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  // The mode of the socket itself, before it has a name: nobody can get in between.
  ::fchmod(unix_.get(), 0600);
  if (::bind(unix_.get(), name, sizeof address) != 0) return system_error(path + ": bind", errno);
  ::chmod(path.c_str(), 0600);
  if (::listen(unix_.get(), SOMAXCONN) != 0) return system_error(path + ": listen", errno);
  return {};
}

Result<void> Server::listen_tcp() {
  const std::string where = options_.tcp_host + ":" + std::to_string(options_.tcp_port);
  sockaddr_storage address{};
  socklen_t bytes = 0;
  auto* four = reinterpret_cast<sockaddr_in*>(&address);
  auto* six = reinterpret_cast<sockaddr_in6*>(&address);
  if (::inet_pton(AF_INET, options_.tcp_host.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(options_.tcp_port);
    bytes = sizeof *four;
  } else if (::inet_pton(AF_INET6, options_.tcp_host.c_str(), &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(options_.tcp_port);
    bytes = sizeof *six;
  } else {
    return error(Code::kInvalidArgument, "\"" + options_.tcp_host + "\" is not an IP address");
  }
  tcp_ = UniqueFd(::socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int yes = 1;
  ::setsockopt(tcp_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  if (::bind(tcp_.get(), reinterpret_cast<sockaddr*>(&address), bytes) != 0) {
    return system_error(where + ": bind", errno);
  }
  if (::listen(tcp_.get(), SOMAXCONN) != 0) return system_error(where + ": listen", errno);
  ::getsockname(tcp_.get(), reinterpret_cast<sockaddr*>(&address), &bytes);
  tcp_port_ = ntohs(address.ss_family == AF_INET ? four->sin_port : six->sin6_port);
  return {};
}

// ---- epoll thread
// -----------------------------------------------------------------------------------

void Server::main() {
  std::array<epoll_event, 64> events;
  while (!exiting_) {
    const int count = ::epoll_wait(epoll_.get(), events.data(), int(events.size()), kTickMs);
    for (int i = 0; i < count; i++) {
      const int descriptor = events[size_t(i)].data.fd;
      if (descriptor == event_.get()) {
        uint64_t ignored;
        (void)!::read(descriptor, &ignored, sizeof ignored);
      } else if (descriptor == unix_.get() || descriptor == tcp_.get()) {
        accept_from(descriptor, descriptor == unix_.get());
      } else {
        handle(descriptor);
      }
    }
    expire();
    reap();
    const bool has_room = full_ && negotiating_.size() < options_.handshakes_max;
    if (!accepts_ && (has_room || Clock::now() >= rests_until_)) listen_to_newcomers(true);
  }
  negotiating_.clear();
}

void Server::accept_from(int listener, bool is_unix) {
  for (int i = 0; i < kAcceptedAtOnce; i++) {
    if (negotiating_.size() >= options_.handshakes_max) {
      if (i > 0) return;  // whether one more waits is said by the next round
      full_ = !make_room();
      if (full_) return listen_to_newcomers(false);
    }
    // Whoever is accepted has all that his session needs but its thread.
    if (!spare_event_.valid()) spare_event_ = UniqueFd(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC));
    UniqueFd socket;
    if (spare_event_.valid()) {
      socket = UniqueFd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    }
    if (socket.valid()) {
      if (!stopping_) negotiate(std::move(socket), is_unix);
      continue;
    }
    if (errno == EINTR || errno == ECONNABORTED) continue;
    if (errno == EAGAIN || errno == EWOULDBLOCK) return;
    // It would be offered again and again.
    full_ = false;
    refusals_.add(TurnedAway::kAccept);
    return listen_to_newcomers(false);
  }
}

void Server::listen_to_newcomers(bool listens) {
  accepts_ = listens;
  rests_until_ = Clock::now() + std::chrono::milliseconds(kTickMs);
  for (const int descriptor : {unix_.get(), tcp_.get()}) {
    if (descriptor < 0) continue;
    epoll_event event{};
    event.events = listens ? uint32_t(EPOLLIN) : 0u;
    event.data.fd = descriptor;
    ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, descriptor, &event);
  }
}

// Of those that are silent, one of the peer that has the most of them goes, and of these the one
// that was silent for longest. False when all are speaking.
bool Server::make_room() {
  std::map<uint64_t, size_t> silent;
  for (const auto& [socket, connection] : negotiating_)
    silent[connection->peer] += is_silent(*connection);
  const auto most =
      std::ranges::max_element(silent, {}, [](const auto& entry) { return entry.second; });
  if (most == silent.end() || most->second == 0) return false;
  const auto goes = std::ranges::min_element(negotiating_, {}, [&](const auto& entry) {
    const Negotiating& connection = *entry.second;
    const bool may_go = connection.peer == most->first && is_silent(connection);
    return may_go ? connection.heard : Clock::time_point::max();
  });
  refusals_.add(TurnedAway::kSilent);
  drop(goes->first);
  return true;
}

// Not while something of it waits to be read.
bool Server::is_silent(const Negotiating& connection) const {
  int unread = 0;
  (void)::ioctl(connection.socket.get(), FIONREAD, &unread);
  return unread == 0 && connection.heard <= Clock::now() - options_.silence;
}

void Server::negotiate(UniqueFd socket, bool is_unix) {
  tune(socket.get(), is_unix);
  const int descriptor = socket.get();
  const auto now = Clock::now();
  auto connection = std::make_unique<Negotiating>(Negotiating{std::move(socket),
                                                              std::move(spare_event_),
                                                              Handshake(exports_, is_unix),
                                                              {},
                                                              Handshake::greeting(),
                                                              now,
                                                              now + options_.handshake_timeout,
                                                              now,
                                                              peer_of(descriptor, is_unix),
                                                              false});
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = descriptor;
  if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, descriptor, &event) != 0) {
    return refusals_.add(TurnedAway::kAccept);
  }
  const bool alive = send_some(*connection);
  negotiating_[descriptor] = std::move(connection);
  if (!alive) drop(descriptor);
}

void Server::handle(int socket) {
  const auto found = negotiating_.find(socket);
  if (found == negotiating_.end()) return;
  Negotiating& connection = *found->second;
  uint8_t bytes[16384];
  for (;;) {
    if (connection.out.size() > (1 << 20)) break;  // answers first: the peer does not read
    const ssize_t got = ::recv(socket, bytes, sizeof bytes, MSG_DONTWAIT);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) break;
    if (got == 0) return drop(socket);
    connection.heard = Clock::now();
    if (connection.closing) continue;  // discarded, so that the close is orderly
    connection.in.insert(connection.in.end(), bytes, bytes + got);
    if (!advance(connection)) return;
  }
  if (!send_some(connection)) drop(socket);
}

// False when the connection left the handshake: handed over or closed.
bool Server::advance(Negotiating& connection) {
  const int socket = connection.socket.get();
  if (stopping_) connection.handshake.shut_down();
  connection.handshake.set_full(is_full());
  const auto next = connection.handshake.feed(connection.in, connection.out);
  if (connection.handshake.was_refused_as_full()) refusals_.add(TurnedAway::kFull);
  switch (next) {
    case Handshake::Next::kMore:
      return true;
    case Handshake::Next::kClose:
      connection.closing = true;
      if (!send_some(connection) || connection.out.empty()) {
        drop(socket);
        return false;
      }
      return true;
    case Handshake::Next::kTransmission:
      begin_transmission(connection);
      drop(socket);
      return false;
  }
  __builtin_unreachable();
}

// False when the peer is gone, or everything was said to one that is to be closed.
bool Server::send_some(Negotiating& connection) {
  while (!connection.out.empty()) {
    const ssize_t sent = ::send(connection.socket.get(), connection.out.data(),
                                connection.out.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0 && errno != EAGAIN && errno != EWOULDBLOCK) return false;
    if (sent < 0) break;
    connection.out.erase(connection.out.begin(), connection.out.begin() + sent);
  }
  epoll_event event{};
  event.events = EPOLLIN | (connection.out.empty() ? 0u : uint32_t(EPOLLOUT));
  event.data.fd = connection.socket.get();
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_MOD, event.data.fd, &event);
  return !(connection.closing && connection.out.empty());
}

void Server::begin_transmission(Negotiating& connection) {
  const int socket = connection.socket.get();
  ::fcntl(socket, F_SETFL, ::fcntl(socket, F_GETFL) & ~O_NONBLOCK);
  const timeval timeout{1, 0};
  ::setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof timeout);
  Agreement agreement = connection.handshake.take_agreement();
  std::lock_guard lock(mutex_);
  if (stopping_) return;
  // Whoever closes the export refuses it first and looks for its sessions then: either the refusal
  // is seen here, or the session there.
  const auto target = exports_.find_export(agreement.target.name);
  if (!target || target->volume != agreement.target.volume) return;
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket, nullptr);
  SessionOptions options;
  options.payloads = &payloads_;
  options.failures = &failures_;
  options.payload_stall = options_.payload_stall;
  options.share = share_of(target->volume.get());
  options.pause = options_.pause;
  options.since = connection.begun;
  options.last_answer = std::move(connection.out);
  auto session = std::make_unique<Session>(std::move(connection.socket),
                                           std::move(connection.event), std::move(agreement),
                                           std::move(connection.in), *workers_, std::move(options));
  auto thread = try_thread([raw = session.get()] {
    name_thread("nbd-session");
    raw->run();
  });
  // It was not told yet that it is served.
  if (!thread) return refusals_.add(TurnedAway::kNoThread);
  running_.push_back({std::move(session), *std::move(thread)});
}

bool Server::is_full() const {
  std::lock_guard lock(mutex_);
  return running_.size() >= options_.sessions_max;
}

std::shared_ptr<VolumeShare> Server::share_of(const VolumeIo* volume) {
  std::erase_if(shares_, [](const auto& entry) { return entry.second.expired(); });
  std::weak_ptr<VolumeShare>& place = shares_[volume];
  std::shared_ptr<VolumeShare> share = place.lock();
  if (!share) place = share = std::make_shared<VolumeShare>();
  return share;
}

void Server::drop(int socket) {
  negotiating_.erase(socket);
}

void Server::expire() {
  const auto now = Clock::now();
  std::erase_if(negotiating_, [&](const auto& entry) {
    return now > entry.second->deadline || (stopping_ && entry.second->out.empty());
  });
}

void Server::reap() {
  std::vector<Running> ended;
  {
    std::lock_guard lock(mutex_);
    for (size_t i = 0; i < running_.size();) {
      if (running_[i].session->finished()) {
        ended.push_back(std::move(running_[i]));
        running_.erase(running_.begin() + ptrdiff_t(i));
      } else {
        i++;
      }
    }
  }
  for (Running& running : ended)
    running.thread.join();
}

// ---- control
// ----------------------------------------------------------------------------------------

size_t Server::connections(const std::string* export_name) const {
  std::lock_guard lock(mutex_);
  return size_t(std::count_if(running_.begin(), running_.end(), [&](const Running& running) {
    return !running.session->finished() &&
           (!export_name || running.session->export_name() == *export_name);
  }));
}

void Server::wait_until_gone(const std::string* export_name) {
  while (connections(export_name) > 0)
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
}

void Server::close_export(const std::string& export_name, std::chrono::milliseconds grace) {
  {
    std::lock_guard lock(mutex_);
    for (Running& running : running_) {
      if (running.session->export_name() == export_name) {
        running.session->begin_shutdown(Session::Ending::kExport, Clock::now() + grace);
      }
    }
  }
  wait_until_gone(&export_name);
}

void Server::stop(std::chrono::milliseconds grace) {
  if (!thread_.joinable()) return;
  stopping_ = true;
  {
    std::lock_guard lock(mutex_);
    for (Running& running : running_)
      running.session->begin_shutdown(Session::Ending::kServer, Clock::now() + grace);
  }
  wait_until_gone(nullptr);
  exiting_ = true;
  const uint64_t one = 1;
  (void)!::write(event_.get(), &one, sizeof one);
  thread_.join();
  reap();
  if (unix_.valid()) ::unlink(options_.unix_path.c_str());  // reversible: our own socket
}

}  // namespace ashlar::nbd
