// What a pool says is free is what writes get, whatever ends it: its capacity, or the file system
// under it. Who is refused is told which of the two it was.
#include "support/pool_world.h"

namespace ashlar::test {
namespace {

constexpr uint64_t kMiB = 1 << 20;
constexpr uint64_t kPiece = 64 << 10;

struct Sizes {
  uint64_t capacity_mib, file_system_mib;
};

class FreeSpace : public testing::TestWithParam<Sizes> {};

TEST_P(FreeSpace, IsWhatWritesGet) {
  const auto [capacity_mib, file_system_mib] = GetParam();
  SimDisk disk;
  PoolWorld world(disk, 1, capacity_mib * kMiB, file_system_mib * kMiB);
  ASSERT_OK(world.open([](SimDevice& device) { device.write_through(); }));
  CreateVolume order;
  order.id = test_id(1);
  order.bytes = 1ull << 30;
  ASSERT_OK(world.volumes->create(order));
  const uint64_t free = world.pool->free_bytes();
  EXPECT_GT(free, 8 * kMiB);
  const std::vector<uint8_t> piece(kPiece, 1);
  Result<void> last;
  uint64_t written = 0;
  while ((last = world.write(order.id, written, piece)))
    written += kPiece;
  // Of what was free the map took its pages, 1/256, and an end of the file system is not fetched.
  EXPECT_LE(written, free);
  EXPECT_GE(written + free / 100 + kMiB, free);
  EXPECT_LE(world.pool->free_bytes(), 2 * kPiece);  // with the pages it would dirty
  const bool by_capacity = capacity_mib <= file_system_mib;
  const std::string capacity = std::to_string(capacity_mib) + " MiB";
  EXPECT_TRUE(fails_with(last, Code::kNoSpace,
                         by_capacity ? "sim: the pool is full (" + capacity + ")"
                                     : "sim: the file system under the pool is full"));
  EXPECT_TRUE(fails_with(last, Code::kNoSpace, by_capacity ? "`ashlar pool-grow`" : capacity));
}
INSTANTIATE_TEST_SUITE_P(Pools, FreeSpace,
                         testing::Values(Sizes{64, 1024}, Sizes{64, 40}, Sizes{1024, 100}));

}  // namespace
}  // namespace ashlar::test
