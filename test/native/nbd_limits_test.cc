// What a server does when something runs out: descriptors, threads, places for newcomers and for
// sessions. Who is there is served on; who comes waits or is told; afterwards all is as before.
#include <sys/resource.h>

#include <gtest/gtest.h>

#include "base/thread.h"
#include "support/nbd_world.h"
#include "support/outcome.h"

namespace ashlar::test {
namespace {

using namespace nbd;

class NbdLimits : public NbdWorld {
 protected:
  uint64_t count(TurnedAway kind) const { return server_->refusals().count(kind); }
  uint32_t go(NbdClient& client) { return client.outcome(kOptGo, go_body(name())); }
  NbdClient greeted() {
    NbdClient client(path_);
    client.greet();
    return client;
  }
};

// For as long as it lives nothing in this process gets a new descriptor.
class NoDescriptors {
 public:
  NoDescriptors() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    rlimit none = before_;
    none.rlim_cur = rlim_t(UniqueFd(::dup(0)).get());  // the lowest that is free
    ::setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoDescriptors() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoDescriptors(const NoDescriptors&) = delete;
  NoDescriptors& operator=(const NoDescriptors&) = delete;

 private:
  rlimit before_{};
};

// The undefined-behaviour sanitizer looks at an object through a pipe, which it does not get
// either.
#if defined(__SANITIZE_ADDRESS__)
#define NEEDS_NO_DESCRIPTORS() GTEST_SKIP() << "the sanitizer needs descriptors itself"
#else
#define NEEDS_NO_DESCRIPTORS() (void)0
#endif

class NoThreads {
 public:
  NoThreads() { set_threads_left(0); }
  ~NoThreads() { set_threads_left(-1); }
  NoThreads(const NoThreads&) = delete;
  NoThreads& operator=(const NoThreads&) = delete;
};

TEST_F(NbdLimits, WhoSaysNothingKeepsNobodyOut) {
  ServerOptions options;
  options.handshakes_max = 8;
  start(options);
  std::vector<NbdClient> silent;
  for (size_t i = 0; i < options.handshakes_max; i++) {
    silent.emplace_back(path_);
    silent.back().receive(18);
  }
  auto client = greeted();
  EXPECT_EQ(go(client), kRepAck);
  EXPECT_EQ(value_at(client, 0), 0);
  EXPECT_EQ(count(TurnedAway::kSilent), 1u);
  EXPECT_TRUE(silent.front().closed());
}

TEST_F(NbdLimits, ACrowdThatSpeaksIsServedWhole) {
  ServerOptions options;
  options.handshakes_max = 4;
  start(options);
  std::vector<NbdClient> crowd;
  for (int i = 0; i < 60; i++)
    crowd.emplace_back(path_);
  for (NbdClient& client : crowd) {
    client.greet();
    EXPECT_EQ(go(client), kRepAck);
    EXPECT_EQ(value_at(client, 0), 0);
  }
}

TEST_F(NbdLimits, AFullServerSaysSoAndHasRoomLater) {
  ServerOptions options;
  options.sessions_max = 2;
  start(options);
  auto first = attached(false);
  auto client = greeted();
  {
    auto second = attached(false);
    EXPECT_EQ(go(client), kRepErrPolicy);
    EXPECT_EQ(client.outcome(kOptInfo, go_body(name())), kRepAck);
    EXPECT_EQ(count(TurnedAway::kFull), 1u);
  }
  until([&] { return go(client) == kRepAck; });
  EXPECT_EQ(value_at(client, 0), 0);
  EXPECT_EQ(value_at(first, 0), 0);
}

TEST_F(NbdLimits, WithoutDescriptorsNewcomersWaitAndNothingSpins) {
  NEEDS_NO_DESCRIPTORS();
  auto there = attached(false);
  const UniqueFd spare(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(path_.begin(), path_.end(), address.sun_path);
  {
    const NoDescriptors none;
    ASSERT_EQ(::connect(spare.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address),
              0);
    until([&] { return count(TurnedAway::kAccept) >= 3; });
    const uint64_t before = count(TurnedAway::kAccept);
    for (uint8_t i = 1; i <= 100; i++) {
      EXPECT_EQ(write_reply(there, 0, i).number, 0u);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    // It tries ten times a second, and not as often as it can.
    EXPECT_LE(count(TurnedAway::kAccept) - before, 100u);
  }
  uint8_t greeting[18];
  EXPECT_EQ(::recv(spare.get(), greeting, sizeof greeting, MSG_WAITALL), 18);
  auto later = attached(false);
  EXPECT_EQ(value_at(later, 0), 100);
}

TEST_F(NbdLimits, WithoutThreadsNewcomersAreClosedAndOthersServed) {
  auto there = attached(false);
  {
    const NoThreads none;
    auto client = greeted();
    EXPECT_EQ(go(client), 0u);
    EXPECT_EQ(count(TurnedAway::kNoThread), 1u);
    EXPECT_EQ(write_reply(there, 0, 7).number, 0u);
  }
  auto client = greeted();
  EXPECT_EQ(go(client), kRepAck);
  EXPECT_EQ(value_at(client, 0), 7);
}

// The head of a write of 4 MiB and half of its payload, or all.
Wire large_write(uint8_t value, bool whole) {
  constexpr uint32_t kBytes = 4 << 20;
  Wire wire = request_bytes(kCmdWrite, 0, kBytes);
  wire.resize(wire.size() + (whole ? kBytes : kBytes / 2), value);
  return wire;
}

TEST_F(NbdLimits, PayloadsShareTheirMemoryInOrder) {
  ServerOptions options;
  options.payload_bytes_max = 6 << 20;
  start(options);
  auto first = attached(false);
  ASSERT_TRUE(first.send(large_write(1, false)));
  auto second = attached(false);
  std::thread sends([&] { EXPECT_TRUE(second.send(large_write(2, true))); });
  auto small = attached(false);
  for (uint8_t i = 1; i <= 100; i++)
    EXPECT_EQ(write_reply(small, 8 << 20, i).number, 0u);
  EXPECT_FALSE(second.has_answer());
  ASSERT_TRUE(first.send(Wire(2 << 20, 1)));
  EXPECT_EQ(first.reply().number, 0u);
  EXPECT_EQ(second.reply().number, 0u);
  sends.join();
  EXPECT_EQ(value_at(small, 0), 2);
}

TEST_F(NbdLimits, APayloadThatStopsGivesItsMemoryBack) {
  ServerOptions options;
  options.payload_bytes_max = 6 << 20;
  options.payload_stall = std::chrono::milliseconds(100);
  start(options);
  auto stops = attached(false);
  ASSERT_TRUE(stops.send(large_write(1, false)));
  auto client = attached(false);
  ASSERT_TRUE(client.send(large_write(2, true)));
  EXPECT_EQ(client.reply().number, 0u);
  EXPECT_TRUE(stops.closed());
  EXPECT_EQ(value_at(client, 0), 2);
}

// A host that hangs with answers unread and half a payload sent, and one that wants that memory.
class NbdHung : public NbdLimits, public testing::WithParamInterface<int> {};

TEST_P(NbdHung, GivesItsMemoryBack) {
  ServerOptions options;
  options.payload_bytes_max = 6 << 20;
  options.payload_stall = std::chrono::milliseconds(100);
  start(options);
  auto hung = attached(false);
  ASSERT_TRUE(hung.send(large_write(9, true)));
  ASSERT_EQ(hung.reply().number, 0u);
  Wire all;
  for (int i = 0; i < GetParam(); i++) {
    const Wire read = request_bytes(kCmdRead, 0, 1 << 20);
    all.insert(all.end(), read.begin(), read.end());
  }
  const Wire half = large_write(1, false);
  all.insert(all.end(), half.begin(), half.end());
  std::thread sends([&] { (void)hung.send(all); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  auto client = attached(false);
  ASSERT_TRUE(client.send(large_write(2, true)));
  EXPECT_EQ(client.reply().number, 0u);
  server_.reset();
  sends.join();
}

// More than a socket's buffer holds; more than a session keeps before it stops to read.
INSTANTIATE_TEST_SUITE_P(MiBUnread, NbdHung, testing::Values(6, 20));

TEST_F(NbdLimits, AWriteBeforeAGoodbyeIsDoneWhenThereIsMemory) {
  ServerOptions options;
  options.payload_bytes_max = 6 << 20;
  start(options);
  auto first = attached(false);
  ASSERT_TRUE(first.send(large_write(1, false)));
  auto third = attached(false);
  std::thread sends([&] { EXPECT_TRUE(third.send(large_write(3, true))); });
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // it is first in the queue
  {
    constexpr uint32_t kBytes = (1 << 20) + 4096;
    auto leaves = attached(false);
    ASSERT_TRUE(leaves.hold_in_socket(4 << 20)) << "needs CAP_NET_ADMIN";
    Wire all = request_bytes(kCmdWrite, 8 << 20, kBytes);
    all.resize(all.size() + kBytes, 5);
    const Wire disc = request_bytes(kCmdDisc, 0, 0);
    all.insert(all.end(), disc.begin(), disc.end());
    ASSERT_TRUE(leaves.send(all));
  }
  std::this_thread::sleep_for(std::chrono::milliseconds(50));  // it is seen to have gone
  ASSERT_TRUE(first.send(Wire(2 << 20, 1)));
  EXPECT_EQ(first.reply().number, 0u);
  EXPECT_EQ(third.reply().number, 0u);
  sends.join();
  auto look = attached(false);
  for (int tries = 0; tries < 1000 && value_at(look, 8 << 20) != 5; tries++)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  EXPECT_EQ(value_at(look, 8 << 20), 5);
}

TEST_F(NbdLimits, OneThatWasFullRestsToo) {
  NEEDS_NO_DESCRIPTORS();
  ServerOptions options;
  options.handshakes_max = 2;
  options.silence = std::chrono::seconds(60);
  start(options);
  std::vector<NbdClient> clients;
  for (int i = 0; i < 3; i++)
    clients.emplace_back(path_);
  for (NbdClient& client : clients) {
    client.greet();
    ASSERT_EQ(go(client), kRepAck);
  }
  const UniqueFd spare(::socket(AF_UNIX, SOCK_STREAM, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::copy(path_.begin(), path_.end(), address.sun_path);
  const NoDescriptors none;
  ASSERT_EQ(::connect(spare.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  until([&] { return count(TurnedAway::kAccept) >= 2; });
  const uint64_t before = count(TurnedAway::kAccept);
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  EXPECT_LE(count(TurnedAway::kAccept) - before, 100u);
}

TEST_F(NbdLimits, WhatFailsWithoutTheHostsFaultIsCounted) {
  auto client = attached(false);
  EXPECT_EQ(client.call(kCmdRead, kSize, 4096).number, uint32_t(NBD_EINVAL));
  EXPECT_TRUE(server_->failures().rows().empty());
  ASSERT_EQ(write_reply(client, 0, 0xa7).number, 0u);
  const std::vector<uint8_t> block(4096, 0xa7);
  const auto at = std::search(disk_.bytes.begin(), disk_.bytes.end(), block.begin(), block.end());
  ASSERT_NE(at, disk_.bytes.end());
  *at ^= 1;
  for (int i = 0; i < 3; i++)
    EXPECT_EQ(client.call(kCmdRead, 0, 4096).number, uint32_t(NBD_EIO));
  const auto rows = server_->failures().rows();
  ASSERT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].export_name, name());
  EXPECT_EQ(rows[0].count, 3u);
}

TEST_F(NbdLimits, AServerNeedsAThread) {
  const NoThreads none;
  ServerOptions options;
  options.unix_path = path_ + "2";
  const auto started = Server::start(*world_.volumes, options);
  ASSERT_FALSE(started);
  EXPECT_EQ(started.error().code, Code::kQuotaExceeded);
}

}  // namespace
}  // namespace ashlar::test
