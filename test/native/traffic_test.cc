// What an operator's metrics count: each request once, under its operation and volume, by the time
// its answer can be read.
#include "support/nbd_world.h"

namespace ashlar::test {
namespace {

TEST(Durations, FallIntoBucketsOfPowersOfTwo) {
  Durations durations;
  durations.add(0);
  durations.add(3'999);
  durations.add(4'000);
  durations.add(7'999, 5);
  durations.add(8'000);
  durations.add(3'600'000'000'000);
  const Durations::Reading reading = durations.read();
  EXPECT_EQ(reading.buckets[0], 2u);
  EXPECT_EQ(reading.buckets[1], 6u);
  EXPECT_EQ(reading.buckets[2], 1u);
  EXPECT_EQ(reading.buckets[Durations::kBounds], 1u);
  EXPECT_EQ(reading.count(), 10u);
  EXPECT_EQ(reading.sum_ns, 3'999u + 4'000 + 5 * 7'999 + 8'000 + 3'600'000'000'000);
}

// bucket_of() and bound_ns() are two sides of one rule.
TEST(Durations, EveryBoundIsTheFirstThatIsTooLong) {
  for (size_t bucket = 0; bucket < Durations::kBounds; bucket++) {
    Durations durations;
    durations.add(Durations::bound_ns(bucket) - 1);
    durations.add(Durations::bound_ns(bucket));
    EXPECT_EQ(durations.read().buckets[bucket], 1u) << bucket;
    EXPECT_EQ(durations.read().buckets[bucket + 1], 1u) << bucket;
  }
}

class TrafficTest : public NbdWorld {
 protected:
  // Of the world's only volume.
  Traffic& traffic() { return world_.volumes->used_volumes().at(0).volume->traffic(); }
  uint64_t requests(Operation operation) { return traffic().read(operation).durations.count(); }
  uint64_t bytes(Operation operation) { return traffic().read(operation).bytes; }
  uint64_t failed(Operation operation) { return traffic().read(operation).failed; }
  void until_idle() {
    until([&] { return traffic().queue_depth() == 0; });
  }
};

TEST_F(TrafficTest, NothingIsCountedOfAVolumeThatNobodyUses) {
  EXPECT_TRUE(world_.volumes->used_volumes().empty());
}

TEST_F(TrafficTest, EveryOperationIsCountedUnderItsName) {
  NbdClient client = attached(true);
  EXPECT_EQ(write_reply(client, 0, 7).number, 0u);
  EXPECT_EQ(write_reply(client, 8192, 7).number, 0u);
  EXPECT_EQ(value_at(client, 0), 7);
  EXPECT_EQ(client.call(nbd::kCmdTrim, 0, 65536).number, 0u);
  EXPECT_EQ(client.call(nbd::kCmdWriteZeroes, 65536, 12288).number, 0u);
  EXPECT_EQ(client.call(nbd::kCmdFlush, 0, 0).number, 0u);
  EXPECT_EQ(client.call(nbd::kCmdCache, 0, 4096).number, 0u);
  EXPECT_EQ(requests(Operation::kWrite), 2u);
  EXPECT_EQ(bytes(Operation::kWrite), 8192u);
  EXPECT_EQ(requests(Operation::kRead), 1u);
  EXPECT_EQ(bytes(Operation::kRead), 4096u);
  EXPECT_EQ(requests(Operation::kTrim), 1u);
  EXPECT_EQ(bytes(Operation::kTrim), 65536u);
  EXPECT_EQ(requests(Operation::kZero), 1u);
  EXPECT_EQ(bytes(Operation::kZero), 12288u);
  EXPECT_EQ(requests(Operation::kFlush), 1u);
  EXPECT_EQ(bytes(Operation::kFlush), 0u);
  EXPECT_EQ(requests(Operation::kOther), 1u);
  EXPECT_GT(traffic().read(Operation::kFlush).durations.sum_ns, 0u);
  EXPECT_EQ(traffic().queue_depth(), 0u);
}

TEST_F(TrafficTest, ABatchIsCountedRequestByRequest) {
  NbdClient client = attached(false);
  Wire wire;
  constexpr size_t kWrites = 100;
  for (size_t i = 0; i < kWrites; i++) {
    const Wire one = write_bytes_of(i * 4096, uint8_t(i), i);
    wire.insert(wire.end(), one.begin(), one.end());
  }
  ASSERT_TRUE(client.send(wire));
  for (size_t i = 0; i < kWrites; i++)
    EXPECT_EQ(client.reply().number, 0u);
  EXPECT_EQ(requests(Operation::kWrite), kWrites);
  EXPECT_EQ(bytes(Operation::kWrite), kWrites * 4096);
  EXPECT_EQ(traffic().queue_depth(), 0u);
}

TEST_F(TrafficTest, WhatAHostAskedWronglyIsARequestAndNoFailure) {
  NbdClient client = attached(true, read_only_name());
  EXPECT_EQ(write_reply(client, 0, 7).number, uint32_t(nbd::NBD_EPERM));
  EXPECT_EQ(client.call(nbd::kCmdRead, kSize, 4096).number, uint32_t(nbd::NBD_EINVAL));
  EXPECT_EQ(requests(Operation::kWrite), 1u);
  EXPECT_EQ(requests(Operation::kRead), 1u);
  EXPECT_EQ(bytes(Operation::kWrite) + bytes(Operation::kRead), 0u);
  EXPECT_EQ(failed(Operation::kWrite) + failed(Operation::kRead), 0u);
}

TEST_F(TrafficTest, DamageIsAFailure) {
  NbdClient client = attached(false);
  ASSERT_EQ(write_reply(client, 0, 0xa7).number, 0u);
  const std::vector<uint8_t> block(4096, 0xa7);
  const auto at = std::search(disk_.bytes.begin(), disk_.bytes.end(), block.begin(), block.end());
  ASSERT_NE(at, disk_.bytes.end());
  *at ^= 1;
  EXPECT_EQ(value_at(client, 0), -1);
  EXPECT_EQ(requests(Operation::kRead), 1u);
  EXPECT_EQ(failed(Operation::kRead), 1u);
  EXPECT_EQ(bytes(Operation::kRead), 0u);
}

// Answered in pieces of 8 MiB, and one request all the same.
TEST_F(TrafficTest, AReadInPiecesIsOneRequest) {
  NbdClient client = attached(true);
  constexpr uint32_t kBytes = 36 << 20;
  EXPECT_EQ(client.call(nbd::kCmdRead, 0, kBytes).number, 0u);
  EXPECT_EQ(requests(Operation::kRead), 1u);
  EXPECT_EQ(bytes(Operation::kRead), kBytes);
}

TEST_F(TrafficTest, ConnectionsOfOneVolumeAreCountedTogether) {
  NbdClient one = attached(false);
  NbdClient other = attached(true, read_only_name());
  EXPECT_EQ(write_reply(one, 0, 7).number, 0u);
  EXPECT_EQ(value_at(other, 0), 7);
  EXPECT_EQ(world_.volumes->used_volumes().size(), 1u);
  EXPECT_EQ(requests(Operation::kWrite), 1u);
  EXPECT_EQ(requests(Operation::kRead), 1u);
  EXPECT_EQ(server_->connections(), 2u);
}

// What its connection leaves behind does not stay in the queue for ever.
TEST_F(TrafficTest, AHostThatGoesAwayLeavesNoDepth) {
  {
    NbdClient client = attached(false);
    Wire wire;
    for (uint64_t i = 0; i < 200; i++) {
      const Wire one = request_bytes(i % 2 ? nbd::kCmdFlush : nbd::kCmdRead, 0, i % 2 ? 0 : 65536);
      wire.insert(wire.end(), one.begin(), one.end());
    }
    ASSERT_TRUE(client.send(wire));
    EXPECT_EQ(client.receive(16).size(), 16u);
  }
  until([&] { return server_->connections() == 0; });
  EXPECT_EQ(traffic().queue_depth(), 0u);
}

TEST_F(TrafficTest, ADeletedVolumeIsNotCountedAnyMore) {
  { EXPECT_EQ(value_at(*std::make_unique<NbdClient>(attached(false)), 0), 0); }
  for (const Id& attachment : {test_id(2), test_id(3)}) {
    ASSERT_OK(world_.volumes->begin_detach(attachment));
    server_->close_export(to_string(attachment), std::chrono::milliseconds(0));
    ASSERT_OK(world_.volumes->finish_detach(attachment));
  }
  ASSERT_OK(world_.volumes->remove(test_id(1)));
  EXPECT_TRUE(world_.volumes->used_volumes().empty());
}

TEST_F(TrafficTest, CommitsAndCheckpointsAreTimed) {
  Pool& pool = world_.volumes->pool();
  const uint64_t commits = pool.journal().commit_times().read().count();
  const uint64_t checkpoints = pool.checkpoint_times().read().count();
  NbdClient client = attached(false);
  EXPECT_EQ(write_reply(client, 0, 7).number, 0u);
  EXPECT_EQ(client.call(nbd::kCmdFlush, 0, 0).number, 0u);
  EXPECT_GT(pool.journal().commit_times().read().count(), commits);
  ASSERT_OK(pool.checkpoint());
  EXPECT_EQ(pool.checkpoint_times().read().count(), checkpoints + 1);
}

TEST_F(TrafficTest, PagesAreFoundInTheCacheOrNot) {
  NbdClient client = attached(false);
  EXPECT_EQ(write_reply(client, 0, 7).number, 0u);
  const PageCache::Use before = world_.volumes->pool().pages().use();
  EXPECT_EQ(value_at(client, 0), 7);
  const PageCache::Use after = world_.volumes->pool().pages().use();
  EXPECT_GT(after.hits, before.hits);
  EXPECT_EQ(after.misses, before.misses);
  EXPECT_GT(after.bytes, world_.volumes->pool().pages().dirty_bytes());
}

}  // namespace
}  // namespace ashlar::test
