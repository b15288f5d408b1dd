// Sealed cuts are caches: a pool that runs full lets them go, the oldest first, before it says so;
// what is not sealed, or is a clone, stays.
#include "seal/merkle.h"
#include "support/pool_world.h"

namespace ashlar::test {
namespace {

constexpr uint64_t kVolumeBytes = 4 << 20;

class CacheCuts : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(world_.open());
    volume_ = make_volume();
  }

  Id make_volume() {
    CreateVolume order;
    order.id = test_id(next_id_++);
    order.bytes = kVolumeBytes;
    EXPECT_TRUE(world_.volumes->create(order).ok());
    return order.id;
  }
  Result<void> overwrite(const Id& volume, uint8_t value) {
    const std::vector<uint8_t> data(1 << 20, value);
    for (uint64_t at = 0; at < kVolumeBytes; at += data.size())
      TRY(world_.write(volume, at, data));
    return {};
  }
  Id cut(const Id& volume) {
    CutOrder order;
    order.group = test_id(next_id_++);
    order.members.push_back({volume, test_id(next_id_++)});
    EXPECT_TRUE(world_.volumes->cut(order).ok());
    return order.members[0].snapshot;
  }
  bool is_here(const Id& snapshot) {
    const CutRow* row = std::as_const(world_.pool->state()).cut(snapshot);
    return row && !(row->flags & (kCutDropAsked | kCutDropping));
  }

  SimDisk disk_;
  PoolWorld world_{disk_, 1, 32 << 20};
  uint64_t next_id_ = 1;
  Id volume_;
};

TEST_F(CacheCuts, GoBeforeThePoolIsFull) {
  std::vector<Id> sealed;
  std::vector<Id> others;
  for (uint8_t i = 0; i < 3; i++) {  // each on a volume of its own: the newest of it
    const Id volume = make_volume();
    ASSERT_OK(overwrite(volume, uint8_t(i + 1)));
    sealed.push_back(cut(volume));
    ASSERT_OK(world_.volumes->sealed(sealed.back(), Hash{i}));
    ASSERT_OK(world_.remove(volume));
  }
  ASSERT_OK(overwrite(volume_, 9));
  others.push_back(cut(volume_));
  CreateClone clone;
  clone.id = test_id(next_id_++);
  clone.origin = {sealed[1], make_manifest(kVolumeBytes, {}, Hash{}), test_id(next_id_++)};
  ASSERT_OK(world_.volumes->create_clone(clone));

  // 16 MiB are held by cuts; 16 MiB more are not left beside them and the ring.
  ASSERT_OK(overwrite(volume_, 10));
  for (uint8_t i = 0; i < 3; i++)
    ASSERT_OK(overwrite(make_volume(), uint8_t(11 + i)));
  EXPECT_FALSE(is_here(sealed[0]));
  EXPECT_TRUE(is_here(sealed[1]));  // a clone names it
  EXPECT_TRUE(is_here(others[0]));  // not sealed
  const auto kept = world_.read_cut(sealed[1], 0, 1);
  ASSERT_OK(kept);
  EXPECT_EQ((*kept)[5], 2);

  // With nothing left to let go it is full.
  Result<void> written;
  for (int volumes = 0; written && volumes < 8; volumes++)
    written = overwrite(make_volume(), 13);
  ASSERT_FALSE(written);
  EXPECT_EQ(written.error().code, Code::kNoSpace);
  EXPECT_FALSE(is_here(sealed[2]));
  EXPECT_TRUE(is_here(sealed[1]));
  EXPECT_TRUE(is_here(others[0]));
  const auto report = world_.pool->check(false);
  ASSERT_OK(report);
  EXPECT_TRUE(report->problems.empty());
}

}  // namespace
}  // namespace ashlar::test
