// A batch of the journal grows where it stands while it is one block: what a power cut leaves of it
// may be an earlier, shorter form that is valid in itself. What came after must not be replayed
// then.
#include "codec/crc32c.h"
#include "commit/superblock.h"
#include "support/pool_world.h"

namespace ashlar::test {
namespace {

class JournalGrowth : public testing::Test {
 protected:
  // Some of them fill a batch.
  static constexpr uint64_t kWrites = 30, kWriteBlocks = 128;
  const Id volume_ = test_id(1);

  void open(bool write_through) {
    ASSERT_OK(world_.open([&](SimDevice& device) {
      if (write_through) device.write_through();
    }));
  }
  void create(bool write_through) {
    open(write_through);
    if (HasFatalFailure()) return;
    CreateVolume order;
    order.id = volume_;
    order.bytes = kWrites * kWriteBlocks * kBlockBytes;
    ASSERT_OK(world_.volumes->create(order));
    const auto io = world_.volume(volume_);
    ASSERT_OK(io);
    io_ = *io;
    ASSERT_OK(world_.pool->checkpoint());
  }
  // Acknowledged, and so handed over each by itself.
  void write(uint64_t number) {
    const std::vector<uint8_t> data(kWriteBlocks * kBlockBytes, uint8_t(1 + number));
    WriteRequest request;
    request.offset = number * data.size();
    request.data = data;
    io_->write(std::span(&request, 1));
    ASSERT_FALSE(request.failed) << request.error.message;
  }
  void die() {
    io_.reset();
    world_.volumes.reset();
    world_.pool.reset();
  }
  bool is_there(uint64_t number) {
    const uint64_t bytes = kWriteBlocks * kBlockBytes;
    const auto got = world_.read(volume_, number * bytes, bytes);
    EXPECT_OK(got);
    return got && *got == std::vector<uint8_t>(bytes, uint8_t(1 + number));
  }

  // ---- what is on the medium
  Superblock& superblock(uint64_t slot) {
    return *reinterpret_cast<Superblock*>(&disk_.bytes[slot * kBlockBytes]);
  }
  // The batches of the newest journal, by sequence.
  std::map<uint64_t, uint8_t*> batches() {
    const uint64_t generation =
        std::max(superblock(0).journal_generation, superblock(1).journal_generation);
    std::map<uint64_t, uint8_t*> found;
    for (uint64_t block = 0; block < superblock(0).ring_blocks; block++) {
      uint8_t* at = &disk_.bytes[(superblock(0).ring_first + block) * kBlockBytes];
      BatchHeader header;
      std::memcpy(&header, at, sizeof header);
      if (header.magic == kJournalMagic && header.journal_generation == generation)
        found[header.sequence] = at;
    }
    return found;
  }

  SimDisk disk_;
  PoolWorld world_{disk_, 1, 64 << 20};
  std::shared_ptr<VolumeIo> io_;
};

TEST_F(JournalGrowth, APowerCutLeavesAPrefix) {
  create(false);
  if (HasFatalFailure()) return;
  for (uint64_t number = 0; number < kWrites && !HasFatalFailure(); number++)
    write(number);
  // No batch grew, as far as the medium knows.
  world_.device->power_cycle_losing([](uint64_t offset, uint64_t) { return offset % 512 != 0; });
  die();
  open(false);
  if (HasFatalFailure()) return;
  bool over = false;
  uint64_t kept = 0;
  for (uint64_t number = 0; number < kWrites; number++) {
    const bool there = is_there(number);
    EXPECT_FALSE(there && over) << "write " << number << " is there, one before it is not";
    over |= !there;
    kept += there;
  }
  EXPECT_GE(kept, 1u);
  EXPECT_LT(kept, kWrites);
}

TEST_F(JournalGrowth, TheLostEndOfASyncedBatchIsDamage) {
  create(true);
  if (HasFatalFailure()) return;
  write(0);
  const std::vector<uint8_t> ring(&disk_.bytes[2 * kBlockBytes],
                                  &disk_.bytes[(2 + superblock(0).ring_blocks) * kBlockBytes]);
  write(1);
  ASSERT_OK(io_->flush());
  write(2);  // its batch knows of the sync
  die();
  uint8_t* const last = batches().rbegin()->second;
  const size_t at = size_t(last - &disk_.bytes[2 * kBlockBytes]) - kBlockBytes;
  std::copy_n(&ring[at], kBlockBytes, last - kBlockBytes);
  const auto opened = world_.open();
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kCorrupt);
  EXPECT_NE(opened.error().message.find("or its end"), std::string::npos) << opened.error().message;
}

// Version 1 named the highest synced sequence with eight bytes, and no CRC.
TEST_F(JournalGrowth, APoolOfVersionOneIsReplayed) {
  create(true);
  if (HasFatalFailure()) return;
  for (uint64_t number = 0; number < kWrites && !HasFatalFailure(); number++)
    write(number);
  ASSERT_OK(io_->flush());
  die();
  for (const uint64_t slot : {0, 1}) {
    superblock(slot).version = 1;
    superblock(slot).crc = crc32c(
        Bytes(reinterpret_cast<const uint8_t*>(&superblock(slot)), offsetof(Superblock, crc)));
  }
  ASSERT_GT(batches().size(), 2u);
  for (const auto& [sequence, at] : batches()) {
    BatchHeader header;
    std::memcpy(&header, at, sizeof header);
    header.unsynced = uint32_t(sequence - header.unsynced);
    header.previous_crc = 0;
    header.crc = 0;
    std::memcpy(at, &header, sizeof header);
    header.crc = crc32c(Bytes(at, sizeof header + header.length));
    std::memcpy(at, &header, sizeof header);
  }
  open(true);
  if (HasFatalFailure()) return;
  for (uint64_t number = 0; number < kWrites; number++)
    EXPECT_TRUE(is_there(number)) << "write " << number;
  EXPECT_EQ(std::max(superblock(0).version, superblock(1).version), kPoolVersion);
  // The next life is one of today's.
  die();
  open(true);
  if (HasFatalFailure()) return;
  EXPECT_TRUE(is_there(kWrites - 1));
}

}  // namespace
}  // namespace ashlar::test
