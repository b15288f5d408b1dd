// How a pool comes to be: nothing that holds data is ever formatted unasked, and a creation that is
// cut or killed at any of its writes leaves nothing in the way of the next.
// Replay: ASHLAR_TEST_SEED=<seed> build/check/ashlar_tests --gtest_filter=PoolCreation.*
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "commit/contents.h"
#include "commit/create.h"
#include "commit/superblock.h"
#include "support/failing_calls.h"
#include "support/pool_world.h"
#include "support/store_world.h"

namespace ashlar::test {
namespace {

constexpr unsigned long long kBytes = 16ull << 20;  // the smallest pool

PoolOptions options_of() {
  PoolOptions options;
  options.capacity_bytes = kBytes;
  options.background = false;
  return options;
}

std::vector<uint8_t> bytes_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}
void write_file(const std::string& path, uint64_t bytes, uint64_t data_at) {
  std::ofstream(path, std::ios::binary).close();
  fs::resize_file(path, bytes);
  if (data_at >= bytes) return;
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(std::streamoff(data_at));
  file << "precious";
}

Result<std::array<uint8_t, 16>> opened_id(const std::string& path) {
  const auto pool = TRY(open_pool_at(path, options_of()));
  const auto id = pool->pool_id();
  TRY(pool->close());
  return id;
}

class PoolCreation : public testing::Test {
 protected:
  TempFolder folder_;
  const std::string path_ = folder_.path() + "/pool";

  // The one file there is.
  void expect_alone() {
    size_t files = 0;
    for (const auto& entry : fs::directory_iterator(folder_.path())) {
      files++;
      EXPECT_EQ(entry.path().string(), path_);
    }
    EXPECT_EQ(files, 1u);
  }
};

TEST_F(PoolCreation, ZerosBeforeDataAreNotFormattedByOpening) {
  for (const uint64_t at : {1'060'864ull, 4'190'208ull, kBytes - 8, kBytes}) {
    SimDisk disk;
    disk.bytes.assign(kBytes, 0);
    if (at < kBytes) std::memset(disk.bytes.data() + at, 0xa5, 8);
    const std::vector<uint8_t> before = disk.bytes;
    auto device = std::make_unique<SimDevice>(disk, 1, 2 * kBytes);
    device->write_through();
    EXPECT_TRUE(fails_with(Pool::open(std::move(device), false, "sim", options_of()),
                           Code::kForeignFile, "no Ashlar pool"))
        << "data at " << at;
    EXPECT_TRUE(disk.bytes == before) << "data at " << at;
  }
}

TEST_F(PoolCreation, FilesThatAreNotEmptyAreLeftUntouched) {
  for (const uint64_t bytes : {1ull, 4096ull, 8192ull, 2ull << 20}) {
    for (const uint64_t at : {uint64_t(0), bytes / 2, bytes}) {
      write_file(path_, bytes, at);
      const std::vector<uint8_t> before = bytes_of(path_);
      EXPECT_TRUE(fails_with(open_pool_at(path_, options_of()), Code::kForeignFile, path_));
      EXPECT_TRUE(fails_with(make_pool_at(path_, options_of(), Over::kNothing), Code::kForeignFile,
                             "--force"));
      EXPECT_TRUE(bytes_of(path_) == before) << bytes << " bytes, data at " << at;
      expect_alone();
    }
  }
}

TEST_F(PoolCreation, FilesThatDoNotExistOrAreEmptyBecomePools) {
  ASSERT_OK(opened_id(path_));
  expect_alone();
  fs::remove(path_);
  write_file(path_, 0, 0);
  ASSERT_OK(opened_id(path_));
  expect_alone();
  struct stat status {};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 07777, 0600u);
}

TEST_F(PoolCreation, NothingStaysOfACreationThatIsRefused) {
  PoolOptions options = options_of();
  options.capacity_bytes = 1 << 20;
  EXPECT_TRUE(fails_with(open_pool_at(path_, options), Code::kInvalidArgument, "16 MiB"));
  EXPECT_TRUE(fs::is_empty(folder_.path()));
}

TEST_F(PoolCreation, AnOperatorReplacesAPoolOnlyByForce) {
  const auto first = opened_id(path_);
  ASSERT_OK(first);
  EXPECT_TRUE(fails_with(make_pool_at(path_, options_of(), Over::kNothing), Code::kForeignFile,
                         "the Ashlar pool " + pool_id_text(*first)));
  EXPECT_EQ(*opened_id(path_), *first);
  const auto second = make_pool_at(path_, options_of(), Over::kAnything);
  ASSERT_OK(second);
  EXPECT_EQ(*opened_id(path_), second->pool_id);
  EXPECT_NE(second->pool_id, *first);
  expect_alone();
}

TEST_F(PoolCreation, APoolInUseIsNotReplaced) {
  const auto pool = open_pool_at(path_, options_of());
  ASSERT_OK(pool);
  EXPECT_TRUE(fails_with(open_pool_at(path_, options_of()), Code::kInUse, path_));
  EXPECT_TRUE(fails_with(make_pool_at(path_, options_of(), Over::kAnything), Code::kInUse, path_));
  ASSERT_OK((*pool)->close());
}

// Whoever opens the empty file while it is made waits for no lock that will be given: what it has
// open is not what has the name in the end.
TEST_F(PoolCreation, OneProcessMakesAPoolAndTheOtherIsRefused) {
  write_file(path_, 0, 0);
  const UniqueFd maker(::open(path_.c_str(), O_RDWR | O_CLOEXEC));
  ASSERT_EQ(::flock(maker.get(), LOCK_EX | LOCK_NB), 0);
  EXPECT_TRUE(fails_with(open_pool_at(path_, options_of()), Code::kInUse, path_));
  EXPECT_TRUE(fails_with(make_pool_at(path_, options_of(), Over::kAnything), Code::kInUse, path_));
  expect_alone();
}

// Threads are as good as processes: locks belong to what each has opened.
TEST_F(PoolCreation, ManyMakersAtOnceMakeOnePool) {
  for (int round = 0; round < 10; round++) {
    fs::remove(path_);
    std::atomic<int> opened{0};
    std::vector<std::unique_ptr<Pool>> pools(4);
    std::vector<std::thread> threads;
    for (auto& pool : pools) {
      threads.emplace_back([&] {
        auto made = open_pool_at(path_, options_of());
        if (!made) {
          EXPECT_EQ(made.error().code, Code::kInUse) << made.error().message;
          return;
        }
        opened++;
        pool = std::move(*made);
      });
    }
    for (std::thread& thread : threads)
      thread.join();
    EXPECT_EQ(opened, 1);
    expect_alone();
  }
}

// A device of zeros on which a pool's making was cut at its `at`-th write or sync; false: it came
// to its end before. An arbitrary part of what was not synced is kept.
bool cut_creation(SimDisk& disk, uint64_t seed, uint64_t at) {
  SimDevice device(disk, seed, kBytes);
  device.crash_at(at);
  if (create_pool(device, "sim", options_of())) return false;
  device.power_cycle();
  return true;
}
uint64_t operations_of_creation() {
  SimDisk disk;
  disk.bytes.assign(kBytes, 0);
  SimDevice device(disk, 1, kBytes);
  CHECK(create_pool(device, "sim", options_of()));
  return device.operations();
}

TEST_F(PoolCreation, APowerCutAtAnyWriteIsRepaired) {
  const uint64_t first_seed = test_seed(1);
  std::printf("[ SEED     ] %llu\n", static_cast<unsigned long long>(first_seed));
  const uint64_t operations = operations_of_creation();
  uint64_t torn = 0;
  for (uint64_t seed = first_seed; seed < first_seed + test_scale(60); seed++) {
    // All of it once; the superblock's sync, which can tear it, with every seed.
    for (uint64_t at = seed == first_seed ? 0 : operations - 1; at < operations; at++) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", cut at " + std::to_string(at));
      SimDisk disk;
      disk.bytes.assign(kBytes, 0);
      ASSERT_TRUE(cut_creation(disk, seed, at));
      SimDevice again(disk, seed, kBytes);
      const auto found = contents_of(again, kBytes);
      ASSERT_OK(found);
      // Blank, and made now; or whole.
      if (*found) {
        ASSERT_EQ((*found)->find("the Ashlar pool "), 0u) << **found;
      } else {
        torn += std::any_of(disk.bytes.begin(), disk.bytes.begin() + kSuperblocks * kBlockBytes,
                            [](uint8_t byte) { return byte != 0; });
        ASSERT_OK(create_pool(again, "sim", options_of()));
      }
      ASSERT_OK(
          Pool::open(std::make_unique<SimDevice>(disk, seed, kBytes), false, "sim", options_of()));
    }
  }
  std::printf("%llu were torn\n", static_cast<unsigned long long>(torn));
  EXPECT_GT(torn, 0u);
}

// A pool that is made over another is the old one, whole, or the new one, whole, or none.
TEST_F(PoolCreation, APowerCutWhileAPoolIsReplacedNeverMixesTheTwo) {
  const uint64_t first_seed = test_seed(1);
  std::printf("[ SEED     ] %llu\n", static_cast<unsigned long long>(first_seed));
  SimDisk used;
  PoolWorld world(used, first_seed, kBytes);
  ASSERT_OK(world.open());
  CreateVolume order;
  order.id = test_id(1);
  order.bytes = 1 << 20;
  ASSERT_OK(world.volumes->create(order));
  ASSERT_OK(world.write(order.id, 0, std::vector<uint8_t>(1 << 20, 0xa5)));
  ASSERT_OK(world.pool->close());
  const auto old_id = world.pool->pool_id();
  world.volumes.reset();
  world.pool.reset();
  const uint64_t operations = operations_of_creation();
  for (uint64_t seed = first_seed; seed < first_seed + test_scale(8); seed++) {
    for (uint64_t at = 0; at < operations; at++) {
      SCOPED_TRACE("seed " + std::to_string(seed) + ", cut at " + std::to_string(at));
      SimDisk disk = used;
      ASSERT_TRUE(cut_creation(disk, seed, at));
      const auto opened =
          Pool::open(std::make_unique<SimDevice>(disk, seed, kBytes), false, "sim", options_of());
      if (!opened) {
        const Code code = opened.error().code;
        EXPECT_TRUE(code == Code::kForeignFile || code == Code::kCorrupt) << opened.error().message;
        continue;
      }
      const auto report = (*opened)->check(false);
      ASSERT_OK(report);
      EXPECT_TRUE(report->problems.empty());
      EXPECT_EQ((*opened)->state().heads.size(), (*opened)->pool_id() == old_id ? 1u : 0u);
    }
  }
}

// Killed at any call that changes the disk: the same call then makes the pool, and nothing else is
// left in the folder.
TEST_F(PoolCreation, AKillAtAnyCallIsRepaired) {
  for (const bool empty_before : {false, true}) {
    uint64_t at = 0;
    for (;; at++) {
      SCOPED_TRACE("killed at call " + std::to_string(at));
      fs::remove(path_);
      if (empty_before) write_file(path_, 0, 0);
      {
        FailingCalls calls({.at = at, .error = EIO, .later_too = true, .killed = true});
        (void)make_pool_at(path_, options_of(), Over::kNothing);
        if (!calls.struck()) break;
      }
      // Whole already, or made now.
      ASSERT_OK(opened_id(path_));
      expect_alone();
    }
    EXPECT_GE(at, 8u);
  }
}

TEST_F(PoolCreation, AFailingCallLeavesTheOldPoolOrTheNewOne) {
  for (uint64_t at = 0;; at++) {
    SCOPED_TRACE("call " + std::to_string(at) + " fails");
    fs::remove(path_);
    const auto old = opened_id(path_);
    ASSERT_OK(old);
    bool struck = false;
    {
      FailingCalls calls({.at = at, .error = ENOSPC});
      const auto made = make_pool_at(path_, options_of(), Over::kAnything);
      struck = calls.struck();
      EXPECT_EQ(made.ok(), !struck);
    }
    const auto now = opened_id(path_);
    ASSERT_OK(now);
    expect_alone();
    if (!struck) break;
  }
}

TEST_F(PoolCreation, WhatIsFoundHasAName) {
  struct Known {
    uint64_t offset;
    std::string bytes;
    std::string what;
  };
  const Known known[] = {
      {1080, "\x53\xef", "ext4"},
      {512, "LABELONE", "LVM"},
      {0, "XFSB", "XFS"},
      {510, "\x55\xaa", "partition table"},
      {512, "EFI PART", "GPT"},
      {5000, "x", "the first at byte 5000"},
      {4'190'208, "12345678", "the first at byte 4190208"},
      {kBytes - 1, "x", "the first at byte " + std::to_string(kBytes - 1)},
  };
  for (const auto& [offset, bytes, what] : known) {
    SimDisk disk;
    disk.bytes.assign(kBytes, 0);
    std::memcpy(disk.bytes.data() + offset, bytes.data(), bytes.size());
    SimDevice device(disk, 1, kBytes);
    const auto found = contents_of(device, 2 << 20);
    ASSERT_OK(found);
    ASSERT_TRUE(*found) << what;
    EXPECT_NE((*found)->find(what), std::string::npos) << **found;
  }
}

}  // namespace
}  // namespace ashlar::test
