// Records that cannot be read: all others are told, the damaged are named, and a collection drops
// those that it is told are superseded and no other.
#include <atomic>
#include <thread>

#include "support/snapshot_world.h"

namespace ashlar::test {
namespace {

// Records of the generations 1 to 3, each in a pack of its own, and a snapshot.
class StoreRecords : public testing::Test {
 protected:
  void SetUp() override {
    reopen();
    for (uint64_t generation = 1; generation <= 3; generation++) {
      ASSERT_OK(store_->append_record(generation, kRecordCommit,
                                      std::vector<uint8_t>(20, uint8_t(generation))));
    }
    packs_ = packs_of(temp_.path(), 'n');
    ASSERT_EQ(packs_.size(), 3u);
    const auto pulled = pull(*store_, image_of(0, 20));
    ASSERT_OK(pulled);
    kept_ = *pulled;
  }
  void reopen() {
    store_.reset();
    auto opened = open_store(temp_.path());
    ASSERT_OK(opened);
    store_ = *std::move(opened);
  }
  // These can be read, and one is damaged.
  void expect_damaged(const std::vector<uint64_t>& readable, const std::string& pack,
                      std::optional<uint64_t> generation) {
    const auto found = store_->records();
    ASSERT_OK(found);
    EXPECT_EQ(generations(*found), readable);
    ASSERT_EQ(found->damaged.size(), 1u);
    EXPECT_EQ(found->damaged[0].generation, generation);
    EXPECT_NE(found->damaged[0].message.find(pack), std::string::npos) << found->damaged[0].message;
    const auto alone = find_damaged_records(store_->folder());
    ASSERT_OK(alone);
    ASSERT_EQ(alone->size(), 1u);
    EXPECT_EQ((*alone)[0].message, found->damaged[0].message);
  }
  void expect_whole(const std::vector<uint64_t>& readable) {
    const auto found = store_->records();
    ASSERT_OK(found);
    EXPECT_EQ(generations(*found), readable);
    EXPECT_TRUE(found->damaged.empty());
    EXPECT_TRUE(is_whole(*store_, kept_));
  }
  static std::vector<uint64_t> generations(const Records& records) {
    std::vector<uint64_t> generations;
    for (const auto& record : records.records) {
      generations.push_back(record.generation);
      EXPECT_EQ(record.row, std::vector<uint8_t>(20, uint8_t(record.generation)));
    }
    return generations;
  }

  TempFolder temp_;
  std::unique_ptr<ChunkStore> store_;
  std::vector<std::string> packs_;
  Snapshot kept_;
};

TEST_F(StoreRecords, AFlippedBitHarmsItsRecordAlone) {
  const uint64_t end = sizeof(PackHeader) + sizeof(FrameHeader) + sizeof(RecordBody) + 20;
  for (uint64_t offset = sizeof(PackHeader); offset < end; offset++) {
    SCOPED_TRACE(offset);
    flip_bit(packs_[1], offset, int(offset % 8));
    expect_damaged({1, 3}, packs_[1], 2);
    flip_bit(packs_[1], offset, int(offset % 8));
    if (HasFailure()) return;
  }
  expect_whole({1, 2, 3});
  EXPECT_EQ(store_->index().totals().highest_generation, 3u);
}

TEST_F(StoreRecords, ADirectoryThatIsDamagedHarmsNoRecord) {
  const uint64_t size = fs::file_size(packs_[1]);
  for (const uint64_t offset : {uint64_t(3), size - 20, size - sizeof(PackFooter) - 60}) {
    flip_bit(packs_[1], offset);
    expect_whole({1, 2, 3});
    flip_bit(packs_[1], offset);
  }
}

TEST_F(StoreRecords, APackWithoutDirectoryAndFramesIsToldAsAWhole) {
  flip_bit(packs_[1], fs::file_size(packs_[1]) - 20);
  flip_bit(packs_[1], sizeof(PackHeader) + sizeof(FrameHeader) + 3);
  expect_damaged({1, 3}, packs_[1], std::nullopt);
  EXPECT_TRUE(fails_with(collect(*store_, {kept_}, {2}), Code::kCorrupt, packs_[1]));
  expect_damaged({1, 3}, packs_[1], std::nullopt);
}

TEST_F(StoreRecords, ACollectionDropsWhatIsSupersededAndCannotBeRead) {
  const uint64_t body = sizeof(PackHeader) + sizeof(FrameHeader) + 3;
  flip_bit(packs_[1], body);
  // The readable one is said to be superseded too.
  const auto collected = collect(*store_, {kept_}, {2, 3});
  ASSERT_OK(collected);
  EXPECT_EQ(collected->packs_deleted, 1u);
  EXPECT_FALSE(fs::exists(packs_[1]));
  expect_whole({1, 3});
  EXPECT_TRUE(store_->take_damage_reports().empty());
  drop_index(temp_.path());
  reopen();
  expect_whole({1, 3});
}

// In one pack with others, which are carried on.
TEST_F(StoreRecords, ACollectionDropsItFromAPackWithOthers) {
  for (uint64_t generation = 4; generation <= 9; generation++) {
    ASSERT_OK(store_->append_record(generation, kRecordCommit,
                                    std::vector<uint8_t>(20, uint8_t(generation))));
  }
  ASSERT_OK(collect(*store_, {kept_}));
  const std::vector<std::string> merged = packs_of(temp_.path(), 'n');
  ASSERT_EQ(merged.size(), 1u);
  const auto directory =
      read_directory(merged[0], *parse_pack_name(fs::path(merged[0]).filename()));
  ASSERT_OK(directory);
  for (const DirectoryEntry& entry : *directory) {
    if (entry.id == record_id(5)) flip_bit(merged[0], entry.offset + sizeof(FrameHeader) + 30);
  }
  expect_damaged({1, 2, 3, 4, 6, 7, 8, 9}, merged[0], 5);
  ASSERT_OK(collect(*store_, {kept_}, {5}));
  EXPECT_FALSE(fs::exists(merged[0]));
  expect_whole({1, 2, 3, 4, 6, 7, 8, 9});
  EXPECT_TRUE(is_closed(*store_));
}

// A pack that has to be written anew cannot be, and any doubt keeps it.
TEST_F(StoreRecords, ACollectionKeepsWhatIsNotSupersededAndTellsIt) {
  for (uint64_t generation = 4; generation <= 9; generation++) {
    ASSERT_OK(store_->append_record(generation, kRecordCommit,
                                    std::vector<uint8_t>(20, uint8_t(generation))));
  }
  flip_bit(packs_[1], sizeof(PackHeader) + sizeof(FrameHeader) + 3);
  EXPECT_TRUE(fails_with(collect(*store_, {kept_}, {1, 3}), Code::kCorrupt, packs_[1]));
  const std::vector<std::string> reports = store_->take_damage_reports();
  ASSERT_EQ(reports.size(), 1u);
  EXPECT_NE(reports[0].find(packs_[1]), std::string::npos);
  expect_damaged({1, 3, 4, 5, 6, 7, 8, 9}, packs_[1], 2);
  EXPECT_TRUE(is_whole(*store_, kept_));
}

// A collection that was cut off left a second copy, and only one of the two is damaged.
TEST_F(StoreRecords, ACopyThatCanBeReadStaysWhenTheOtherIsDropped) {
  auto twin = PackWriter::create(temp_.path() + "/packs", {PackKind::kNode, 1, 99});
  ASSERT_OK(twin);
  const std::vector<uint8_t> stored = pack_record({2, kRecordCommit, std::vector<uint8_t>(20, 2)});
  ASSERT_OK(twin->append({FrameKind::kRecord, record_id(2), uint32_t(stored.size()), stored}));
  ASSERT_OK(twin->seal());
  flip_bit(packs_[1], sizeof(PackHeader) + sizeof(FrameHeader) + 3);
  expect_damaged({1, 2, 3}, packs_[1], 2);
  ASSERT_OK(collect(*store_, {kept_}, {2}));
  expect_whole({1, 2, 3});
}

// It moves them from pack to pack meanwhile.
TEST_F(StoreRecords, AreReadBesideCollections) {
  std::atomic<bool> done = false;
  std::thread reader([&] {
    while (!done) {
      const auto found = store_->records();
      ASSERT_OK(found);
      EXPECT_TRUE(found->damaged.empty()) << found->damaged[0].message;
    }
  });
  uint64_t generation = 3;
  for (int round = 0; round < 20; round++) {
    for (int i = 0; i < 8; i++) {
      generation++;
      EXPECT_OK(store_->append_record(generation, kRecordCommit,
                                      std::vector<uint8_t>(20, uint8_t(generation))));
    }
    EXPECT_OK(collect(*store_, {kept_}));
  }
  done = true;
  reader.join();
  const auto found = store_->records();
  ASSERT_OK(found);
  EXPECT_EQ(found->records.size(), generation);
}

}  // namespace
}  // namespace ashlar::test
