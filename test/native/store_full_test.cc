// A chunk store on a disk that is really full (a small tmpfs, where the tests may mount one): every
// refusal is kNoSpace, what is there stays readable, and once there is space again the store goes
// on, without a restart and after one. RocksDB's own writes fail here too.
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/statvfs.h>

#include <cerrno>

#include "support/store_world.h"

namespace ashlar::test {
namespace {

class StoreFull : public testing::Test {
 protected:
  static constexpr uint64_t kDiskBytes = 96 << 20;

  void SetUp() override {
    const std::string options = "size=" + std::to_string(kDiskBytes);
    if (::mount("tmpfs", disk().c_str(), "tmpfs", 0, options.c_str()) != 0) {
      GTEST_SKIP() << "no small disk can be mounted here: " << std::strerror(errno);
    }
    mounted_ = true;
  }
  void TearDown() override {
    if (mounted_) ::umount2(disk().c_str(), MNT_DETACH);
  }

  const std::string& disk() const { return temp_.path(); }
  std::string folder() const { return disk() + "/store"; }

  uint64_t free_bytes() {
    struct statvfs status {};
    EXPECT_EQ(::statvfs(disk().c_str(), &status), 0);
    return uint64_t(status.f_bavail) * status.f_frsize;
  }
  void leave_free(uint64_t bytes) {
    free_all();
    const uint64_t ballast = free_bytes() > bytes ? (free_bytes() - bytes) / 4096 * 4096 : 0;
    const UniqueFd file(::open((disk() + "/ballast").c_str(), O_WRONLY | O_CREAT, 0600));
    if (ballast > 0) {
      EXPECT_EQ(::posix_fallocate(file.get(), 0, off_t(ballast)), 0);
    }
  }
  void free_all() { fs::remove(disk() + "/ballast"); }

  static std::vector<Frame> make_frames(uint64_t first, size_t count, size_t bytes) {
    std::vector<Frame> frames;
    for (size_t i = 0; i < count; i++)
      frames.push_back(make_frame(FrameKind::kRaw, first + i, bytes));
    frames.push_back(make_frame(FrameKind::kNode, first, 2049));
    return frames;
  }
  void expect_all(ChunkStore& store, const std::vector<Frame>& frames) {
    for (const Frame& frame : frames)
      EXPECT_TRUE(holds(store, frame));
  }

  TempFolder temp_;
  bool mounted_ = false;
};

TEST_F(StoreFull, ASessionGetsNoSpaceAndTheStoreGoesOn) {
  auto store = open_store(folder());
  ASSERT_OK(store);
  std::vector<Frame> there = make_frames(0, 4, 5000);
  ASSERT_OK(put_all(**store, there));
  // The session wants some 220 KiB in packs, and the index 16 MiB to be safe.
  uint64_t refused_by_pack = 0;
  uint64_t refused_by_index = 0;
  uint64_t accepted = 0;
  const uint64_t safe_kib = 16 << 10;
  uint64_t number = 100;
  for (const uint64_t free_kib :
       {0u,      4u,      8u,      12u,     16u,     60u,     100u,   140u,  180u,
        200u,    208u,    212u,    216u,    220u,    224u,    300u,   4096u, 16'384u,
        16'500u, 16'580u, 16'600u, 16'612u, 16'640u, 17'000u, 24'000u}) {
    SCOPED_TRACE(std::to_string(free_kib) + " KiB free");
    const std::vector<Frame> frames = make_frames(number, 3, 70'000);
    number += 10;
    leave_free(free_kib << 10);
    const auto put = put_all(**store, frames);
    const auto record = (*store)->append_record(number, 1, frames[0].stored);
    for (const Result<void>* outcome : {&put, &record}) {
      if (*outcome) continue;
      EXPECT_TRUE(fails_with(*outcome, Code::kNoSpace, folder()));
      const bool by_index = outcome->error().message.find("/index: ") != std::string::npos;
      (by_index ? refused_by_index : refused_by_pack)++;
    }
    EXPECT_TRUE(put.ok() || free_kib < safe_kib + 300);
    expect_all(**store, there);
    // With space again, the same pull succeeds when it is repeated.
    free_all();
    if (!put) ASSERT_OK(put_all(**store, frames));
    there.insert(there.end(), frames.begin(), frames.end());
    accepted += put.ok();
    if (HasFailure()) return;
  }
  EXPECT_GT(refused_by_pack, 5u);
  EXPECT_GT(refused_by_index, 3u);
  EXPECT_GT(accepted, 1u);
  for (const bool rebuild : {false, true}) {
    store->reset();
    if (rebuild) drop_index(folder());
    store = open_store(folder());
    ASSERT_OK(store);
    expect_all(**store, there);
  }
}

TEST_F(StoreFull, AFailedSessionGivesItsSpaceBack) {
  const auto store = open_store(folder());
  ASSERT_OK(store);
  ASSERT_OK(put_all(**store, make_frames(0, 1, 10)));  // the index has its log file now
  leave_free(24 << 20);
  const std::vector<Frame> large = make_frames(10, 30, 1 << 20);
  for (uint64_t attempt = 0; attempt < 3; attempt++) {
    const uint64_t before = free_bytes();
    EXPECT_TRUE(fails_with(put_all(**store, large), Code::kNoSpace, folder()));
    EXPECT_GE(free_bytes() + (64 << 10), before) << attempt;
  }
  const std::vector<Frame> small = make_frames(1000, 30, kChunkBytes);
  ASSERT_OK(put_all(**store, small));
  expect_all(**store, small);
}

TEST_F(StoreFull, OpeningGetsNoSpaceAndLaterOpens) {
  const std::vector<Frame> there = make_frames(0, 4, 5000);
  {
    const auto store = open_store(folder());
    ASSERT_OK(store);
    ASSERT_OK(put_all(**store, there));
  }
  uint64_t refused = 0;
  for (uint64_t free_kib = 0; free_kib <= 128; free_kib += free_kib < 40 ? 4 : 22) {
    SCOPED_TRACE(std::to_string(free_kib) + " KiB free");
    for (const bool rebuild : {false, true}) {
      if (rebuild) drop_index(folder());
      leave_free(free_kib << 10);
      {
        const auto store = open_store(folder());
        refused += !store;
        if (!store) {
          EXPECT_TRUE(fails_with(store, Code::kNoSpace, folder()));
        }
        if (store) expect_all(**store, there);
      }
      free_all();
      const auto store = open_store(folder());
      ASSERT_OK(store);
      expect_all(**store, there);
    }
    if (HasFailure()) return;
  }
  EXPECT_GT(refused, 0u);
}

}  // namespace
}  // namespace ashlar::test
