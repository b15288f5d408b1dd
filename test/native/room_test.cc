// Who makes room: with the real keeper and ticker, in pools and rings of every size, under writers
// that flush, deletes of large volumes, and pages that cannot be read. Nothing may stand still.
// What hangs is said by a watch and ends the program, because its threads cannot be joined.
#include <atomic>
#include <thread>

#include "base/failpoint.h"
#include "seal/merkle.h"
#include "support/pool_world.h"

namespace ashlar::test {
namespace {

using namespace std::chrono_literals;

constexpr auto kStandsStill = 60s;  // a bound, never met by one that works

class Room : public testing::Test {
 protected:
  ~Room() override {
    done_ = true;
    if (watch_.joinable()) watch_.join();
  }

  // A pool on a disk that forgets nothing.
  void open(uint64_t capacity_bytes, bool background = true,
            uint64_t dirty_page_bytes_max = 256ull << 20) {
    volumes_.reset();
    pool_.reset();
    auto device = std::make_unique<SimDevice>(disk_, 1, 2 * capacity_bytes);
    device->write_through();
    PoolOptions options;
    options.capacity_bytes = capacity_bytes;
    options.page_cache_bytes = 1 << 20;
    options.background = background;
    options.dirty_page_bytes_max = dirty_page_bytes_max;
    auto opened = Pool::open(std::move(device), disk_.bytes.empty(), "room", options);
    ASSERT_OK(opened);
    pool_ = *std::move(opened);
    volumes_ = std::make_unique<Volumes>(*pool_);
    if (!watch_.joinable()) watch_ = std::thread([this] { watch(); });
  }
  std::shared_ptr<VolumeIo> create(uint64_t number, uint64_t bytes) {
    CreateVolume order;
    order.id = test_id(number);
    order.bytes = bytes;
    EXPECT_OK(volumes_->create(order));
    EXPECT_OK(volumes_->attach(test_id(number + 1'000'000), order.id, "host", false));
    return volumes_->find_export(to_string(test_id(number + 1'000'000)))->volume;
  }
  Result<void> remove(uint64_t number) {
    TRY(volumes_->finish_detach(test_id(number + 1'000'000)));
    return volumes_->remove(test_id(number));
  }
  Result<void> write(VolumeIo& io, uint64_t offset) {
    WriteRequest request;
    request.offset = offset;
    request.data = data_;
    io.write(std::span(&request, 1));
    progress_++;
    return request.failed ? Result<void>(request.error) : Result<void>();
  }
  void close() {
    ASSERT_OK(pool_->close());
    open(pool_->space().capacity_blocks() * kBlockBytes, false);
    const auto report = pool_->check(false);
    ASSERT_OK(report);
    for (const std::string& problem : report->problems)
      ADD_FAILURE() << problem;
  }

  // Volumes of many leaves come and go beside writers that flush each block.
  void deletes_beside_writers(uint64_t capacity_bytes, uint64_t leaves, uint64_t rounds) {
    open(capacity_bytes);
    std::atomic<bool> stop{false};
    std::vector<std::thread> writers;
    for (uint64_t i = 0; i < 8; i++) {
      writers.emplace_back([&, io = create(1 + i, 4 << 20)] {
        for (uint64_t n = 0; !stop; n++) {
          const auto written = write(*io, n % 1024 * kBlockBytes);
          const bool refused = !written && written.error().code != Code::kNoSpace;
          EXPECT_FALSE(refused) << written.error().message;
          EXPECT_OK(io->flush());
        }
      });
    }
    for (uint64_t round = 0; round < rounds; round++) {
      const auto io = create(100 + round, leaves << 20);
      for (uint64_t leaf = 0; leaf < leaves; leaf++)
        (void)write(*io, leaf << 20);
      EXPECT_OK(remove(100 + round));
    }
    stop = true;
    for (std::thread& writer : writers)
      writer.join();
    close();
  }

  SimDisk disk_;
  std::unique_ptr<Pool> pool_;
  std::unique_ptr<Volumes> volumes_;
  const std::vector<uint8_t> data_ = std::vector<uint8_t>(kBlockBytes, 1);

 private:
  void watch() {
    uint64_t seen = 0;
    auto since = std::chrono::steady_clock::now();
    while (!done_) {
      std::this_thread::sleep_for(100ms);
      const auto now = std::chrono::steady_clock::now();
      if (progress_ != seen) {
        seen = progress_;
        since = now;
      }
      if (now - since < kStandsStill) continue;
      std::fprintf(stderr, "stands still after %llu writes: %llu of %llu bytes of the ring used\n",
                   (unsigned long long)seen, (unsigned long long)pool_->journal().used_bytes(),
                   (unsigned long long)pool_->journal().ring_bytes());
      std::_Exit(3);
    }
  }

  std::atomic<uint64_t> progress_{0};
  std::atomic<bool> done_{false};
  std::thread watch_;
};

TEST_F(Room, SmallFlushedWritesInTheSmallestPool) {
  open(16 << 20);
  const auto io = create(1, 4 << 20);
  for (uint64_t i = 0; i < 4000; i++) {
    ASSERT_OK(write(*io, i % 1024 * kBlockBytes));
    ASSERT_OK(io->flush());
  }
  close();
}

TEST_F(Room, DeletesBesideWritersInASmallRing) {
  deletes_beside_writers(64 << 20, 3000, 3);
}

TEST_F(Room, DeletesBesideWritersInAFullPool) {
  deletes_beside_writers(64 << 20, 7000, 2);
}

TEST_F(Room, DeletesBesideWritersInALargerRing) {
  deletes_beside_writers(256 << 20, 6000, 2);
}

// A pool that nobody's threads look after makes room where it is needed.
TEST_F(Room, WithoutThreads) {
  open(16 << 20, false);
  const auto io = create(1, 4 << 20);
  for (uint64_t i = 0; i < 3000; i++) {
    ASSERT_OK(write(*io, i % 1024 * kBlockBytes));
    ASSERT_OK(io->flush());
  }
}

// Two volumes die, one with a leaf that cannot be read: the other's blocks come back, a full pool
// says that it is full, and what is in the way is named.
TEST_F(Room, AnUnreadablePageHoldsUpNobodyElse) {
  open(16 << 20, false);
  constexpr uint64_t kBytes = 4 << 20;
  for (const uint64_t number : {1, 2}) {
    const auto io = create(number, kBytes);
    for (uint64_t at = 0; at < kBytes; at += kBlockBytes)
      ASSERT_OK(write(*io, at));
  }
  ASSERT_OK(pool_->checkpoint());
  const HeadPtr head = std::as_const(pool_->state()).head_of(test_id(1));
  const uint64_t root = head->root.block();
  open(16 << 20, false);  // nothing in memory
  disk_.bytes[root * kBlockBytes + 5] ^= 0xff;
  const uint64_t used = pool_->space().used_blocks();
  // Its root is not needed to let it go: the tree dies whole.
  for (const uint64_t number : {1, 2})
    (void)remove(number);
  const auto io = create(3, 12 << 20);
  Result<void> last;
  uint64_t written = 0;
  for (uint64_t at = 0; last && at < (12 << 20); at += kBlockBytes, written++)
    last = write(*io, at);
  ASSERT_FALSE(last.ok());
  EXPECT_EQ(last.error().code, Code::kNoSpace) << last.error().message;
  EXPECT_GT(written * kBlockBytes, kBytes);  // what the readable one had
  EXPECT_GT(pool_->space().used_blocks(), used - kBytes / kBlockBytes);
  const auto problems = pool_->problems();
  ASSERT_EQ(problems.size(), 1u);
  EXPECT_NE(problems[0].find("does not match its checksum"), std::string::npos) << problems[0];
}

// In a full pool what comes from the region may need a checkpoint before it finds room: nobody whom
// it comes for may be what the checkpoint waits for.
TEST_F(Room, ACheckpointDoesNotWaitForAReaderOfTheRegion) {
  open(16 << 20);
  CreateVolume order;
  order.id = test_id(1);
  order.bytes = 1 << 20;
  order.origin = CreateVolume::Origin{test_id(2), make_manifest(order.bytes, {}, Hash{}), {}};
  ASSERT_OK(volumes_->create(order));
  ASSERT_OK(volumes_->attach(test_id(3), order.id, "host", false));
  const auto io = volumes_->find_export(to_string(test_id(3)))->volume;
  const auto hydrator = volumes_->origin(test_id(2))->hydrator;
  const Turn turn = hydrator->reopen(Lane::kDemand);
  std::vector<uint8_t> read(kBlockBytes);
  ReadRequest request;
  request.into = read;
  std::thread reader([&] { io->read(std::span(&request, 1), Wait::kAllowed); });
  const auto wanted = hydrator->next_wanted(turn, 1);  // it waits
  ASSERT_TRUE(wanted);
  ASSERT_OK(pool_->checkpoint());
  ASSERT_OK(
      hydrator->install(Lane::kDemand, wanted->front(), std::vector<uint8_t>(kChunkBytes, 0x5a)));
  reader.join();
  hydrator->close(turn);
  EXPECT_EQ(request.outcome, ReadRequest::Outcome::kDone) << request.error.message;
  EXPECT_EQ(read, std::vector<uint8_t>(kBlockBytes, 0x5a));
}

// What is known to be full is not looked for again with a checkpoint each time.
TEST_F(Room, ARefusalCostsNoCheckpoint) {
  open(64 << 20);
  const auto io = create(1, 1 << 30);
  Result<void> last;
  for (uint64_t at = 0; last; at += kBlockBytes)
    last = write(*io, at);
  EXPECT_EQ(last.error().code, Code::kNoSpace);
  const uint64_t before = pool_->checkpoint_generation();
  constexpr int kRefused = 200;
  for (int i = 0; i < kRefused; i++)
    EXPECT_FALSE(write(*io, (512ull << 20) + uint64_t(i) * kBlockBytes));
  EXPECT_LT(pool_->checkpoint_generation() - before, uint64_t(kRefused / 10));
}

// A checkpoint that would not free enough is not made, however much waits: large writes are refused
// one after the other while small ones beside them free what they supersede.
TEST_F(Room, ARefusalAsksForNoCheckpointThatWouldNotHelp) {
  constexpr uint64_t kLarge = 1024 * kBlockBytes;
  constexpr uint64_t kSlack = 256;  // blocks
  open(64 << 20, false);
  const auto io = create(1, 1 << 30);
  Result<void> last;
  for (uint64_t at = 0; last; at += kBlockBytes)
    last = write(*io, at);
  EXPECT_EQ(last.error().code, Code::kNoSpace);
  ASSERT_OK(io->erase({0, kSlack * kBlockBytes}, Erase::kHole));
  ASSERT_OK(pool_->checkpoint());  // what died may be walked
  while (pool_->free_step()) {
  }
  ASSERT_OK(pool_->checkpoint());
  const uint64_t before = pool_->checkpoint_generation();
  const std::vector<uint8_t> large(kLarge, 2);
  constexpr uint64_t kWrites = 1000;
  for (uint64_t i = 0; i < kWrites; i++) {
    ASSERT_OK(write(*io, (kSlack + i % 100) * kBlockBytes));
    WriteRequest request;
    request.offset = 512ull << 20;
    request.data = large;
    io->write(std::span(&request, 1));
    ASSERT_TRUE(request.failed);
    EXPECT_EQ(request.error.code, Code::kNoSpace) << request.error.message;
  }
  EXPECT_LE(pool_->checkpoint_generation() - before, 2 * kWrites / kSlack + 2);
}

// Whoever is refused while a checkpoint is under way waits for that one: no second follows it.
TEST_F(Room, RefusalsShareACheckpoint) {
  static std::atomic<int> waiting;
  static std::atomic<bool> armed;
  constexpr int kWriters = 4;
  open(64 << 20, false);
  const auto io = create(1, 1 << 30);
  Result<void> last;
  uint64_t end = 0;
  for (; last; end += kBlockBytes)
    last = write(*io, end);
  EXPECT_EQ(last.error().code, Code::kNoSpace);
  ASSERT_OK(io->erase({0, 64 << 12}, Erase::kHole));  // single blocks: they wait
  ASSERT_GE(pool_->space().waiting_blocks(), 64u);
  const uint64_t before = pool_->checkpoint_generation();
  waiting = 0;
  armed = true;
  set_failpoint_hook([](Failpoint at) {
    if (at != Failpoint::kSpaceRelease || !armed.exchange(false)) return;
    while (waiting < kWriters)
      std::this_thread::yield();
    std::this_thread::sleep_for(50ms);  // let them come as far as they do
  });
  std::vector<std::thread> writers;
  std::thread checkpoint([&] { EXPECT_OK(pool_->checkpoint()); });
  while (armed)
    std::this_thread::yield();
  for (uint64_t i = 0; i < kWriters; i++) {
    writers.emplace_back([&, i] {
      waiting++;
      EXPECT_OK(write(*io, (128 + i) * kBlockBytes));
    });
  }
  for (std::thread& writer : writers)
    writer.join();
  checkpoint.join();
  set_failpoint_hook(nullptr);
  EXPECT_EQ(pool_->checkpoint_generation() - before, 1u);
}

// Nobody is told that the pool is full while something dead is left whose freeing has no room in
// the ring for the moment, because others have reserved it.
TEST_F(Room, AWriteWaitsForWhatCannotBeFreedYet) {
  constexpr uint64_t kReserved = 4096;
  open(64 << 20, false);
  const auto io = create(1, 1 << 30);
  Result<void> last;
  for (uint64_t at = 0; last; at += kBlockBytes)
    last = write(*io, at);
  EXPECT_EQ(last.error().code, Code::kNoSpace);
  ASSERT_OK(io->erase({0, 40 << 20}, Erase::kHole));
  ASSERT_OK(pool_->checkpoint());
  uint64_t reserved = 0;
  while (pool_->journal().reserve(kReserved))
    reserved++;
  const uint64_t before = pool_->checkpoint_generation();
  std::atomic<bool> answered{false};
  std::thread writer([&] {
    EXPECT_OK(write(*io, 512 << 20));
    answered = true;
  });
  while (!answered && pool_->checkpoint_generation() == before)
    std::this_thread::yield();
  for (; reserved > 0; reserved--)
    pool_->journal().unreserve(kReserved);
  writer.join();
}

// Nor while what was trimmed is on its way to be free, however many want it.
TEST_F(Room, WritersWaitForWhatWasTrimmed) {
  constexpr uint64_t kBytes = 48 << 20;
  constexpr uint64_t kElsewhere = 128 << 20;
  open(64 << 20);
  const auto io = create(1, 1 << 30);
  const std::vector<uint8_t> data(1 << 20, 3);
  for (int round = 0; round < 10; round++) {
    for (uint64_t at = 0; at < (60 << 20); at += data.size()) {  // more than there is
      WriteRequest request;
      request.offset = at;
      request.data = data;
      io->write(std::span(&request, 1));
    }
    ASSERT_OK(io->erase({0, kBytes}, Erase::kHole));
    std::vector<std::thread> writers;
    for (uint64_t writer = 1; writer <= 4; writer++) {
      writers.emplace_back([&, writer] {
        for (uint64_t i = 0; i < 200; i++)
          EXPECT_OK(write(*io, writer * kElsewhere + i * kBlockBytes));
      });
    }
    for (std::thread& writer : writers)
      writer.join();
    ASSERT_OK(io->erase({kElsewhere, 4 * kElsewhere}, Erase::kHole));
  }
}

// Each write dirties a leaf of its own, far from the others, and the pages above it; without a
// bound they are made as fast as guests write, and are all in memory.
TEST_F(Room, DirtyPagesStayBelowTheirBound) {
  constexpr uint64_t kBound = 4 << 20;
  constexpr uint64_t kWriters = 4;
  constexpr uint64_t kBytes = 1ull << 40;
  open(512 << 20, true, kBound);
  const auto io = create(1, kBytes);
  std::atomic<uint64_t> most{0};
  std::vector<std::thread> writers;
  for (uint64_t writer = 1; writer <= kWriters; writer++) {
    writers.emplace_back([&, writer] {
      Prng prng(writer);
      for (int i = 0; i < 2000; i++) {
        ASSERT_OK(write(*io, prng.below(kBytes / kBlockBytes) * kBlockBytes));
        const uint64_t now = pool_->pages().dirty_bytes();
        for (uint64_t seen = most; seen < now && !most.compare_exchange_weak(seen, now);) {
        }
      }
    });
  }
  for (std::thread& writer : writers)
    writer.join();
  // What is admitted at the bound makes a path.
  EXPECT_LE(most, kBound + kWriters * 8 * kBlockBytes);
  EXPECT_GT(most, kBound / 4);
}

}  // namespace
}  // namespace ashlar::test
