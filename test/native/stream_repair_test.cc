// Repair from another store that has the same snapshot, of what was damaged by hand. Replay:
// ASHLAR_TEST_SEED=<seed> build/check/ashlar_tests --gtest_filter='StreamRepair*'
#include "stream/repair.h"
#include "support/copy_world.h"

namespace ashlar::test {
namespace {

class StreamRepair : public testing::TestWithParam<int> {
 protected:
  void SetUp() override {
    prng_ = Prng(test_seed(3500 + uint64_t(GetParam())));
    open(near_, near_folder_);
    open(far_, far_folder_);
    if (HasFatalFailure()) return;
    model_.bytes = (300ull << 20) + kBlockBytes;
    for (int i = 0; i < 40; i++) {
      const uint64_t chunk = prng_.below(prng_.chance(50) ? 200 : 4800);
      model_.write(chunk * kChunkBytes, random_bytes(prng_, kBlockBytes * prng_.between(1, 16)));
    }
    const auto image = put_model(*near_, model_);
    ASSERT_OK(image);
    image_ = *image;
    ASSERT_OK(put_model(*far_, model_));
  }
  static void open(std::unique_ptr<ChunkStore>& store, const MemoryFolder& folder) {
    store.reset();
    auto opened = open_store(folder.path());
    ASSERT_OK(opened);
    store = *std::move(opened);
  }

  // Some frames of a store's packs, by bit flips.
  std::vector<Hash> damage(const MemoryFolder& folder, uint64_t percent) {
    std::vector<Hash> damaged;
    for (const std::string& pack : packs_of(folder.path())) {
      const auto entries = read_directory(pack, *parse_pack_name(fs::path(pack).filename()));
      for (const DirectoryEntry& entry : *entries) {
        if (!prng_.chance(percent)) continue;
        flip_bit(pack, entry.offset + sizeof(FrameHeader) + prng_.below(entry.stored_bytes));
        damaged.push_back(entry.id);
      }
    }
    return damaged;
  }
  Result<IngestResult> repair(std::span<const Hash> damaged) {
    observer_ = {};
    PumpOptions options;
    options.meddler = observer_.meddler();
    SnapshotSource source(*near_, *read_manifest(image_.manifest));
    const auto receiver = TRY(Repair::open(*far_, default_keys(), image_.manifest, damaged));
    TRY(outcome_of(pump(source, *receiver, std::move(options))));
    EXPECT_EQ(receiver->progress().done_bytes, model_.bytes);
    return receiver->finish();
  }
  void expect_whole() {
    const auto stored = stored_snapshot(*far_, image_.root);
    ASSERT_OK(stored);
    EXPECT_EQ(*stored, image_.chunks);
  }
  uint64_t asked() const { return observer_.wanted_chunks.size() + observer_.wanted_nodes.size(); }

  Prng prng_{0};
  MemoryFolder near_folder_;
  MemoryFolder far_folder_;
  std::unique_ptr<ChunkStore> near_;
  std::unique_ptr<ChunkStore> far_;
  ByteModel model_;
  ModelImage image_;
  CopyObserver observer_;
};

TEST_P(StreamRepair, BringsBackWhatIsDamagedAndAsksForNothingElse) {
  const std::vector<Hash> damaged = damage(far_folder_, prng_.between(1, 60));
  const auto repaired = repair(damaged);
  ASSERT_OK(repaired);
  const bool manifest = std::count(damaged.begin(), damaged.end(), image_.root) > 0;
  EXPECT_EQ(asked(), damaged.size() - size_t(manifest));
  EXPECT_EQ(repaired->chunks, observer_.wanted_chunks.size());
  expect_whole();
  // And for good.
  open(far_, far_folder_);
  expect_whole();
}

TEST_P(StreamRepair, FindsWhatIsMissingByItself) {
  far_.reset();
  fs::remove(packs_of(far_folder_.path(), GetParam() % 2 ? 'd' : 'n').front());
  fs::remove_all(far_folder_.path() + "/index");
  open(far_, far_folder_);
  EXPECT_FALSE(stored_snapshot(*far_, image_.root).ok());
  ASSERT_OK(repair({}));
  EXPECT_GT(asked(), 0u);
  expect_whole();
}

TEST_P(StreamRepair, AsksForNothingWhereAllIsWell) {
  const auto repaired = repair({});
  ASSERT_OK(repaired);
  EXPECT_EQ(asked(), 0u);
  EXPECT_EQ(repaired->added_bytes, 0u);
}

TEST_P(StreamRepair, WhatTheSourceLacksTooStaysDamagedAndTheRestIsRepaired) {
  std::vector<Hash> damaged;
  for (const auto& [index, id] : image_.chunks)
    damaged.push_back(id);
  const std::string pack = packs_of(near_folder_.path(), 'd').front();
  const auto entries = read_directory(pack, *parse_pack_name(fs::path(pack).filename()));
  const DirectoryEntry& victim = (*entries)[prng_.below(entries->size())];
  flip_bit(pack, victim.offset + sizeof(FrameHeader));
  for (const std::string& far_pack : packs_of(far_folder_.path(), 'd')) {
    const auto names = read_directory(far_pack, *parse_pack_name(fs::path(far_pack).filename()));
    for (const DirectoryEntry& entry : *names)
      flip_bit(far_pack, entry.offset + sizeof(FrameHeader));
  }
  EXPECT_TRUE(fails_with(repair(damaged), Code::kRemoteUnavailable, "could not give 1 of"));
  for (const auto& [index, id] : image_.chunks)
    EXPECT_EQ(stored_chunk(*far_, id).ok(), id != victim.id);
}

INSTANTIATE_TEST_SUITE_P(StreamRepairs, StreamRepair, testing::Range(0, 6));

}  // namespace
}  // namespace ashlar::test
