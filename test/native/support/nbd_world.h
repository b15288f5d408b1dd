// An NBD server on a real socket over a real pool (on a SimDevice), with one 40 MiB volume attached
// read-write and read-only.
#pragma once

#include "nbd/server.h"
#include "support/nbd_client.h"
#include "support/pool_world.h"

namespace ashlar::test {

class NbdWorld : public testing::Test {
 protected:
  static constexpr uint64_t kSize = 40 << 20;

  void SetUp() override {
    ASSERT_OK(world_.open([](SimDevice& device) { device.write_through(); }));
    CreateVolume order;
    order.id = test_id(1);
    order.bytes = kSize;
    ASSERT_OK(world_.volumes->create(order));
    ASSERT_OK(world_.volumes->attach(test_id(2), order.id, "host", false));
    ASSERT_OK(world_.volumes->attach(test_id(3), order.id, "host", true));
    start({});
  }
  void start(nbd::ServerOptions options) {
    server_.reset();
    options.unix_path = testing::TempDir() + "nbd-" + std::to_string(::getpid()) + ".sock";
    path_ = options.unix_path;
    auto started = nbd::Server::start(*world_.volumes, options);
    ASSERT_OK(started);
    server_ = *std::move(started);
  }
  void TearDown() override { server_.reset(); }

  std::string name() const { return to_string(test_id(2)); }
  std::string read_only_name() const { return to_string(test_id(3)); }

  // In transmission.
  NbdClient attached(bool structured, const std::string& export_name = "") {
    const std::string target = export_name.empty() ? name() : export_name;
    NbdClient client(path_);
    client.greet();
    if (structured) {
      EXPECT_EQ(client.outcome(nbd::kOptStructuredReply), nbd::kRepAck);
      EXPECT_EQ(client.outcome(nbd::kOptSetMetaContext, meta_body(target, {"base:allocation"})),
                nbd::kRepAck);
    }
    EXPECT_EQ(client.outcome(nbd::kOptGo, go_body(target)), nbd::kRepAck);
    return client;
  }

  static NbdClient::Reply write_reply(NbdClient& client, uint64_t offset, uint8_t value) {
    client.send(write_bytes_of(offset, value));
    return client.reply();
  }
  // One block of this value.
  static Wire write_bytes_of(uint64_t offset, uint8_t value, uint64_t cookie = 42) {
    Wire wire = request_bytes(nbd::kCmdWrite, offset, 4096, 0, cookie);
    wire.resize(wire.size() + 4096, value);
    return wire;
  }
  static int value_at(NbdClient& client, uint64_t offset) {
    const auto reply = client.call(nbd::kCmdRead, offset, 4096);
    return reply.number == 0 ? reply.data[0] : -1;
  }
  template <typename Condition>
  static void until(Condition holds) {
    while (!holds())
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }

  SimDisk disk_;
  PoolWorld world_{disk_, 1, 256ull << 20};
  std::unique_ptr<nbd::Server> server_;
  std::string path_;
};

}  // namespace ashlar::test
