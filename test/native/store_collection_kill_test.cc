// A collection that has something of everything to do, killed before each of its writes, syncs,
// creates, renames and unlinks in turn, and in the middle of each write: whatever is committed is
// whole after it, and the next collection leaves no more behind than one that was never disturbed.
#include <cerrno>

#include "store/check.h"
#include "support/failing_calls.h"
#include "support/snapshot_world.h"

namespace ashlar::test {
namespace {

constexpr uint64_t kRecords = 10;

void fill(Image& image, uint64_t first_index, uint64_t first_number, uint64_t chunks = 20) {
  for (uint64_t i = 0; i < chunks; i++)
    image[first_index + i] = {first_number + i, 0};
}

class StoreCollectionKill : public testing::TestWithParam<bool> {
 protected:
  void SetUp() override {
    const auto opened = open_store(ready());
    ASSERT_OK(opened);
    ChunkStore& store = **opened;
    // Half of its node pack, and less of its data pack, stays for another.
    Image wide;
    for (const uint64_t leaf : {0, 1, 2})
      fill(wide, leaf * kFanOut, leaf * 100);
    ASSERT_OK(pull(store, wide));
    fill(wide, 2 * kFanOut, 300);
    keep(pull(store, wide));
    // Some of its chunks stay as bases.
    Image base;
    fill(base, 0, 400);
    ASSERT_OK(pull(store, base));
    Image deltas;
    for (uint64_t i = 0; i < 8; i++)
      deltas[i] = {400 + i, 1};
    keep(pull(store, deltas, &base));
    ASSERT_EQ(store.index().find(id_of({400, 1})).value()->kind, FrameKind::kDelta);
    // Both of its packs go.
    Image gone;
    fill(gone, 0, 500);
    ASSERT_OK(pull(store, gone));
    // There twice, as after a collection that was given up.
    Image twice;
    fill(twice, 0, 600);
    ASSERT_OK(pull(store, twice));
    const auto begun = Collection::begin(store, chunk_keys(), {});
    ASSERT_OK(begun);
    keep(pull(store, twice));
    for (uint64_t generation = 1; generation <= kRecords; generation++)
      ASSERT_OK(store.append_record(generation, kRecordCommit, Bytes()));
  }
  void keep(const Result<Snapshot>& pulled) {
    ASSERT_OK(pulled);
    kept_.push_back(*pulled);
  }
  std::string ready() const { return temp_.path() + "/ready"; }
  std::string folder() const { return temp_.path() + "/store"; }
  std::string without_index() const { return temp_.path() + "/without-index"; }

  enum class Call : uint8_t { kNone, kWhole, kHalf };
  // How much the last call was, and kNone when the collection makes fewer.
  Call kill_at(uint64_t call) {
    copy_store(ready(), folder());
    auto opened = open_store(folder());
    EXPECT_OK(opened);
    const FailingCalls dead(
        {.at = call, .error = EIO, .later_too = true, .half_before = GetParam(), .killed = true});
    const auto collected = collect(**opened, kept_);
    EXPECT_TRUE(dead.struck() || collected) << collected.error().message;
    const Call last = !dead.struck() ? Call::kNone : dead.halved() ? Call::kHalf : Call::kWhole;
    opened->reset();
    return last;
  }

  void expect_sound(const std::string& store_folder) {
    {
      const auto opened = open_store(store_folder);
      ASSERT_OK(opened);
      ChunkStore& store = **opened;
      expect_whole(store);
      ASSERT_OK(collect(store, kept_));
      expect_whole(store);
      EXPECT_TRUE(store.quarantined().empty());
      const auto records = store.records();
      ASSERT_OK(records);
      EXPECT_EQ(records->records.size(), kRecords);
      const auto stats = store.stats();
      ASSERT_OK(stats);
      const uint64_t reachable = reachable_bytes(store, kept_, kRecords);
      EXPECT_LE(stats->pack_bytes,
                reachable + reachable / 10 + 2 * (sizeof(PackHeader) + sizeof(PackFooter)));
    }
    const auto report = check_store(store_folder, chunk_keys());
    ASSERT_OK(report);
    EXPECT_TRUE(report->problems.empty()) << report->problems.front();
  }
  void expect_whole(ChunkStore& store) {
    for (const Snapshot& snapshot : kept_)
      EXPECT_TRUE(is_whole(store, snapshot));
    EXPECT_TRUE(is_closed(store));
  }

 private:
  TempFolder temp_;
  std::vector<Snapshot> kept_;
};

TEST_P(StoreCollectionKill, AtEveryCall) {
  uint64_t calls = 0;
  uint64_t kills = 0;
  for (; !HasFailure(); calls++) {
    SCOPED_TRACE("killed at call " + std::to_string(calls));
    const Call last = kill_at(calls);
    // In the middle of a rename there is nothing that was not before it.
    if (last == Call::kWhole && GetParam()) continue;
    copy_store(folder(), without_index());
    drop_index(without_index());
    expect_sound(folder());
    expect_sound(without_index());
    if (last == Call::kNone) break;
    kills++;
  }
  std::printf("%llu calls, %llu kills\n", static_cast<unsigned long long>(calls),
              static_cast<unsigned long long>(kills));
  EXPECT_GE(kills, GetParam() ? 30u : 90u);
}

std::string name_of(const testing::TestParamInfo<bool>& info) {
  return info.param ? "InTheMiddleOfAWrite" : "BeforeIt";
}
INSTANTIATE_TEST_SUITE_P(StoreKills, StoreCollectionKill, testing::Bool(), name_of);

}  // namespace
}  // namespace ashlar::test
