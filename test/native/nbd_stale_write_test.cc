// A host that gives up on a connection sends its requests again on another: what the first one
// still holds never lands on top (nbd.md 1.3-G). And no connection outlives the right to it.
#include "nbd/write_fence.h"
#include "support/nbd_world.h"

namespace ashlar::test {
namespace {

using namespace nbd;
using namespace std::chrono_literals;

class StaleWrite : public NbdWorld {
 protected:
  // A connection whose thread stands in the middle of a write of block 0.
  NbdClient stalled() {
    NbdClient client = attached(false);
    world_.device->hold_writes(1);
    client.send(write_bytes_of(0, 1));
    until([&] { return world_.device->writes_held() == 1; });
    return client;
  }
  void start_with_pause(std::chrono::milliseconds pause) {
    ServerOptions options;
    options.pause = pause;
    start(options);
  }
  // One that the server counts.
  NbdClient in_service() {
    NbdClient client = attached(false);
    EXPECT_EQ(value_at(client, kSize - 4096), 0);
    return client;
  }
  void until_connections(size_t count) {
    until([&] { return server_->connections(name()) == count; });
  }
};

TEST_F(StaleWrite, ANewerConnectionWaitsForWhatAnOlderOneHasBegun) {
  NbdClient older = stalled();
  NbdClient newer = attached(false);
  newer.send(write_bytes_of(0, 2, 7));
  // What does not overlap is served meanwhile, before and after it.
  EXPECT_EQ(write_reply(newer, 8192, 3).number, 0u);
  EXPECT_EQ(value_at(newer, 8192), 3);
  world_.device->let_go();
  EXPECT_EQ(newer.reply().number, 0u);
  EXPECT_EQ(older.reply().number, 0u);
  EXPECT_EQ(value_at(newer, 0), 2);
}

TEST_F(StaleWrite, WhatWaitsKeepsItsOrder) {
  NbdClient older = stalled();
  NbdClient newer = attached(false);
  Wire wire = write_bytes_of(0, 2);
  for (const Wire& more : {request_bytes(kCmdTrim, 0, 4096), write_bytes_of(0, 3),
                           request_bytes(kCmdWriteZeroes, 0, 2048)}) {
    wire.insert(wire.end(), more.begin(), more.end());
    newer.send(wire);
    wire.clear();
  }
  EXPECT_EQ(value_at(newer, 4096), 0);
  world_.device->let_go();
  for (int i = 0; i < 4; i++)
    EXPECT_EQ(newer.reply().number, 0u);
  const auto reply = newer.call(kCmdRead, 0, 4096);
  EXPECT_EQ(reply.data[0], 0);
  EXPECT_EQ(reply.data[2048], 3);
}

TEST_F(StaleWrite, AnOlderConnectionDoesNotWaitForANewerOne) {
  NbdClient older = attached(false);
  NbdClient newer = stalled();
  EXPECT_EQ(write_reply(older, 0, 2).number, 0u);
  world_.device->let_go();
  EXPECT_EQ(newer.reply().number, 0u);
}

TEST_F(StaleWrite, WhatAClosedConnectionStillHeldIsDropped) {
  start_with_pause(20ms);
  {
    // One batch and the beginning of the next; its thread stands in the first.
    NbdClient older = attached(false);
    world_.device->hold_writes(1);
    Wire wire = write_bytes_of(0, 1);
    for (uint64_t i = 1; i < 256 + 20; i++) {
      const uint64_t block = i < 256 ? 100 : i - 255;
      const Wire trim = request_bytes(kCmdTrim, block * 4096, 4096);
      wire.insert(wire.end(), trim.begin(), trim.end());
    }
    older.send(wire);
    until([&] { return world_.device->writes_held() == 1; });
    std::this_thread::sleep_for(40ms);
  }
  NbdClient newer = attached(false);
  for (uint64_t block = 1; block <= 20; block++)
    ASSERT_EQ(write_reply(newer, block * 4096, 2).number, 0u);
  world_.device->let_go();
  until_connections(1);
  int old = 0;
  for (uint64_t block = 1; block <= 20; block++)
    old += value_at(newer, block * 4096) != 2;
  EXPECT_EQ(old, 0);
  EXPECT_EQ(value_at(newer, 0), 1) << "what was begun ends";
}

TEST_F(StaleWrite, WhatWaitsForAnOlderConnectionIsDroppedWhenItsOwnIsClosed) {
  start_with_pause(20ms);
  NbdClient oldest = stalled();
  {
    NbdClient older = attached(false);
    older.send(write_bytes_of(0, 2));
    EXPECT_EQ(value_at(older, 4096), 0);  // it was taken
    std::this_thread::sleep_for(40ms);
  }
  NbdClient newer = in_service();
  world_.device->let_go();
  EXPECT_EQ(oldest.reply().number, 0u);
  until_connections(2);
  EXPECT_EQ(value_at(newer, 0), 1);
}

TEST_F(StaleWrite, AHostThatSaysGoodbyeLosesNothing) {
  start_with_pause(20ms);
  {
    NbdClient older = stalled();
    for (uint64_t block = 1; block <= 20; block++)
      older.send(write_bytes_of(block * 4096, 1));
    older.send(request_bytes(kCmdDisc, 0, 0));
    std::this_thread::sleep_for(40ms);
  }
  NbdClient newer = in_service();
  world_.device->let_go();
  until_connections(1);
  for (uint64_t block = 0; block <= 20; block++)
    ASSERT_EQ(value_at(newer, block * 4096), 1) << block;
}

TEST_F(StaleWrite, AHostThatOnlyStopsSendingGetsAllItsAnswers) {
  // Over a Unix socket a hang-up tells the two apart at any age.
  for (const auto pause : {std::chrono::milliseconds(1h), 0ms}) {
    start_with_pause(pause);
    NbdClient client = stalled();
    for (uint64_t block = 1; block <= 20; block++)
      client.send(write_bytes_of(block * 4096, 1));
    client.half_close();
    std::this_thread::sleep_for(5ms);
    world_.device->let_go();
    EXPECT_EQ(client.receive_all().size(), 21 * kSimpleReplyBytes);
  }
}

TEST_F(StaleWrite, ManyConnectionsOnTheSameBlocksAllGoOn) {
  std::vector<std::thread> hosts;
  for (uint64_t host = 0; host < 6; host++) {
    hosts.emplace_back([this, host] {
      Prng prng(host);
      NbdClient client = attached(false);
      for (uint64_t round = 0; round < test_scale(100); round++) {
        Wire wire;
        for (uint64_t i = 0; i < 8; i++) {
          const Wire one = write_bytes_of(prng.below(4) * 4096, uint8_t(host));
          wire.insert(wire.end(), one.begin(), one.end());
        }
        client.send(wire);
        for (int i = 0; i < 8; i++)
          ASSERT_EQ(client.reply().number, 0u);
      }
    });
  }
  for (std::thread& host : hosts)
    host.join();
}

// Older connections that go on overlapping what a newer one wants do not keep it waiting.
TEST(WriteFences, OnlyWhatHadBegunBeforeIsWaitedFor) {
  WriteFence fence;
  const auto wake = std::make_shared<const UniqueFd>();
  const uint64_t older = fence.join();
  WriteFence::Hold first(older);
  WriteFence::Hold second(older);
  WriteFence::Hold newer(fence.join());
  for (auto* hold : {&first, &second, &newer}) {
    hold->add({8192, 4096});
    hold->add({0, 4096});
  }
  ASSERT_TRUE(fence.try_begin(first, wake));
  EXPECT_FALSE(fence.try_begin(newer, wake));
  ASSERT_TRUE(fence.try_begin(second, wake));
  fence.end(first);
  EXPECT_TRUE(fence.try_begin(newer, wake));
  fence.end(newer);
  newer.clear();
  newer.add({4096, 4096});  // between the two
  EXPECT_TRUE(fence.try_begin(newer, wake));
}

// A source of exports in which something happens between the look-up of GO and the session.
class Meanwhile final : public ExportSource {
 public:
  Meanwhile(ExportSource& exports, std::function<void()> act)
      : exports_(exports), act_(std::move(act)) {}
  Result<Export> find_export(const std::string& name) override {
    auto found = exports_.find_export(name);
    if (act_) std::exchange(act_, nullptr)();
    return found;
  }
  std::vector<std::string> list_exports() override { return exports_.list_exports(); }

 private:
  ExportSource& exports_;
  std::function<void()> act_;
};

TEST_F(StaleWrite, AnAttachmentDeletedWhileItIsBeingOpenedHasNoSession) {
  Meanwhile exports(*world_.volumes, [this] {
    ASSERT_OK(world_.volumes->begin_detach(test_id(2)));
    server_->close_export(name(), 1s);
    ASSERT_OK(world_.volumes->finish_detach(test_id(2)));
  });
  server_.reset();
  ServerOptions options;
  options.unix_path = path_;
  auto started = Server::start(exports, options);
  ASSERT_OK(started);
  server_ = *std::move(started);
  NbdClient client(path_);
  client.greet();
  (void)client.ask(kOptGo, go_body(name()));
  client.send(write_bytes_of(0, 1));
  EXPECT_EQ(client.reply().number, 0xffffffff) << "a write to a volume that was detached";
  EXPECT_EQ(server_->connections(name()), 0u);
  server_.reset();
}

}  // namespace
}  // namespace ashlar::test
