// A pool that grows: beside writers, past the levels of its bitmap's tree, to what a file system
// can give, and with the power gone before every operation of it. What is in the pool stays, the
// room is there to be used, and after a crash the capacity is the old one or the new.
#include <atomic>
#include <thread>

#include "support/pool_world.h"

namespace ashlar::test {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kSmall = 16 * kMiB;

class PoolGrowth : public testing::Test {
 protected:
  const Id volume_ = test_id(1);

  static std::vector<uint8_t> bytes_of(uint64_t number) {
    return std::vector<uint8_t>(kMiB, uint8_t(0x40 + number % 61));
  }
  static uint64_t capacity_of(PoolWorld& world) {
    return world.pool->space().capacity_blocks() * kBlockBytes;
  }
  void create(PoolWorld& world) {
    CreateVolume order;
    order.id = volume_;
    order.bytes = 1ull << 30;
    ASSERT_OK(world.volumes->create(order));
  }
  // MiB after MiB until the pool is full, or `most` are there; how many the volume holds then.
  uint64_t fill(PoolWorld& world, uint64_t held, uint64_t most) {
    while (held < most) {
      const auto written = world.write(volume_, held * kMiB, bytes_of(held));
      if (!written) {
        EXPECT_EQ(written.error().code, Code::kNoSpace) << written.error().message;
        return held;
      }
      held++;
    }
    return held;
  }
  void expect_held(PoolWorld& world, uint64_t held) {
    for (uint64_t at = 0; at < held; at++) {
      const auto got = world.read(volume_, at * kMiB, kMiB);
      ASSERT_OK(got);
      ASSERT_TRUE(*got == bytes_of(at)) << "MiB " << at << " of " << held;
    }
  }
  void expect_sound(PoolWorld& world) {
    const auto report = world.pool->check(false);
    ASSERT_OK(report);
    for (const std::string& problem : report->problems)
      ADD_FAILURE() << problem;
  }
  static Result<void> flush(PoolWorld& world) { return world.pool->sync(); }
};

// 128 MiB have one page of bitmap and no page above it.
TEST_F(PoolGrowth, AFullPoolTakesWritesAgain) {
  SimDisk disk;
  PoolWorld world(disk, 1, kSmall, 1 << 30);
  ASSERT_OK(world.open());
  create(world);
  const uint64_t before = fill(world, 0, 1000);
  EXPECT_LT(before, 16u);
  uint64_t held = before;
  for (const uint64_t mib : {64, 160}) {
    ASSERT_OK(world.pool->grow_capacity(mib * kMiB));
    EXPECT_EQ(capacity_of(world), mib * kMiB);
    held = fill(world, held, 1000);
    // All of what came, but for the reserve and the pages of the map.
    EXPECT_GE(held, before + (mib - 16) * 19 / 20);
    EXPECT_LT(held, mib);
    expect_held(world, held);
    expect_sound(world);
    ASSERT_OK(flush(world));
    ASSERT_OK(world.open());  // as a kill leaves it
    EXPECT_EQ(capacity_of(world), mib * kMiB);
    expect_held(world, held);
    expect_sound(world);
  }
  // What a full pool must still be able to do.
  ASSERT_OK((*world.volume(volume_))->erase({0, held / 2 * kMiB}, Erase::kHole));
  ASSERT_OK(world.pool->checkpoint());
  for (uint64_t at = 0; at < held / 4; at++)
    ASSERT_OK(world.write(volume_, at * kMiB, bytes_of(at)));
  expect_sound(world);
}

// It has a page at 16 MiB, one above its pages at 200 MiB, and a third level from 32 GiB on.
TEST_F(PoolGrowth, TheBitmapsTreeBecomesHigher) {
  SimDisk disk;
  PoolWorld world(disk, 1, kSmall, 64 * kMiB);
  ASSERT_OK(world.open());
  create(world);
  uint64_t held = fill(world, 0, 4);
  for (const uint64_t capacity : {200ull << 20, 33ull << 30}) {
    ASSERT_OK(world.pool->grow_capacity(capacity));
    held = fill(world, held, held + 8);
    ASSERT_OK(world.pool->checkpoint());
    ASSERT_OK(world.open());
    EXPECT_EQ(capacity_of(world), capacity);
    expect_held(world, held);
  }
  expect_sound(world);
  // What the file system has is what there is, however large a step the capacity asks for.
  held = fill(world, held, 1000);
  EXPECT_GE(held, 55u);
  expect_held(world, held);
}

TEST_F(PoolGrowth, NeverSmallerNorTooLarge) {
  SimDisk disk;
  PoolWorld world(disk, 1, 64 * kMiB);
  ASSERT_OK(world.open());
  const uint64_t generation = world.pool->checkpoint_generation();
  EXPECT_TRUE(fails_with(world.pool->grow_capacity(63 * kMiB), Code::kFailedPrecondition,
                         "67108864 bytes cannot get a capacity of 66060288"));
  EXPECT_TRUE(fails_with(world.pool->grow_capacity(1ull << 60), Code::kInvalidArgument, "4 PiB"));
  ASSERT_OK(world.pool->grow_capacity(64 * kMiB + 5));  // not a block more
  ASSERT_OK(world.pool->grow_capacity(0));              // what a file may have it has
  EXPECT_EQ(capacity_of(world), 64 * kMiB);
  EXPECT_EQ(world.pool->checkpoint_generation(), generation);  // nothing was to be done
  world.device->fail_syncs(true);
  EXPECT_FALSE(world.pool->grow_capacity(128 * kMiB));
  EXPECT_EQ(capacity_of(world), 64 * kMiB);
  EXPECT_TRUE(fails_with(world.pool->grow_capacity(128 * kMiB), Code::kPoolReadOnly, "read-only"));
}

// A pool that is full grows, and is filled beyond its old end, while the power goes before one
// operation after another.
TEST_F(PoolGrowth, ACrashAtEachStepLeavesOneOrTheOther) {
  SimDisk full;
  uint64_t before = 0;
  {
    PoolWorld world(full, 1, kSmall, 1 << 30);
    ASSERT_OK(world.open());
    create(world);
    before = fill(world, 0, 1000);
    ASSERT_OK(world.pool->close());
  }
  constexpr uint64_t kGrown = 160 * kMiB;
  uint64_t old_ones = 0, new_ones = 0;
  for (uint64_t at = 0;; at++) {
    SCOPED_TRACE("power cut at operation " + std::to_string(at));
    SimDisk disk = full;
    PoolWorld world(disk, 100 + at, kSmall, 1 << 30);
    ASSERT_OK(world.open());
    world.device->crash_at(at);
    const bool grown = world.pool->grow_capacity(kGrown).ok();
    uint64_t written = before, flushed = before;
    for (int turn = 0; turn < 2 && grown; turn++) {
      while (written < before + 4 * (turn + 1) &&
             world.write(volume_, written * kMiB, bytes_of(written)))
        written++;
      if (flush(world)) flushed = written;
    }
    const bool finished = !world.device->crashed();
    if (!finished) world.device->power_cycle();
    ASSERT_OK(world.open());
    const uint64_t capacity = capacity_of(world);
    ASSERT_TRUE(capacity == kGrown || (!grown && capacity == kSmall)) << capacity;
    (capacity == kGrown ? new_ones : old_ones)++;
    expect_held(world, flushed);
    expect_sound(world);
    // It goes on from either.
    ASSERT_OK(world.pool->grow_capacity(kGrown));
    ASSERT_GE(fill(world, flushed, before + 8), before + 8);
    expect_sound(world);
    if (HasFailure() || finished) break;
  }
  EXPECT_GE(old_ones, 3u);  // its pages, their sync, the superblock
  EXPECT_GE(new_ones, 3u);
}

// With the pool's own threads: writers meet the wall again and again, and each time it is moved.
TEST_F(PoolGrowth, BesideWriters) {
  constexpr uint64_t kWriters = 4, kBlocks = 5000;
  SimDisk disk;
  auto device = std::make_unique<SimDevice>(disk, 1, 1 << 30);
  device->write_through();
  PoolOptions options;
  options.capacity_bytes = kSmall;
  options.page_cache_bytes = kMiB;
  auto opened = Pool::open(std::move(device), true, "growing", options);
  ASSERT_OK(opened);
  auto volumes = std::make_unique<Volumes>(**opened);
  std::atomic<uint64_t> refused{0}, done{0};
  std::vector<std::thread> writers;
  std::vector<std::shared_ptr<VolumeIo>> exports;
  for (uint64_t writer = 1; writer <= kWriters; writer++) {
    CreateVolume order;
    order.id = test_id(writer);
    order.bytes = 1 << 30;
    ASSERT_OK(volumes->create(order));
    ASSERT_OK(volumes->attach(test_id(100 + writer), order.id, "host", false));
    exports.push_back(volumes->find_export(to_string(test_id(100 + writer)))->volume);
  }
  const auto block_of = [](uint64_t writer, uint64_t block) {
    return std::vector<uint8_t>(kBlockBytes, uint8_t(1 + writer * 50 + block % 47));
  };
  for (uint64_t writer = 0; writer < kWriters; writer++) {
    writers.emplace_back([&, writer, io = exports[writer]] {
      for (uint64_t block = 0; block < kBlocks;) {
        const auto data = block_of(writer, block);
        WriteRequest request;
        request.offset = block * kBlockBytes;
        request.data = data;
        io->write(std::span(&request, 1));
        if (!request.failed) {
          block++;
          continue;
        }
        if (request.error.code != Code::kNoSpace) {
          ADD_FAILURE() << request.error.message;
          break;
        }
        refused++;
        std::this_thread::yield();
      }
      done++;
    });
  }
  uint64_t capacity = kSmall;
  for (uint64_t met = 0; done < kWriters;) {
    if (refused == met) {
      std::this_thread::yield();
      continue;
    }
    met = refused;
    capacity += 6 * kMiB;
    EXPECT_OK((*opened)->grow_capacity(capacity));
  }
  for (std::thread& writer : writers)
    writer.join();
  EXPECT_GT(refused, 3u);
  for (uint64_t writer = 0; writer < kWriters; writer++) {
    for (uint64_t block = 0; block < kBlocks; block++) {
      std::vector<uint8_t> data(kBlockBytes);
      ReadRequest request;
      request.offset = block * kBlockBytes;
      request.into = data;
      exports[writer]->read(std::span(&request, 1), Wait::kAllowed);
      ASSERT_EQ(request.outcome, ReadRequest::Outcome::kDone) << request.error.message;
      ASSERT_TRUE(data == block_of(writer, block)) << block << " of " << writer;
    }
  }
  exports.clear();
  volumes.reset();
  ASSERT_OK((*opened)->close());
  opened->reset();
  options.background = false;
  auto again = Pool::open(std::make_unique<SimDevice>(disk, 2, 1 << 30), false, "grown", options);
  ASSERT_OK(again);
  EXPECT_EQ((*again)->space().capacity_blocks() * kBlockBytes, capacity);
  const auto report = (*again)->check(false);
  ASSERT_OK(report);
  for (const std::string& problem : report->problems)
    ADD_FAILURE() << problem;
}

}  // namespace
}  // namespace ashlar::test
