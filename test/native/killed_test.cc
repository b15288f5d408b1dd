// The process dies, the machine goes on: all that was acknowledged is there afterwards, flushed or
// not (I1). Two connections write at once; the device stops before each of its operations in turn,
// so also between what the one and what the other hands over.
#include <thread>

#include "support/pool_world.h"

namespace ashlar::test {
namespace {

constexpr uint64_t kConnections = 2;
constexpr uint64_t kBlocks = 8;
constexpr uint64_t kWrites = 40;

class Killed : public testing::Test {
 protected:
  Result<void> open() {
    return world_.open([](SimDevice& device) { device.write_through(); });
  }
  void kill() {
    world_.volumes.reset();
    world_.pool.reset();
  }
  static Id volume(uint64_t connection) { return test_id(10 + connection); }

  void make_volumes() {
    ASSERT_OK(open());
    for (uint64_t i = 0; i < kConnections; i++) {
      CreateVolume order;
      order.id = volume(i);
      order.bytes = 1 << 20;
      ASSERT_OK(world_.volumes->create(order));
      ASSERT_OK(world_.volume(order.id));  // attached
    }
    ASSERT_OK(world_.pool->checkpoint());
    kill();
  }

  // Writes 1, 2, 3 … to the blocks in turn until one is not acknowledged; now and then a trim. Per
  // block what was acknowledged last, and what may have come after it.
  struct Written {
    std::array<uint8_t, kBlocks> acknowledged{};
    std::optional<std::pair<uint64_t, uint8_t>> unanswered;
  };
  static Written run_connection(VolumeIo& io) {
    Written done;
    for (uint64_t i = 0; i < kWrites; i++) {
      const uint64_t block = i * 3 % kBlocks;
      const bool trim = i % 7 == 6;
      const uint8_t value = trim ? 0 : uint8_t(i + 1);
      done.unanswered = {block, value};
      if (trim) {
        if (!io.erase({block * kBlockBytes, kBlockBytes}, Erase::kHole)) return done;
      } else {
        const std::vector<uint8_t> data(kBlockBytes, value);
        WriteRequest request;
        request.offset = block * kBlockBytes;
        request.data = data;
        io.write(std::span(&request, 1));
        if (request.failed) return done;
      }
      done.acknowledged[block] = value;
    }
    done.unanswered.reset();
    return done;
  }

  SimDisk disk_;
  PoolWorld world_{disk_, 1, 16 << 20};
};

TEST_F(Killed, WhatWasAcknowledgedIsThere) {
  make_volumes();
  const std::vector<uint8_t> ready = disk_.bytes;
  bool struck = true;
  uint64_t kills = 0;
  for (uint64_t at = 0; struck; at++, kills++) {
    disk_.bytes = ready;
    ASSERT_OK(open());
    std::array<Written, kConnections> written;
    std::vector<std::shared_ptr<VolumeIo>> volumes;
    for (uint64_t i = 0; i < kConnections; i++)
      volumes.push_back(*world_.volume(volume(i)));
    world_.device->crash_at(at);
    std::vector<std::thread> connections;
    for (uint64_t i = 0; i < kConnections; i++)
      connections.emplace_back([&, i] { written[i] = run_connection(*volumes[i]); });
    for (std::thread& connection : connections)
      connection.join();
    volumes.clear();
    struck = world_.device->crashed();
    kill();
    ASSERT_OK(open());
    const auto report = world_.pool->check(false);
    ASSERT_OK(report);
    EXPECT_TRUE(report->problems.empty()) << report->problems[0];
    for (uint64_t i = 0; i < kConnections; i++) {
      const auto got = world_.read(volume(i), 0, kBlocks * kBlockBytes);
      ASSERT_OK(got);
      for (uint64_t block = 0; block < kBlocks; block++) {
        const uint8_t value = (*got)[block * kBlockBytes];
        const auto& last = written[i].unanswered;
        const bool late = last && last->first == block && last->second == value;
        ASSERT_TRUE(value == written[i].acknowledged[block] || late)
            << "killed at operation " << at << ": connection " << i << ", block " << block
            << " has " << int(value) << ", acknowledged was "
            << int(written[i].acknowledged[block]);
      }
    }
    kill();
  }
  std::printf("killed at %llu operations\n", (unsigned long long)kills);
}

// On a file the ring is mapped and grows in place.
TEST_F(Killed, OnAFile) {
  char folder[] = "/tmp/ashlar-killed-XXXXXX";
  ASSERT_NE(::mkdtemp(folder), nullptr);
  const std::string path = std::string(folder) + "/pool";
  const auto open_file = [&](std::unique_ptr<Pool>* pool) -> Result<void> {
    auto file = TRY(open_file_device(path, IfAbsent::kCreate));
    PoolOptions options;
    options.capacity_bytes = 16 << 20;
    options.background = false;
    *pool = TRY(Pool::open(std::move(file.device), file.created, path, options));
    return {};
  };
  ASSERT_OK(open_file(&world_.pool));
  world_.volumes = std::make_unique<Volumes>(*world_.pool);
  CreateVolume order;
  order.id = volume(0);
  order.bytes = 1 << 20;
  ASSERT_OK(world_.volumes->create(order));
  for (uint64_t life = 0; life < 5; life++) {
    const Written written = run_connection(**world_.volume(volume(0)));
    ASSERT_FALSE(written.unanswered);
    kill();
    ASSERT_OK(open_file(&world_.pool));
    world_.volumes = std::make_unique<Volumes>(*world_.pool);
    const auto got = world_.read(volume(0), 0, kBlocks * kBlockBytes);
    ASSERT_OK(got);
    for (uint64_t block = 0; block < kBlocks; block++)
      ASSERT_EQ((*got)[block * kBlockBytes], written.acknowledged[block]) << block;
  }
  kill();
  ::unlink(path.c_str());
  ::rmdir(folder);
}

}  // namespace
}  // namespace ashlar::test
