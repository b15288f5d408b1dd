// A check that reads: what the disk changed is named, with whose it is and where; what nobody holds
// any more is not read.
#include "support/pool_world.h"

namespace ashlar::test {
namespace {

class DataOfACheck : public testing::Test {
 protected:
  static constexpr uint64_t kBlocks = 300;  // more than one run
  const Id volume_ = test_id(1), snapshot_ = test_id(2);

  void SetUp() override {
    ASSERT_OK(world_.open());
    CreateVolume order;
    order.id = volume_;
    order.bytes = kBlocks * kBlockBytes;
    ASSERT_OK(world_.volumes->create(order));
    for (uint64_t block = 0; block < kBlocks; block++)
      ASSERT_OK(write(block, byte_of(block)));
  }
  static uint8_t byte_of(uint64_t block) { return uint8_t(1 + block % 200); }
  Result<void> write(uint64_t block, uint8_t byte) {
    return world_.write(volume_, block * kBlockBytes, std::vector<uint8_t>(kBlockBytes, byte));
  }
  void cut() {
    CutOrder order;
    order.members = {{volume_, snapshot_}};
    ASSERT_OK(world_.volumes->cut(order));
    ASSERT_OK(world_.pool->checkpoint());
  }
  // Where on the disk the only block full of `byte` lies, which is not that any more.
  void damage(uint8_t byte) {
    ASSERT_OK(world_.pool->checkpoint());
    const std::vector<uint8_t> image(kBlockBytes, byte);
    size_t found = 0;
    for (size_t at = 0; at < disk_.bytes.size(); at += kBlockBytes) {
      if (std::memcmp(&disk_.bytes[at], image.data(), kBlockBytes) != 0) continue;
      disk_.bytes[at + 77] ^= 1;
      found++;
    }
    ASSERT_EQ(found, 1u);
  }
  PoolReport check(CheckDepth depth) {
    const auto report = world_.pool->check(false, depth);
    EXPECT_OK(report);
    return report ? *report : PoolReport();
  }

  SimDisk disk_;
  PoolWorld world_{disk_, 1, 64 << 20};
};

TEST_F(DataOfACheck, IsReadOnceAndSound) {
  cut();
  ASSERT_OK(write(7, 250));
  const PoolReport report = check(CheckDepth::kData);
  EXPECT_TRUE(report.problems.empty()) << report.problems.front();
  EXPECT_EQ(report.data_blocks, kBlocks + 1);
  EXPECT_EQ(check(CheckDepth::kMaps).data_blocks, 0u);
}

TEST_F(DataOfACheck, NamesWhatAVolumeLost) {
  ASSERT_OK(write(290, 251));
  damage(251);
  EXPECT_TRUE(check(CheckDepth::kMaps).problems.empty());
  const PoolReport report = check(CheckDepth::kData);
  ASSERT_EQ(report.problems.size(), 1u);
  const std::string begin =
      "volume " + to_string(volume_) + " at byte " + std::to_string(290 * kBlockBytes) + ", 4096";
  EXPECT_EQ(report.problems[0].substr(0, begin.size()), begin);
}

TEST_F(DataOfACheck, NamesWhatOnlyASnapshotLost) {
  ASSERT_OK(write(3, 252));
  cut();
  ASSERT_OK(write(3, 250));
  damage(252);
  const PoolReport report = check(CheckDepth::kData);
  ASSERT_EQ(report.problems.size(), 1u);
  EXPECT_EQ(report.problems[0].rfind("snapshot " + to_string(snapshot_) + " at byte 12288", 0), 0u)
      << report.problems[0];
}

}  // namespace
}  // namespace ashlar::test
