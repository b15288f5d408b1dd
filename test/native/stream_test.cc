// The way of a snapshot (DESIGN 8, 9) in one process: written by a host, cut, pulled into a store,
// restored into another pool while its new host already works on it. The root is compared with
// one computed from the model's bytes; the restored volume with the model. Replay:
// ASHLAR_TEST_SEED=<seed> build/check/ashlar_tests --gtest_filter='Stream*'
#include <thread>

#include "support/pull_world.h"

namespace ashlar::test {
namespace {

constexpr uint64_t kChunk = kChunkBytes;

void say_seed(uint64_t seed) {
  std::printf("[ SEED     ] %llu\n", static_cast<unsigned long long>(seed));
}

struct Size {
  const char* name;
  uint64_t bytes;
};
constexpr Size kSizes[] = {
    {"OneBlock", kBlockBytes},
    {"OneChunk", kChunk},
    {"PartOfAChunk", 3 * kChunk + 5 * kBlockBytes},
    {"OneNode", 64 * kChunk},
    {"OneNodeAndABlock", 64 * kChunk + kBlockBytes},
    {"ThreeLevels", (300ull << 20) + 7 * kBlockBytes},
    {"FourLevels", (20ull << 30) + kBlockBytes},
    {"FiveLevels", (3ull << 40) + 3 * kChunk},
};

class StreamWay : public testing::TestWithParam<std::tuple<Size, int>> {
 protected:
  void SetUp() override {
    seed_ = test_seed(2000 + uint64_t(std::get<1>(GetParam())));
    say_seed(seed_);
    ASSERT_OK(near_.open());
    ASSERT_OK(far_.open());
    auto store = open_store(folder_.path());
    ASSERT_OK(store);
    store_ = *std::move(store);
  }

  // Pulls the cut and compares all there is to compare.
  void ingest_and_compare(const Id& snapshot, const ByteModel& model, IngestResult* result) {
    auto source = near_.source(snapshot);
    ASSERT_OK(source);
    const auto ingested = ingest(**source, *store_, of_a_cut(seed_));
    ASSERT_OK(ingested);
    const ModelImage expected = image_of(model);
    EXPECT_EQ(to_hex(ingested->root), to_hex(expected.root));
    EXPECT_EQ(ingested->manifest, expected.manifest);
    EXPECT_EQ(ingested->chunks, expected.chunks.size());
    const auto stored = stored_snapshot(*store_, expected.root);
    ASSERT_OK(stored);
    EXPECT_EQ(*stored, expected.chunks);
    *result = *ingested;
  }

  // The restored volume, cut and listed once more: nothing is where nothing was.
  void compare_root(PullPool& pool, const Id& volume, const ByteModel& model) {
    const auto snapshot = pool.cut(volume);
    ASSERT_OK(snapshot);
    auto source = pool.source(*snapshot);
    ASSERT_OK(source);
    const auto again = ingest(**source, *store_, of_a_cut(seed_));
    ASSERT_OK(again);
    EXPECT_EQ(to_hex(again->root), to_hex(image_of(model).root));
  }

  uint64_t seed_ = 0;
  MemoryFolder folder_;
  std::unique_ptr<ChunkStore> store_;
  PullPool near_{1};
  PullPool far_{2};
};

TEST_P(StreamWay, RestoresWhatWasCut) {
  const uint64_t bytes = std::get<0>(GetParam()).bytes;
  const auto volume = near_.create(bytes);
  ASSERT_OK(volume);
  ByteModel empty;
  empty.bytes = bytes;
  Guest host(*near_, *volume, empty, seed_);
  host.steps(40);
  const auto snapshot = near_.cut(*volume);
  ASSERT_OK(snapshot);
  const ByteModel at_cut = host.model();
  host.steps(20);  // beyond the cut
  IngestResult ingested;
  ingest_and_compare(*snapshot, at_cut, &ingested);
  if (HasFatalFailure()) return;

  // Half of the runs restore into a larger volume.
  const uint64_t grown = bytes + (seed_ % 2 ? 0 : 70 * kChunk + kBlockBytes);
  const auto restored = far_.restore(ingested.manifest, grown);
  ASSERT_OK(restored);
  ByteModel model = at_cut;
  model.bytes = grown;
  Guest far_host(*far_, restored->volume, model, seed_ + 1);
  // The host writes before anything has come and while it comes; whole blocks need no fetch, what
  // needs one goes by the demand lane.
  std::vector<uint8_t> early(kBlockBytes, 0x5a);
  far_host.write_at((bytes - 1) / kBlockBytes * kBlockBytes, early);
  auto demand = far_.hydration(restored->snapshot, Lane::kDemand);
  ASSERT_OK(demand);
  const ManifestFields fields = *read_manifest(ingested.manifest);
  SnapshotSource demand_source(*store_, fields);
  PumpEnd demand_end;
  std::thread demand_pump([&] {
    PumpOptions options;
    options.patience = std::chrono::hours(1);
    demand_end = pump(demand_source, **demand, options);
  });
  std::thread host_at_work([&] { far_host.steps(60); });
  auto background = far_.hydration(restored->snapshot, Lane::kBackground);
  EXPECT_TRUE(background.ok());
  const auto hydrated = hydrate(**background, *store_, ingested.manifest);
  host_at_work.join();
  (*demand)->close();
  demand_pump.join();
  ASSERT_OK(hydrated);
  EXPECT_FALSE(demand_end.receiver_failed || demand_end.source_failed);
  EXPECT_TRUE(*far_.hydrated(restored->snapshot));
  far_host.compare_all();
  compare_root(far_, restored->volume, far_host.model());
  for (PullPool* pool : {&near_, &far_}) {
    const auto report = (*pool)->pool->check(false);
    ASSERT_OK(report);
    EXPECT_TRUE(report->problems.empty()) << report->problems[0];
  }
}

TEST_P(StreamWay, KeepsAnEmptyVolumeEmpty) {
  const uint64_t bytes = std::get<0>(GetParam()).bytes;
  const auto volume = near_.create(bytes);
  ASSERT_OK(volume);
  ByteModel model;
  model.bytes = bytes;
  Guest host(*near_, *volume, model, seed_);
  if (seed_ % 2) {  // written zeros are zeros
    host.write_at(bytes - kBlockBytes, std::vector<uint8_t>(kBlockBytes));
  }
  const auto snapshot = near_.cut(*volume);
  ASSERT_OK(snapshot);
  IngestResult ingested;
  ingest_and_compare(*snapshot, model, &ingested);
  if (HasFatalFailure()) return;
  EXPECT_EQ(ingested.chunks, 0u);
  const auto restored = far_.restore(ingested.manifest, bytes);
  ASSERT_OK(restored);
  auto background = far_.hydration(restored->snapshot, Lane::kBackground);
  ASSERT_OK(background);
  ASSERT_OK(hydrate(**background, *store_, ingested.manifest));
  Guest(*far_, restored->volume, model, seed_).compare_all();
  compare_root(far_, restored->volume, model);
}

// A snapshot of a volume that is itself still being restored: what is remote is fetched for it, one
// chunk after the other, so the large sizes are left out.
class StreamReseal : public StreamWay {};
TEST_P(StreamReseal, SealsWhatIsStillRemote) {
  const uint64_t bytes = std::get<0>(GetParam()).bytes;
  const auto volume = near_.create(bytes);
  ASSERT_OK(volume);
  ByteModel model;
  model.bytes = bytes;
  Guest host(*near_, *volume, model, seed_);
  host.steps(30);
  const auto snapshot = near_.cut(*volume);
  ASSERT_OK(snapshot);
  IngestResult ingested;
  ingest_and_compare(*snapshot, host.model(), &ingested);
  if (HasFatalFailure()) return;
  const auto restored = far_.restore(ingested.manifest, bytes + kChunk);
  ASSERT_OK(restored);
  model = host.model();
  model.bytes = bytes + kChunk;
  Guest far_host(*far_, restored->volume, model, seed_ + 1);
  far_host.write_at(bytes / 2 / kBlockBytes * kBlockBytes, std::vector<uint8_t>(kBlockBytes, 7));
  auto demand = far_.hydration(restored->snapshot, Lane::kDemand);
  ASSERT_OK(demand);
  SnapshotSource demand_source(*store_, *read_manifest(ingested.manifest));
  std::thread demand_pump([&] {
    PumpOptions options;
    options.patience = std::chrono::hours(1);
    pump(demand_source, **demand, options);
  });
  compare_root(far_, restored->volume, far_host.model());
  (*demand)->close();
  demand_pump.join();
}

std::string name_of(const testing::TestParamInfo<StreamWay::ParamType>& run) {
  return std::get<0>(run.param).name + std::to_string(std::get<1>(run.param));
}
INSTANTIATE_TEST_SUITE_P(StreamSizes, StreamWay,
                         testing::Combine(testing::ValuesIn(kSizes), testing::Range(0, 2)),
                         name_of);
INSTANTIATE_TEST_SUITE_P(StreamSizes, StreamReseal,
                         testing::Combine(testing::ValuesIn(kSizes, kSizes + 6),
                                          testing::Range(0, 2)),
                         name_of);

}  // namespace
}  // namespace ashlar::test
