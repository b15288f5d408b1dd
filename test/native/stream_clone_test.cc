// Fast-restore clones of what only a region has: hydrated into a hidden volume, or filled from a
// base with the difference; through a wire that spoils, with breaks and power cuts on the way. What
// becomes available is what the snapshot holds, whatever happened before.
// Replay: ASHLAR_TEST_SEED=<seed> build/check/ashlar_tests --gtest_filter='*StreamClone*'
#include "stream/clone_fill.h"

#include "support/liar.h"
#include "support/pull_world.h"

namespace ashlar::test {
namespace {

struct Shot {
  Id snapshot;
  ByteModel model;
  Manifest manifest{};
};

class StreamClone : public testing::TestWithParam<uint64_t> {
 protected:
  void SetUp() override {
    seed_ = test_seed(300 + GetParam());
    std::printf("[ SEED     ] %llu\n", static_cast<unsigned long long>(seed_));
    ASSERT_OK(near_.open());
    ASSERT_OK(far_.open());
    auto store = open_store(folder_.path());
    ASSERT_OK(store);
    store_ = *std::move(store);
  }

  // The guest goes on, and what it has then is stored as a snapshot.
  void shoot(Guest& guest, uint64_t steps, Shot& shot) {
    guest.steps(steps);
    const auto snapshot = near_.cut(guest.volume());
    ASSERT_OK(snapshot);
    shot.snapshot = *snapshot;
    shot.model = guest.model();
    shot.manifest = image_of(shot.model).manifest;
    auto source = near_.source(*snapshot);
    ASSERT_OK(source);
    ASSERT_OK(ingest(**source, *store_, of_a_cut(seed_)));
  }

  Id order(const Shot& shot, const Shot* base) {
    CreateClone order;
    order.id = far_.next_id();
    order.origin = {shot.snapshot, shot.manifest, far_.next_id()};
    if (base) order.base = base->snapshot;
    const auto made = far_->volumes->create_clone(order);
    EXPECT_TRUE(made.ok()) << made.error().message;
    return order.id;
  }
  CloneRow row_of(const Id& clone) {
    const CloneRow* row = std::as_const(far_->pool->state()).clone(clone);
    CHECK(row != nullptr);
    return *row;
  }
  CloneState state_of(const Id& clone) { return CloneState(row_of(clone).state); }

  // One pull, as far as it goes.
  Result<void> pull(const Id& clone, const Shot& shot, PumpOptions options = {}) {
    SnapshotSource source(*store_, TRY(read_manifest(shot.manifest)));
    if (state_of(clone) == CloneState::kFilling) {
      auto receiver = TRY(CloneFill::open(TRY(far_->volumes->clone_target(clone)), default_keys()));
      TRY(outcome_of(pump(source, *receiver, std::move(options))));
    } else {
      auto receiver = TRY(far_.hydration(shot.snapshot, Lane::kBackground));
      TRY(outcome_of(pump(source, *receiver, std::move(options))));
    }
    return far_->volumes->settle();
  }

  void compare_cut(const Shot& shot) {
    const uint64_t chunks = (shot.model.bytes + kChunkBytes - 1) / kChunkBytes;
    const auto got = far_->read_cut(shot.snapshot, 0, chunks);
    ASSERT_OK(got);
    std::vector<uint8_t> expected(chunks * kChunkBytes);
    shot.model.read(0, MutableBytes(expected).first(shot.model.bytes));
    ASSERT_TRUE(*got == expected);
  }
  Id volume_from(const Shot& shot, uint64_t bytes) {
    CreateVolume order;
    order.id = far_.next_id();
    order.bytes = bytes;
    order.cut = shot.snapshot;
    const auto made = far_->volumes->create(order);
    EXPECT_TRUE(made.ok()) << made.error().message;
    return order.id;
  }
  void compare_volume(const Id& volume, const Shot& shot) {
    const auto got = far_->read(volume, 0, shot.model.bytes);
    ASSERT_OK(got);
    std::vector<uint8_t> expected(shot.model.bytes);
    shot.model.read(0, expected);
    ASSERT_TRUE(*got == expected);
  }
  void check_pool() {
    const auto report = far_->pool->check(false);
    ASSERT_OK(report);
    for (const std::string& problem : report->problems)
      ADD_FAILURE() << problem;
  }
  uint64_t used_bytes() {
    EXPECT_TRUE(far_.tidy().ok());
    return far_->pool->space().used_blocks() * kBlockBytes;
  }

  static constexpr uint64_t kBytes = 70 * kChunkBytes + 3 * kBlockBytes;

  uint64_t seed_ = 0;
  MemoryFolder folder_;
  PullPool near_{7};
  PullPool far_{8};
  std::unique_ptr<ChunkStore> store_;
};

// Breaks, lies and power cuts on the way; then an honest source.
TEST_P(StreamClone, HoldsTheSnapshotWhateverHappenedOnTheWay) {
  Prng prng(seed_);
  const auto source_volume = near_.create(kBytes);
  ASSERT_OK(source_volume);
  ByteModel empty;
  empty.bytes = kBytes;
  Guest guest(*near_, *source_volume, empty, prng.next());
  std::vector<Shot> shots(3);
  for (size_t i = 0; i < shots.size(); i++) {
    shoot(guest, i == 0 ? 30 : prng.below(10), shots[i]);
    if (HasFailure()) return;
  }
  std::vector<Id> clones;
  std::vector<Id> volumes;
  for (size_t i = 0; i < shots.size(); i++) {
    const Shot& shot = shots[i];
    clones.push_back(order(shot, i == 0 ? nullptr : &shots[i - 1]));
    const Id clone = clones.back();
    ASSERT_EQ(state_of(clone), i == 0 ? CloneState::kHydrating : CloneState::kFilling);
    for (int tries = 0; tries < 6 && state_of(clone) != CloneState::kAvailable; tries++) {
      Liar liar(prng.next(), prng.chance(50) ? 30 : 0);
      PumpOptions options;
      options.seed = prng.next();
      options.patience = std::chrono::milliseconds(20);
      options.messages_max = prng.chance(50) ? prng.below(6) : UINT64_MAX;
      options.meddler = liar.meddler();
      (void)pull(clone, shot, std::move(options));
      if (prng.chance(40)) ASSERT_OK(far_.lose_power());
      check_pool();
      if (HasFailure()) return;
    }
    if (state_of(clone) != CloneState::kAvailable) ASSERT_OK(pull(clone, shot));
    ASSERT_EQ(state_of(clone), CloneState::kAvailable);
    compare_cut(shot);
    const CutRow* cut = std::as_const(far_->pool->state()).cut(shot.snapshot);
    EXPECT_EQ(cut->merkle_root, manifest_root(default_keys(), shot.manifest));
    volumes.push_back(volume_from(shot, kBytes));
    volumes.push_back(volume_from(shot, kBytes + (1 << 20)));
  }
  // No pin is needed any more.
  ASSERT_OK(far_->volumes->settle());
  EXPECT_TRUE(far_->volumes->view().origins.empty());
  // Volumes do not depend on the clones, nor clones on each other.
  for (size_t i = 0; i < shots.size(); i++) {
    ASSERT_OK(far_->volumes->remove_clone(clones[i]));
    ASSERT_OK(far_.tidy());
    if (prng.chance(50)) ASSERT_OK(far_.lose_power());
    for (size_t later = i + 1; later < shots.size(); later++)
      compare_cut(shots[later]);
    for (size_t at = 0; at < volumes.size(); at++)
      compare_volume(volumes[at], shots[at / 2]);
    check_pool();
    if (HasFailure()) return;
  }
  for (const Id& volume : volumes)
    ASSERT_OK(far_->remove(volume));
  for (int drops = 0; drops < 8; drops++)  // each stands on the one before
    ASSERT_OK(far_.tidy());
  EXPECT_TRUE(far_->volumes->view().cuts.empty());
  check_pool();
}
INSTANTIATE_TEST_SUITE_P(Seeds, StreamClone, testing::Range<uint64_t>(0, 24));

class StreamCloneOnce : public StreamClone {};
INSTANTIATE_TEST_SUITE_P(Once, StreamCloneOnce, testing::Values(100));

TEST_P(StreamCloneOnce, CostsTheDifferenceFromItsBase) {
  const auto source_volume = near_.create(kBytes);
  ASSERT_OK(source_volume);
  ByteModel empty;
  empty.bytes = kBytes;
  Guest guest(*near_, *source_volume, empty, 1);
  std::vector<uint8_t> noise(kBytes / kBlockBytes * kBlockBytes);
  Prng prng(1);
  for (uint8_t& byte : noise)
    byte = uint8_t(prng.next());
  guest.write_at(0, noise);
  Shot first;
  shoot(guest, 0, first);
  const uint64_t empty_pool = used_bytes();
  const Id base = order(first, nullptr);
  ASSERT_OK(pull(base, first));
  const uint64_t before = used_bytes();

  guest.write_at(5 * kChunkBytes + kBlockBytes, std::vector<uint8_t>(kBlockBytes, 7));
  Shot second;
  shoot(guest, 0, second);
  Observer observer;
  PumpOptions options;
  options.meddler = observer.meddler();
  const Id clone = order(second, &first);
  ASSERT_OK(pull(clone, second, std::move(options)));
  EXPECT_EQ(observer.wanted, (std::vector<uint64_t>{5}));
  compare_cut(second);
  compare_cut(first);
  EXPECT_LE(used_bytes() - before, 16 * kBlockBytes);  // one block, and pages on the way to it

  // The first goes when the second does not stand on it any more.
  ASSERT_OK(far_->volumes->remove_clone(base));
  EXPECT_GE(used_bytes(), before);
  ASSERT_OK(far_->volumes->remove_clone(clone));
  for (int drops = 0; drops < 4; drops++)
    ASSERT_OK(far_.tidy());
  EXPECT_LE(used_bytes() - empty_pool, 16 * kBlockBytes);
}

TEST_P(StreamCloneOnce, OfACutThatIsHereIsAvailableAtOnceAndKeepsIt) {
  Prng prng(seed_);
  const auto volume = far_.create(kBytes);
  ASSERT_OK(volume);
  ByteModel model;
  model.bytes = kBytes;
  Guest guest(*far_, *volume, model, prng.next());
  guest.steps(20);
  Shot old;
  const auto cut = far_.cut(*volume);
  ASSERT_OK(cut);
  old.snapshot = *cut;
  old.model = guest.model();
  old.manifest = image_of(old.model).manifest;
  const Id clone = order(old, nullptr);
  EXPECT_EQ(state_of(clone), CloneState::kAvailable);
  EXPECT_TRUE(far_->volumes->view().origins.empty());
  // Superseded, dropped by its user, and still there.
  ASSERT_OK(far_->volumes->sealed(old.snapshot, manifest_root(default_keys(), old.manifest)));
  guest.steps(10);
  const auto next = far_.cut(*volume);
  ASSERT_OK(next);
  ASSERT_OK(far_->volumes->sealed(*next, Hash{1}));
  ASSERT_OK(far_.tidy());
  compare_cut(old);
  ASSERT_OK(far_->volumes->drop_cut(old.snapshot));
  ASSERT_OK(far_.tidy());
  compare_cut(old);
  const Id made = volume_from(old, kBytes);
  compare_volume(made, old);
  ASSERT_OK(far_->remove(*volume));
  ASSERT_OK(far_->volumes->remove_clone(clone));
  ASSERT_OK(far_.tidy());
  ASSERT_OK(far_.lose_power());
  compare_volume(made, old);
  EXPECT_FALSE(far_->read_cut(old.snapshot, 0, 1));
  check_pool();
  // Its tombstone refuses it until it is forgotten.
  CreateClone again;
  again.id = clone;
  again.origin = {old.snapshot, old.manifest, far_.next_id()};
  const auto refused = far_->volumes->create_clone(again);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Code::kTombstone);
  ASSERT_OK(far_->volumes->forget_tombstone(clone));
  ASSERT_OK(far_->volumes->create_clone(again));
  EXPECT_EQ(state_of(clone), CloneState::kAvailable);  // the cut that the volume stands on is shown
  compare_cut(old);
}

TEST_P(StreamCloneOnce, BeingBuiltCanBeDeletedSharedAndRepeated) {
  const auto source_volume = near_.create(kBytes);
  ASSERT_OK(source_volume);
  ByteModel empty;
  empty.bytes = kBytes;
  Guest guest(*near_, *source_volume, empty, seed_);
  Shot shot;
  shoot(guest, 25, shot);
  const uint64_t before = used_bytes();
  const Id clone = order(shot, nullptr);
  const Id twin = order(shot, nullptr);
  PumpOptions broken_off;
  broken_off.messages_max = 4;
  (void)pull(clone, shot, std::move(broken_off));
  EXPECT_TRUE(far_->volumes->view().volumes.empty());
  EXPECT_EQ(far_->volumes->view().clones.size(), 2u);
  ASSERT_OK(far_->volumes->remove_clone(clone));
  ASSERT_OK(far_->volumes->remove_clone(clone));
  ASSERT_OK(pull(twin, shot));
  EXPECT_EQ(state_of(twin), CloneState::kAvailable);
  compare_cut(shot);
  ASSERT_OK(far_->volumes->remove_clone(twin));
  ASSERT_OK(far_.tidy());
  const Id last = order(shot, nullptr);
  ASSERT_OK(far_->volumes->remove_clone(last));
  ASSERT_OK(far_->volumes->settle());
  EXPECT_TRUE(far_->volumes->view().origins.empty());
  ASSERT_OK(far_.tidy());
  EXPECT_LE(used_bytes(), before + 16 * kBlockBytes);
  check_pool();
}

}  // namespace
}  // namespace ashlar::test
