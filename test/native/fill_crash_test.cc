// A fetched run that is partly local when it arrives: its FILL record names blocks that found no
// place. They belong to the record while it is in the live journal: nobody else gets them, and
// replay finds them as it left them, whatever was written since.
#include "support/pull_world.h"

namespace ashlar::test {
namespace {

// One pool; the guest of a restored volume writes 256 KiB of what is still remote, then a message
// of eight chunks comes over it; then a second volume is written until the pool has nothing else to
// give. Written through: a kill loses nothing that was handed over.
class PartlyLocalFill : public testing::Test {
 protected:
  static constexpr uint64_t kOwnFirst = 32, kOwn = 64, kChunks = 8;
  const Id restored_ = test_id(11), plain_ = test_id(12), snapshot_ = test_id(13);

  Result<void> open() {
    return world_.open([](SimDevice& device) { device.write_through(); });
  }
  void kill() {
    world_.volumes.reset();
    world_.pool.reset();
  }
  static uint8_t byte_of(uint64_t block) { return uint8_t(0x40 + block % 64); }
  static std::vector<uint8_t> block_of(uint8_t byte) {
    return std::vector<uint8_t>(kBlockBytes, byte);
  }

  void create() {
    ASSERT_OK(open());
    CreateVolume order;
    order.id = restored_;
    order.bytes = 1 << 20;
    order.origin = CreateVolume::Origin{snapshot_, make_manifest(1 << 20, {}, Hash{}), test_id(14)};
    ASSERT_OK(world_.volumes->create(order));
    CreateVolume other;
    other.id = plain_;
    other.bytes = 64 << 20;
    ASSERT_OK(world_.volumes->create(other));
    // Attached now: the orders sync, and nothing may between the record and the flush.
    ASSERT_OK(world_.volume(plain_));
    ASSERT_OK(world_.volume(restored_));
    ASSERT_OK(world_.pool->checkpoint());
  }

  // Leaves the blocks in the middle of what is fetched without a place.
  void fill() {
    const std::vector<uint8_t> own(kOwn * kBlockBytes, 0x22);
    ASSERT_OK(world_.write(restored_, kOwnFirst * kBlockBytes, own));
    const auto hydrator = world_.volumes->origin(snapshot_)->hydrator;
    const Turn turn = hydrator->reopen(Lane::kBackground);
    const std::vector<uint8_t> chunks(kChunks * kChunkBytes, 0x11);
    ASSERT_OK(hydrator->install(Lane::kBackground, 0, chunks));
    hydrator->close(turn);
  }

  // More than the pool has before it comes to what the record left.
  void write_plain() {
    const uint64_t generation = world_.pool->checkpoint_generation();
    while (written_ < 1024) {
      ASSERT_OK(world_.write(plain_, written_ * kBlockBytes, block_of(byte_of(written_))));
      written_++;
    }
    // Else the record is not in the live journal any more, and there is nothing to be seen.
    ASSERT_EQ(world_.pool->checkpoint_generation(), generation);
  }

  void flush() {
    const auto io = world_.volume(plain_);
    ASSERT_OK(io);
    ASSERT_OK((*io)->flush());
  }

  void compare() {
    uint64_t lost = 0;
    for (uint64_t block = 0; block < written_; block++) {
      const auto got = world_.read(plain_, block * kBlockBytes, kBlockBytes);
      lost += !got || *got != block_of(byte_of(block));
    }
    ASSERT_EQ(lost, 0u) << "flushed blocks that are gone, of " << written_;
    for (uint64_t block = 0; block < kChunks * kBlocksPerChunk; block++) {
      const bool own = block >= kOwnFirst && block < kOwnFirst + kOwn;
      const auto got = world_.read(restored_, block * kBlockBytes, kBlockBytes);
      ASSERT_OK(got);
      ASSERT_EQ(*got, block_of(own ? 0x22 : 0x11))
          << "block " << block << " of the restored volume";
    }
  }

  void expect_sound() {
    const auto report = world_.pool->check(false);
    ASSERT_OK(report);
    for (const std::string& problem : report->problems)
      ADD_FAILURE() << problem;
  }

  SimDisk disk_;
  PoolWorld world_{disk_, 1, 20ull << 20};
  uint64_t written_ = 0;
};

TEST_F(PartlyLocalFill, FlushedWritesSurviveAKill) {
  create();
  fill();
  write_plain();
  flush();
  if (HasFatalFailure()) return;
  kill();
  ASSERT_OK(open());
  expect_sound();
  compare();
}

// With another flush behind it the record counts as durable and is replayed.
TEST_F(PartlyLocalFill, NoBlockIsHandedOutTwice) {
  create();
  fill();
  write_plain();
  flush();
  ASSERT_OK(world_.write(plain_, 0, block_of(byte_of(0))));
  flush();
  if (HasFatalFailure()) return;
  kill();
  ASSERT_OK(open());
  expect_sound();
  // The next writes get blocks that nobody has, until the pool is full.
  const uint64_t before = written_;
  for (bool full = false; !full; written_ += !full)
    full = !world_.write(plain_, written_ * kBlockBytes, block_of(byte_of(written_)));
  EXPECT_GT(written_, before);
  compare();
  ASSERT_OK(world_.pool->checkpoint());
  kill();
  ASSERT_OK(open());
  expect_sound();
  compare();
}

}  // namespace
}  // namespace ashlar::test
