// Pulls over a wire that spoils and between ends that lie (support/liar.h), thousands of them by
// seed. Each ends with the right content or with a typed error on one side, or nobody speaks any
// more and the connection is given up; nobody crashes or hangs, nothing wrong is stored, committed
// or read. Replay: ASHLAR_TEST_SEED=<seed> build/check/ashlar_tests --gtest_filter='StreamHostile*'
#include <set>

#include "support/liar.h"
#include "support/pull_world.h"

namespace ashlar::test {
namespace {

constexpr uint64_t kBytes = 70 * kChunkBytes + kBlockBytes;  // two levels, a part of a chunk
constexpr uint64_t kPercents[] = {0, 5, 15, 40};             // of the messages
constexpr auto kPatience = std::chrono::milliseconds(5);
// The background installs what came, in its own time, before it says that it has all.
constexpr auto kInstallPatience = std::chrono::milliseconds(50);

struct Tally {
  uint64_t finished = 0;
  uint64_t untouched = 0;  // of them without a lie
  uint64_t other_root = 0;
  uint64_t failed = 0;
  uint64_t given_up = 0;
  void print() const {
    std::printf(
        "[ TALLY    ] %llu finished (%llu unmeddled), %llu another root, %llu failed, %llu "
        "given up\n",
        static_cast<unsigned long long>(finished), static_cast<unsigned long long>(untouched),
        static_cast<unsigned long long>(other_root), static_cast<unsigned long long>(failed),
        static_cast<unsigned long long>(given_up));
  }
};

testing::AssertionResult is_one_of(const Error& failed, std::initializer_list<Code> codes) {
  for (const Code code : codes) {
    if (failed.code == code) return testing::AssertionSuccess();
  }
  return testing::AssertionFailure() << code_name(failed.code) << ": " << failed.message;
}
testing::AssertionResult typed(const PumpEnd& end) {
  if (end.source_failed) return is_one_of(*end.source_failed, {Code::kProtocol});
  if (!end.receiver_failed) return testing::AssertionSuccess();
  return is_one_of(*end.receiver_failed, {Code::kProtocol, Code::kRemoteUnavailable});
}

class StreamHostile : public testing::TestWithParam<uint64_t> {
 protected:
  void SetUp() override {
    ASSERT_OK(near_.open());
    auto store = open_store(folder_.path());
    ASSERT_OK(store);
    store_ = *std::move(store);
    const auto volume = near_.create(kBytes);
    ASSERT_OK(volume);
    volume_ = *volume;
  }

  // A cut of a volume with a few chunks that no other run has.
  void make_image(Prng& prng) {
    ByteModel empty;
    empty.bytes = kBytes;
    const auto io = near_->volume(volume_);
    ASSERT_OK(io);
    ASSERT_OK((*io)->erase({0, kBytes}, Erase::kHole));
    write_and_cut(prng, empty);
  }
  void write_and_cut(Prng& prng, const ByteModel& before) {
    Guest host(*near_, volume_, before, prng.next());
    for (uint64_t i = prng.between(2, 9); i > 0; i--) {
      std::vector<uint8_t> data(kBlockBytes * prng.between(1, 20));
      const bool packs = prng.chance(70);
      for (size_t at = 0; at < data.size(); at += sizeof(uint64_t)) {
        const uint64_t word = packs && at % 1024 ? i : prng.next();
        std::memcpy(&data[at], &word, sizeof word);
      }
      const uint64_t place = prng.below(kBytes / kBlockBytes) * kBlockBytes;
      data.resize(std::min<uint64_t>(data.size(), kBytes - place));
      host.write_at(place, data);
    }
    const auto snapshot = near_.cut(volume_);
    ASSERT_OK(snapshot);
    snapshot_ = *snapshot;
    model_ = host.model();
    image_ = image_of(model_);
  }
  bool present(const Hash& id) { return (*store_->present(std::span(&id, 1)))[0]; }

  MemoryFolder folder_;
  std::unique_ptr<ChunkStore> store_;
  PullPool near_{1, 64ull << 20};
  Id volume_;
  Id snapshot_;
  ByteModel model_;
  ModelImage image_;
};

// ---- into a store

class StreamHostileIngest : public StreamHostile {
 protected:
  void run(uint64_t seed) {
    SCOPED_TRACE("ASHLAR_TEST_SEED=" + std::to_string(seed));
    Prng prng(seed);
    make_image(prng);
    if (HasFatalFailure()) return;
    if (prng.chance(50)) return pull_from(std::nullopt, prng);
    // Of a difference, too, from a base that came honestly.
    const Id base = snapshot_;
    {
      const auto source = near_.source(base);
      ASSERT_OK(source);
      ASSERT_OK(ingest(**source, *store_, of_a_cut(1)));
    }
    const Hash base_root = image_.root;
    write_and_cut(prng, model_);
    if (HasFatalFailure()) return;
    pull_from(std::pair(base, base_root), prng);
    ASSERT_OK(near_->volumes->drop_cut(base));
  }

  void pull_from(const std::optional<std::pair<Id, Hash>>& base, Prng& prng) {
    const bool known = present(image_.root);  // nothing was changed
    const auto source = near_.source(snapshot_, base ? std::optional(base->first) : std::nullopt);
    ASSERT_OK(source);
    ASSERT_EQ((*source)->base_agreed(), base.has_value());
    auto ingest_of =
        ingest_options(**source, *store_, base ? std::optional(base->second) : std::nullopt);
    ASSERT_OK(ingest_of);
    Liar liar(prng.next(), kPercents[prng.below(4)]);
    PumpOptions options = of_a_cut(prng.next());
    options.patience = kPatience;
    options.meddler = liar.meddler();
    {
      Ingest receiver(*store_, default_keys(), *std::move(ingest_of));
      const PumpEnd end = pump(**source, receiver, options);
      ASSERT_TRUE(typed(end));
      const auto result = receiver.finish();
      judge(end, liar.root_withheld() || base, liar.lies() == 0, result);
      const bool right = result && result->root == image_.root;
      ASSERT_TRUE(right || known || !present(image_.root));
    }
    ASSERT_OK(near_->volumes->drop_cut(snapshot_));
  }

  // `blind`: the receiver was given no root to compare with.
  void judge(const PumpEnd& end, bool blind, bool untouched, const Result<IngestResult>& result) {
    if (!result) {
      ASSERT_FALSE(end.complete) << result.error().message;
      ASSERT_TRUE(is_one_of(
          result.error(), {Code::kProtocol, Code::kRemoteUnavailable, Code::kFailedPrecondition}));
      (end.gave_up() ? tally_.given_up : tally_.failed)++;
      return;
    }
    const auto stored = stored_snapshot(*store_, result->root);
    ASSERT_OK(stored);
    if (result->root == image_.root) {
      ASSERT_EQ(*stored, image_.chunks);
      tally_.finished++;
      tally_.untouched += untouched;
      return;
    }
    // Where the source says no root, the list is all there is: complete, if not the source's.
    ASSERT_TRUE(blind) << "the wrong root was accepted";
    tally_.other_root++;
  }

  Tally tally_;
};

TEST_P(StreamHostileIngest, StoresTheRightOrNothing) {
  const uint64_t first = test_seed(10'000 * (GetParam() + 1));
  std::printf("[ SEED     ] from %llu\n", static_cast<unsigned long long>(first));
  for (uint64_t i = 0; i < test_scale(700) && !HasFailure(); i++) {
    run(first + i);
    if (i % 16 == 15) ASSERT_OK(near_.tidy());
  }
  const auto frames = verify_packs(*store_, folder_.path());
  ASSERT_OK(frames);
  tally_.print();
  // What the lies reach is a claim about the whole run, not about a sample of it.
  if (test_scale(700) < 700 || std::getenv("ASHLAR_TEST_SEED")) return;
  EXPECT_GT(tally_.finished, tally_.untouched);
  EXPECT_GT(tally_.failed, tally_.given_up);
  EXPECT_GT(tally_.given_up, 0u);
  EXPECT_GT(tally_.other_root, 0u);
}
INSTANTIATE_TEST_SUITE_P(StreamHostileRuns, StreamHostileIngest, testing::Range<uint64_t>(0, 4));

// ---- into a pool

class StreamHostileRestore : public StreamHostile {
 protected:
  void SetUp() override {
    StreamHostile::SetUp();
    ASSERT_OK(far_.open());
  }

  void store_image(Prng& prng) {
    make_image(prng);
    if (HasFatalFailure()) return;
    auto source = near_.source(snapshot_);
    ASSERT_OK(source);
    ASSERT_OK(ingest(**source, *store_, of_a_cut(1)));
    source->reset();
    ASSERT_OK(near_->volumes->drop_cut(snapshot_));
    ASSERT_OK(near_.tidy());
  }

  void run(uint64_t seed) {
    SCOPED_TRACE("ASHLAR_TEST_SEED=" + std::to_string(seed));
    Prng prng(seed);
    const auto restored = far_.restore(image_.manifest, kBytes);
    ASSERT_OK(restored);
    Guest host(*far_, restored->volume, model_, prng.next());
    for (uint64_t i = prng.below(4); i > 0; i--)
      host.write_at(prng.below(70) * kChunkBytes, random_bytes(prng, kBlockBytes));
    if (HasFatalFailure()) return;
    if (prng.chance(30)) {
      hostile_reads(restored->snapshot, prng);
    } else {
      hostile_sweep(restored->snapshot, prng);
    }
    if (HasFatalFailure()) return;
    host.compare_local();
    ASSERT_FALSE(HasFailure());
    // An honest pull mends whatever the other left.
    auto receiver = far_.hydration(restored->snapshot, Lane::kBackground);
    ASSERT_OK(receiver);
    ASSERT_OK(hydrate(**receiver, *store_, image_.manifest));
    receiver->reset();
    ASSERT_EQ(host.compare_local(), std::vector<uint64_t>());
    ASSERT_OK(far_->remove(restored->volume));
    ASSERT_OK(far_->volumes->release_origins());
  }

  PumpEnd hostile_pull(Hydration& receiver, std::chrono::milliseconds patience, Prng& prng) {
    Liar liar(prng.next(), kPercents[prng.below(4)]);
    PumpOptions options;
    options.patience = patience;
    options.meddler = liar.meddler();
    SnapshotSource source(*store_, *read_manifest(image_.manifest));
    const PumpEnd end = pump(source, receiver, options);
    EXPECT_TRUE(typed(end));
    if (end.complete) {
      tally_.finished++;
      tally_.untouched += liar.lies() == 0;
    } else {
      (end.gave_up() ? tally_.given_up : tally_.failed)++;
    }
    return end;
  }

  void hostile_sweep(const Id& snapshot, Prng& prng) {
    auto receiver = far_.hydration(snapshot, Lane::kBackground);
    ASSERT_OK(receiver);
    const PumpEnd end = hostile_pull(**receiver, kInstallPatience, prng);
    // Something wrong may be said after the last that was needed.
    ASSERT_TRUE(*far_.hydrated(snapshot) || !end.complete);
  }

  // Readers get the bytes of the image or a typed error.
  void hostile_reads(const Id& snapshot, Prng& prng) {
    const auto origin = far_->volumes->origin(snapshot);
    ASSERT_OK(origin);
    std::vector<std::thread> readers;
    for (int i = 0; i < 3; i++) {
      readers.emplace_back([&, chunk = prng.below(71)] {
        const auto got = origin->hydrator->fetch(chunk, kPatience);
        if (!got) {
          EXPECT_TRUE(is_one_of(got.error(), {Code::kRemoteUnavailable}));
          return;
        }
        std::vector<uint8_t> expected(kChunkBytes);
        const uint64_t bytes = std::min(kChunkBytes, kBytes - chunk * kChunkBytes);
        model_.read(chunk * kChunkBytes, MutableBytes(expected).first(bytes));
        EXPECT_TRUE(**got == expected) << "a reader got wrong bytes of chunk " << chunk;
      });
    }
    {
      auto receiver = far_.hydration(snapshot, Lane::kDemand);
      EXPECT_TRUE(receiver.ok());
      hostile_pull(**receiver, kPatience, prng);
    }
    for (std::thread& reader : readers)
      reader.join();
  }

  PullPool far_{2, 64ull << 20};
  Tally tally_;
};

TEST_P(StreamHostileRestore, ReadersGetTheRightBytesOrAnError) {
  const uint64_t first = test_seed(100'000 * (GetParam() + 1));
  std::printf("[ SEED     ] from %llu\n", static_cast<unsigned long long>(first));
  for (uint64_t i = 0; i < test_scale(400) && !HasFailure(); i++) {
    if (i % 100 == 0) {
      Prng prng(first / 100 * 100 + i);
      store_image(prng);
      if (HasFatalFailure()) return;
    }
    run(first + i);
    if (i % 16 == 15) ASSERT_OK(far_.tidy());
  }
  const auto report = far_->pool->check(false);
  ASSERT_OK(report);
  EXPECT_TRUE(report->problems.empty()) << report->problems[0];
  tally_.print();
  if (test_scale(400) < 400 || std::getenv("ASHLAR_TEST_SEED")) return;
  EXPECT_GT(tally_.finished, 0u);
  EXPECT_GT(tally_.failed, 0u);
}
INSTANTIATE_TEST_SUITE_P(StreamHostileRuns, StreamHostileRestore, testing::Range<uint64_t>(0, 4));

}  // namespace
}  // namespace ashlar::test
