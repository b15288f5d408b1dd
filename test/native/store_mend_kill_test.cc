// Opening a store that lost a pack, or its index and a pack, killed at every call of it: however
// often that happens, what a node names and nobody has is quarantined in the end, so that nothing
// leans on it without a word and a holder is asked for it.
#include <cerrno>

#include "support/failing_calls.h"
#include "support/snapshot_world.h"

namespace ashlar::test {
namespace {

constexpr uint64_t kChunksEach = 5;

class StoreMendKill : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    {
      const auto opened = open_store(ready());
      ASSERT_OK(opened);
      for (const uint64_t first : {1000, 2000}) {
        Image image;
        for (uint64_t i = 0; i < kChunksEach; i++)
          image[i] = {first + 3 * i, 0};
        const auto pulled = pull(**opened, image);
        ASSERT_OK(pulled);
        there_.push_back(*pulled);
      }
    }
    fs::remove(packs_of(ready(), 'd')[0]);
    if (GetParam()) drop_index(ready());
  }
  std::string ready() const { return temp_.path() + "/ready"; }
  std::string folder() const { return temp_.path() + "/store"; }

  // Does what is left to do end with all that is lost in quarantine, and nothing else?
  void expect_mended() {
    const auto opened = open_store(folder());
    ASSERT_OK(opened);
    std::vector<Hash> lost;
    for (const auto& [index, content] : there_[0].image)
      lost.push_back(id_of(content));
    std::sort(lost.begin(), lost.end());
    EXPECT_EQ((*opened)->quarantined(), lost);
    EXPECT_TRUE(is_whole(**opened, there_[1]));
  }

 private:
  TempFolder temp_;
  std::vector<Snapshot> there_;
};

TEST_P(StoreMendKill, AtEveryCallOfOpening) {
  uint64_t kills = 0;
  for (uint64_t call = 0; !HasFailure(); call++) {
    SCOPED_TRACE("killed at call " + std::to_string(call));
    copy_store(ready(), folder());
    std::optional<FailingCalls> dead;
    dead.emplace(FailingCalls::Plan{
        .at = call, .error = EIO, .later_too = true, .half_before = false, .killed = true});
    { const auto opened = open_store(folder()); }
    const bool struck = dead->struck();
    dead.reset();
    expect_mended();
    if (!struck) break;
    kills++;
  }
  std::printf("%llu kills\n", static_cast<unsigned long long>(kills));
  EXPECT_GE(kills, 20u);
}

std::string name_of(const testing::TestParamInfo<bool>& info) {
  return info.param ? "WithoutIndex" : "WithIndex";
}
INSTANTIATE_TEST_SUITE_P(StoreKills, StoreMendKill, testing::Bool(), name_of);

}  // namespace
}  // namespace ashlar::test
