// What trims of single leaves cost: each is a dead tree of its own, and what one of them needs does
// not depend on how many others there are.
#include "support/pool_world.h"

namespace ashlar::test {
namespace {

constexpr uint64_t kLeafBytes = 1 << 20;
constexpr uint64_t kLeaves = 4000;

class Trims : public testing::Test {
 protected:
  // A volume with one block in each of its leaves.
  void SetUp() override {
    ASSERT_OK(world_.open([](SimDevice& device) { device.write_through(); }));
    CreateVolume order;
    order.id = kVolume;
    order.bytes = kLeaves * kLeafBytes;
    ASSERT_OK(world_.volumes->create(order));
    io_ = *world_.volume(kVolume);
    const std::vector<uint8_t> data(kBlockBytes, 1);
    for (uint64_t leaf = 0; leaf < kLeaves; leaf++) {
      WriteRequest request;
      request.offset = leaf * kLeafBytes;
      request.data = data;
      io_->write(std::span(&request, 1));
      ASSERT_FALSE(request.failed) << request.error.message;
    }
    ASSERT_OK(world_.pool->checkpoint());
  }
  void trim(uint64_t leaf) { ASSERT_OK(io_->erase({leaf * kLeafBytes, kLeafBytes}, Erase::kHole)); }
  const Table<DeadTreeRow>& dead_trees() { return world_.pool->state().dead_trees; }
  bool any_dead() {
    return dead_trees().find([](const DeadTreeRow&) { return true; }) != nullptr;
  }
  void free_all() {
    do {
      ASSERT_OK(world_.pool->checkpoint());
      while (world_.pool->free_step()) {
      }
    } while (any_dead());
    ASSERT_OK(world_.pool->checkpoint());
  }

  const Id kVolume = test_id(1);
  SimDisk disk_;
  PoolWorld world_{disk_, 1, std::max<uint64_t>(64 << 20, kLeaves * 4 * kBlockBytes)};
  std::shared_ptr<VolumeIo> io_;
};

TEST_F(Trims, OneCostsTheSameAmongMany) {
  const uint64_t used = world_.pool->space().used_blocks();
  const uint64_t before = dead_trees().rows_visited();
  for (uint64_t leaf = 0; leaf < kLeaves; leaf++)
    trim(leaf);
  free_all();
  // A page of the table, 64 rows, is looked through for a free one.
  EXPECT_LE(dead_trees().rows_visited() - before, kLeaves * 130);
  EXPECT_LT(world_.pool->space().used_blocks() + 2 * kLeaves, used + 100);
  const auto report = world_.pool->check(false);
  ASSERT_OK(report);
  for (const std::string& problem : report->problems)
    ADD_FAILURE() << problem;
}

}  // namespace
}  // namespace ashlar::test
