// The matrix over base/failpoints.def, for the pool: the lives of lives_test.cc end at one
// failpoint, first at its first passage on a disk, then at later ones that are drawn. The thread
// that comes there takes the disk away before it does what cannot be taken back, at once or a
// little later, while guests write, trim and cut, a volume hydrates, branches and clones come and
// go; half of the time the process is killed, half of the time the power goes. What must hold
// afterwards is said in life_world.h; the store's failpoints and those of files are in
// store_failpoints_test.cc.
//
// Replay: ASHLAR_TEST_SEED=<seed> build/check/ashlar_tests --gtest_filter=<test>
#include <chrono>
#include <thread>

#include "support/failpoint_plan.h"
#include "support/life_world.h"

namespace ashlar::test {
namespace {

class PoolFailpoint : public testing::TestWithParam<Failpoint> {};

// Until it has struck so often: at the first passage, and at later ones.
constexpr uint64_t kStrikes = 4;
// In vain after so many lives.
constexpr uint64_t kLivesMax = 60;
constexpr uint64_t kLivesOfADisk = 10;

MortalDevice* dying = nullptr;  // of the life that a failpoint ends

TEST_P(PoolFailpoint, LosesNothing) {
  const Failpoint failpoint = GetParam();
  const uint64_t seed = test_seed(uint64_t(failpoint) * 1'000'000 + 1);
  std::printf("[ SEED     ] %llu\n", static_cast<unsigned long long>(seed));
  std::fflush(stdout);  // at once: a CHECK that fails ends the program
  SCOPED_TRACE("seed " + std::to_string(seed));
  Prng prng(seed);
  std::unique_ptr<LifeWorld> world;
  std::optional<FailpointPlan> plan;  // of this world: its disk's passages, life after life
  const uint64_t wanted = std::max<uint64_t>(2, test_scale(kStrikes));
  uint64_t strikes = 0;
  uint64_t later = 0;
  uint64_t in_vain = 0;  // lives since the last strike
  const auto plan_death = [&](MortalDevice& device) {
    dying = &device;
    const uint64_t passage = strikes == 0 || in_vain > kLivesOfADisk ? 1 : prng.between(1, 4);
    // Half of the time the others go on for a while: what was done too early, they make use of.
    const std::chrono::milliseconds pause(prng.chance(50) ? prng.between(1, 10) : 0);
    plan->strike_at(failpoint, passage, [pause] {
      std::this_thread::sleep_for(pause);
      dying->die();
    });
  };
  const auto note = [&] {
    in_vain++;
    if (!plan->struck()) return;
    in_vain = 0;
    strikes++;
    later += plan->passages() > 1;
  };
  uint64_t lives = 0;
  for (; (strikes < wanted || later == 0) && lives < kLivesMax * wanted; lives++) {
    if (lives % kLivesOfADisk == 0) {
      LifeWorld::Options options;
      options.more = true;
      options.tight = prng.chance(30);
      options.plan_death = plan_death;
      plan.reset();
      plan.emplace();
      world = std::make_unique<LifeWorld>(prng.next(), std::move(options));
    }
    SCOPED_TRACE("life " + std::to_string(lives));
    world->live();
    plan->disarm();
    note();
    if (HasFailure()) return;
    if (prng.chance(20)) {
      world->recover(plan_death);
      plan->disarm();
      note();
    }
    world->compare();
    if (HasFailure()) return;
  }
  std::printf("%llu strikes, %llu later than the first passage, in %llu lives\n",
              static_cast<unsigned long long>(strikes), static_cast<unsigned long long>(later),
              static_cast<unsigned long long>(lives));
  EXPECT_GE(strikes, wanted) << failpoint_name(failpoint) << " was not reached";
  EXPECT_GT(later, 0u) << failpoint_name(failpoint) << " was never reached again";
}

std::string name_of(const testing::TestParamInfo<Failpoint>& info) {
  return std::string(failpoint_name(info.param)).substr(1);
}
INSTANTIATE_TEST_SUITE_P(Pool, PoolFailpoint, testing::ValuesIn(kPoolFailpoints), name_of);

}  // namespace
}  // namespace ashlar::test
