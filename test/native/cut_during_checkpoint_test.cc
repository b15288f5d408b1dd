// Cuts, branches, trims and writes beside checkpoints, on real threads. What they copy from the map
// while a checkpoint fills in the checksums of the pages it wrote must have those checksums too:
// after a restart every cut and every volume is read again, past all caches.
#include <atomic>
#include <future>
#include <thread>

#include "support/pool_world.h"

namespace ashlar::test {
namespace {

// A SimDevice that never loses anything and can be stopped before a sync.
class StoppingDevice final : public Device {
 public:
  explicit StoppingDevice(SimDisk& disk) : inner_(disk, 1, 1ull << 30) { inner_.write_through(); }
  // Called by every sync before it begins, on its thread. Set while nobody syncs.
  std::function<void()> before_sync;

  Result<void> read(uint64_t offset, MutableBytes into) override {
    return inner_.read(offset, into);
  }
  Result<bool> read_cached(uint64_t offset, MutableBytes into) override {
    return inner_.read_cached(offset, into);
  }
  Result<void> read_uncached(uint64_t offset, MutableBytes into) override {
    return inner_.read_uncached(offset, into);
  }
  Result<void> write(uint64_t offset, std::span<iovec> parts) override {
    return inner_.write(offset, parts);
  }
  Result<void> sync() override {
    if (before_sync) before_sync();
    return inner_.sync();
  }
  Result<void> grow(uint64_t bytes) override { return inner_.grow(bytes); }
  void prefetch(ByteRange) override {}
  uint64_t size_bytes() const override { return inner_.size_bytes(); }
  uint64_t growable_bytes() const override { return inner_.growable_bytes(); }
  uint64_t file_system_bytes() const override { return inner_.file_system_bytes(); }

 private:
  SimDevice inner_;
};

constexpr uint64_t kVolumes = 24;
constexpr uint64_t kVolumeBytes = 300ull << 20;  // three levels: leaf, inner page, root

class CutDuringCheckpoint : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(open());
    for (uint64_t i = 0; i < kVolumes; i++) {
      CreateVolume order;
      order.id = test_id(i + 1);
      order.bytes = kVolumeBytes;
      ASSERT_OK(world_.volumes->create(order));
      volumes_.push_back(*world_.volume(order.id));
    }
  }
  Result<void> open() {
    volumes_.clear();
    world_.volumes.reset();
    world_.pool.reset();
    auto made = std::make_unique<StoppingDevice>(disk_);
    device_ = made.get();
    PoolOptions options;
    options.capacity_bytes = 256ull << 20;
    options.page_cache_bytes = 1 << 20;
    options.background = false;
    world_.pool = TRY(Pool::open(std::move(made), disk_.bytes.empty(), "sim", options));
    world_.volumes = std::make_unique<Volumes>(*world_.pool);
    return {};
  }
  // The heads move on first, so that nothing but the cuts leads to what they hold.
  void reopen(uint64_t round) {
    for (uint64_t volume = 0; volume < kVolumes; volume++)
      write(volume, round);
    ASSERT_OK(world_.pool->checkpoint());
    ASSERT_OK(open());
    const auto report = world_.pool->check(false);
    ASSERT_OK(report);
    for (const std::string& problem : report->problems)
      ADD_FAILURE() << problem;
  }
  // A leaf under each of both inner pages.
  void write(uint64_t volume, uint64_t round) {
    for (const uint64_t at : {0ull, 290ull}) {
      const std::vector<uint8_t> data(kBlockBytes, uint8_t(1 + round + volume + at));
      WriteRequest request;
      request.offset = (at << 20) + round % 256 * kBlockBytes;
      request.data = data;
      volumes_[volume]->write(std::span(&request, 1));
      ASSERT_FALSE(request.failed) << request.error.message;
    }
  }
  Id cut(uint64_t volume) {
    CutOrder order;
    order.group = test_id(next_id_++);
    order.members.push_back({test_id(volume + 1), test_id(next_id_++)});
    EXPECT_OK(world_.volumes->cut(order));
    return order.members[0].snapshot;
  }
  void expect_readable(const Id& snapshot, uint64_t volume, uint64_t rounds) {
    SCOPED_TRACE("volume " + std::to_string(volume) + " cut after " + std::to_string(rounds));
    for (const uint64_t at : {0ull, 290ull}) {
      const auto got = world_.read_cut(snapshot, (at << 20) / kChunkBytes, 16);
      ASSERT_OK(got);
      for (uint64_t round = 0; round < rounds; round++)
        ASSERT_EQ((*got)[round * kBlockBytes], uint8_t(1 + round + volume + at)) << round;
    }
  }

  SimDisk disk_;
  StoppingDevice* device_ = nullptr;
  PoolWorld world_{disk_, 1, 256ull << 20};
  std::vector<std::shared_ptr<VolumeIo>> volumes_;
  std::atomic<uint64_t> next_id_{1000};
};

// The checkpoint has filled in the rows of the cuts and stands before the first head: a cut that is
// made now copies a root that it has not reached.
TEST_F(CutDuringCheckpoint, ACutOfAHeadThatIsNotReachedYet) {
  for (uint64_t volume = 0; volume < kVolumes; volume++)
    write(volume, 0);
  const Id before = cut(0);
  const HeadPtr first = std::as_const(world_.pool->state()).head_of(test_id(1));
  // Held from the flip of the superblock, which is the checkpoint's second sync.
  std::atomic<int> syncs{0};
  std::promise<void> flipping, held;
  device_->before_sync = [&] {
    if (++syncs != 2) return;
    flipping.set_value();
    held.get_future().wait();
  };
  std::thread checkpoint([&] { EXPECT_OK(world_.pool->checkpoint()); });
  flipping.get_future().wait();
  std::unique_lock stop(first->map_lock);
  held.set_value();
  const auto rows_are_filled_in = [&] {
    std::lock_guard append(world_.pool->journal().append_lock());
    return std::as_const(world_.pool->state()).cut(before)->root.crc != 0;
  };
  while (!rows_are_filled_in())
    std::this_thread::yield();
  // On a thread of its own: an order is never given with a map lock held.
  const Id beside = std::async(std::launch::async, [&] { return cut(kVolumes - 1); }).get();
  stop.unlock();
  checkpoint.join();
  reopen(1);
  expect_readable(before, 0, 1);
  expect_readable(beside, kVolumes - 1, 1);
}

// The mark of each checkpoint comes between a write and the cuts: what they copy is being written.
TEST_F(CutDuringCheckpoint, EveryCopyHasItsChecksums) {
  struct Taken {
    Id snapshot;
    uint64_t volume;
    uint64_t rounds;
  };
  std::vector<Taken> taken;
  constexpr uint64_t kRounds = 6;
  for (uint64_t round = 0; round < kRounds; round++) {
    for (uint64_t volume = 0; volume < kVolumes; volume++)
      write(volume, round);
    std::atomic<bool> done{false};
    std::thread checkpoint([&] {
      EXPECT_OK(world_.pool->checkpoint());
      done = true;
    });
    // The checkpoint passes the volumes in their order.
    for (uint64_t turn = 0; !done; turn++) {
      const uint64_t volume = kVolumes - 1 - turn % 4;
      taken.push_back({cut(volume), volume, round + 1});
      // After a cut a page is copied once more in the same generation.
      if (volume % 4 == 0) write(volume, round);
    }
    checkpoint.join();
  }
  std::printf("%zu cuts beside %llu checkpoints\n", taken.size(), (unsigned long long)kRounds);
  reopen(kRounds);
  for (const Taken& each : taken) {
    expect_readable(each.snapshot, each.volume, each.rounds);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace ashlar::test
