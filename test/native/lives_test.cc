// Lives of a pool with real threads. In one life a restored volume hydrates in the background while
// its guest writes, trims, flushes and cuts it; a second volume is written beside; branches and
// clones of the cuts come and go; keeper and ticker are the pool's own. Then, before an operation
// of the device that is drawn, or when all have done their work, the life ends: half of the time
// the process is killed (everything handed to the device stays), half of the time the power goes
// (an arbitrary subset of what was not synced stays, torn at 512 bytes). The next life begins on
// the same disk, after
//   I1  each volume holds a prefix of what was done to it: after a kill all that was acknowledged,
//       after a power cut all that was flushed; only the event after the prefix may be there in
//       part, block by block,
//   I5  a full walk equals the allocator,
// and cuts that were answered hold the bytes of their instant.
//
// Threads make a seed replay most of a run, not every interleaving: a failure prints what it takes
// to run the same world again, which finds what is not rare.
// Replay: ASHLAR_TEST_SEED=<seed> build/check/ashlar_tests --gtest_filter=Lives.*
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <thread>

#include "support/life_world.h"

namespace ashlar::test {
namespace {

// Ends the program with the seed when a life hangs: nothing else could tell which one it was. Far
// above what a life takes on a busy machine.
class Watchdog {
 public:
  explicit Watchdog(uint64_t seed) {
    thread_ = std::thread([this, seed] {
      std::unique_lock lock(mutex_);
      if (changed_.wait_for(lock, std::chrono::seconds(120), [this] { return over_; })) return;
      std::fprintf(stderr, "a life has hung for 120 s; replay: ASHLAR_TEST_SEED=%llu\n",
                   static_cast<unsigned long long>(seed));
      std::abort();
    });
  }
  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;
  ~Watchdog() {
    {
      std::lock_guard lock(mutex_);
      over_ = true;
    }
    changed_.notify_all();
    thread_.join();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool over_ = false;
  std::thread thread_;
};

// Several lives of one disk.
void live(uint64_t seed, uint64_t lives) {
  // At once: a CHECK that fails ends the program.
  std::printf("[ SEED     ] %llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);
  Watchdog watchdog(seed);
  SCOPED_TRACE("seed " + std::to_string(seed) +
               "; replay: ASHLAR_TEST_SEED=" + std::to_string(seed));
  LifeWorld world(seed);
  for (uint64_t life = 0; life < lives && !testing::Test::HasFailure(); life++) {
    SCOPED_TRACE("life " + std::to_string(life) + " of a pool of " +
                 std::to_string(world.capacity_bytes() >> 20) + " MiB");
    world.live();
    if (testing::Test::HasFailure()) return;
    world.compare();
  }
}

class Lives : public testing::TestWithParam<uint64_t> {};

constexpr uint64_t kLivesOfADisk = 10;

TEST_P(Lives, KeepAllThatWasPromised) {
  const uint64_t first = test_seed(GetParam() * 1'000'000);
  // 2,000 lives in CI, whose scale is 1, and 100,000 in the soak; one world when it is replayed.
  const uint64_t more = test_scale(1) >= 10 ? 5 : 1;
  const uint64_t worlds =
      std::getenv("ASHLAR_TEST_SEED") ? 1 : std::max<uint64_t>(1, test_scale(50)) * more;
  for (uint64_t i = 0; i < worlds && !HasFailure(); i++)
    live(first + i, kLivesOfADisk);
}
INSTANTIATE_TEST_SUITE_P(Worlds, Lives, testing::Range<uint64_t>(0, 4));

}  // namespace
}  // namespace ashlar::test
