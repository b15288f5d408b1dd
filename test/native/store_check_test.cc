// The offline check finds each kind of damage that is planted, and nothing in a sound store; a
// rebuilt index has everything that can be read and quarantines what cannot.
#include "store/check.h"

#include <map>

#include "store/mend.h"
#include "support/snapshot_world.h"

namespace ashlar::test {
namespace {

class StoreCheck : public testing::Test {
 protected:
  // Two snapshots, the second with deltas on the first, and a record.
  void SetUp() override {
    open();
    for (uint64_t i = 0; i < 20; i++)
      base_[i] = {i, 0};
    changed_ = base_;
    for (uint64_t i = 0; i < 10; i++)
      changed_[i].variant = 1;
    first_ = *pull(*store_, base_);
    second_ = *pull(*store_, changed_, &base_);
    ASSERT_OK(store_->append_record(3, kRecordCommit, Bytes()));
    data_ = packs_of(temp_.path(), 'd');
    nodes_ = packs_of(temp_.path(), 'n');
    store_.reset();
  }
  void open() {
    auto opened = open_store(temp_.path());
    ASSERT_OK(opened);
    store_ = *std::move(opened);
  }
  StoreReport check() {
    const auto report = check_store(temp_.path(), chunk_keys());
    EXPECT_OK(report);
    return report ? *report : StoreReport();
  }
  // Without that pack, as if it had never been indexed.
  void lose(const std::string& pack) { fs::remove(pack); }

  TempFolder temp_;
  std::unique_ptr<ChunkStore> store_;
  Image base_;
  Image changed_;
  Snapshot first_;
  Snapshot second_;
  std::vector<std::string> data_;
  std::vector<std::string> nodes_;
};

TEST_F(StoreCheck, ASoundStore) {
  const StoreReport report = check();
  EXPECT_TRUE(report.problems.empty()) << report.problems.front();
  EXPECT_EQ(report.packs, 5u);
  EXPECT_EQ(report.frames, 20u + 10 + (2 + 1) * 2 + 1);
  EXPECT_EQ(report.missing_from_index, 0u);
}

TEST_F(StoreCheck, RefusesAStoreInUseAndWhatIsNone) {
  open();
  EXPECT_TRUE(fails_with(check_store(temp_.path(), chunk_keys()), Code::kInUse, "stop it first"));
  EXPECT_TRUE(fails_with(rebuild_index(temp_.path()), Code::kInUse, "stop it first"));
  store_.reset();
  const TempFolder empty;
  EXPECT_TRUE(fails_with(check_store(empty.path(), chunk_keys()), Code::kNotFound, "STORE"));
  EXPECT_TRUE(fs::is_empty(empty.path())) << "it made something";
}

TEST_F(StoreCheck, AFlippedBitInEveryKindOfFrame) {
  for (const std::string& pack : packs_of(temp_.path())) {
    const auto directory = read_directory(pack, *parse_pack_name(fs::path(pack).filename()));
    ASSERT_OK(directory);
    for (const DirectoryEntry& entry : {directory->front(), directory->back()}) {
      flip_bit(pack, entry.offset + sizeof(FrameHeader));
      const StoreReport report = check();
      EXPECT_EQ(report.damaged_frames, 1u);
      ASSERT_EQ(report.problems.size(), 1u);
      EXPECT_NE(report.problems[0].find(pack), std::string::npos);
      flip_bit(pack, entry.offset + sizeof(FrameHeader));
    }
    const uint64_t footer = fs::file_size(pack) - 3;
    flip_bit(pack, footer);
    const StoreReport report = check();
    EXPECT_GE(report.problems.size(), 1u);
    EXPECT_NE(report.problems[0].find("the footer is damaged"), std::string::npos);
    flip_bit(pack, footer);
  }
  EXPECT_TRUE(check().problems.empty());
}

TEST_F(StoreCheck, BytesThatAreNotWhatTheirIdSays) {
  open();
  {
    StoreSession session(*store_);
    Chunk lie = random_chunk(77);
    lie.id[5] ^= 1;
    ASSERT_OK(session.add_chunk(lie.raw()));
    const Chunk base = chunk_of(base_[15]);
    const Chunk truth = with_blocks(base, {2}, 5);
    DeltaOf delta(truth, base);
    StoredFrame frame = delta.view();
    frame.id[5] ^= 1;
    ASSERT_OK(session.add_chunk(frame));
    ASSERT_OK(session.finish());
  }
  store_.reset();
  EXPECT_EQ(check().damaged_frames, 2u);
}

TEST_F(StoreCheck, AMissingPack) {
  lose(data_[0]);
  const StoreReport report = check();
  EXPECT_EQ(report.dangling_index_entries, 20u);
  EXPECT_FALSE(report.problems.empty());
}

TEST_F(StoreCheck, APackThatIsNotIndexedIsNoDamage) {
  drop_index(temp_.path());
  open();
  store_.reset();
  // As after a power cut that took the end of the index's log.
  {
    const auto index = Index::open(temp_.path() + "/index");
    ASSERT_OK(index);
    const PackName name = *parse_pack_name(fs::path(nodes_[1]).filename());
    const auto directory = read_directory(nodes_[1], name);
    ASSERT_OK(directory);
    ASSERT_OK((*index)->drop(name, *directory));
    ASSERT_OK((*index)->forget_pack(name));
  }
  const StoreReport report = check();
  EXPECT_EQ(report.missing_from_index, 3u);
  EXPECT_TRUE(report.problems.empty()) << report.problems.front();
  open();
  EXPECT_TRUE(is_whole(*store_, second_));
}

TEST_F(StoreCheck, GapsBelowNodesAndUnderDeltas) {
  {
    const auto index = Index::open(temp_.path() + "/index");
    ASSERT_OK(index);
    const PackName name = *parse_pack_name(fs::path(data_[0]).filename());
    const auto directory = read_directory(data_[0], name);
    ASSERT_OK(directory);
    ASSERT_OK((*index)->drop(name, *directory));
  }
  const StoreReport report = check();
  EXPECT_EQ(report.nodes_without_children, 2u);
  EXPECT_EQ(report.deltas_without_base, 10u);
}

TEST_F(StoreCheck, UnknownFilesAndQuarantine) {
  write_file(temp_.path() + "/packs/notes.txt", Bytes());
  write_file(temp_.path() + "/packs/" + PackName{PackKind::kData, 1, 99}.file_name() + ".tmp",
             Bytes());
  {
    const auto index = Index::open(temp_.path() + "/index");
    ASSERT_OK(index);
    ASSERT_OK((*index)->quarantine(id_of({3, 0})));
  }
  const StoreReport report = check();
  EXPECT_EQ(report.unknown_files, 1u);
  EXPECT_EQ(report.quarantined, 1u);
  EXPECT_EQ(report.problems.size(), 2u);
}

TEST_F(StoreCheck, DamageThatNothingNeedsAnyMoreIsCountedApart) {
  open();
  {
    StoreSession session(*store_);
    ASSERT_OK(session.add_chunk(chunk_of({15, 0}).raw()));  // a newer copy
    ASSERT_OK(session.finish());
  }
  store_.reset();
  const auto directory = read_directory(data_[0], *parse_pack_name(fs::path(data_[0]).filename()));
  ASSERT_OK(directory);
  for (const DirectoryEntry& entry : *directory) {
    if (entry.id == id_of({15, 0})) flip_bit(data_[0], entry.offset + sizeof(FrameHeader));
  }
  const StoreReport report = check();
  EXPECT_EQ(report.dead_damaged_frames, 1u);
  EXPECT_TRUE(report.problems.empty());
}

TEST_F(StoreCheck, RebuildMakesTheSameIndex) {
  const auto entries = [&] {
    std::map<Hash, Location> all;
    const auto index = Index::open_read_only(temp_.path() + "/index");
    EXPECT_OK(index);
    EXPECT_OK((*index)->each([&](const Hash& id, const Location& at) -> Result<void> {
      all[id] = at;
      return {};
    }));
    return all;
  };
  const auto before = entries();
  write_file(temp_.path() + "/index/CURRENT", Bytes());
  const auto report = rebuild_index(temp_.path());
  ASSERT_OK(report);
  EXPECT_EQ(report->packs, 5u);
  EXPECT_TRUE(report->problems.empty());
  EXPECT_EQ(report->quarantined, 0u);
  EXPECT_EQ(entries(), before);
  EXPECT_FALSE(fs::exists(temp_.path() + "/index.old"));
  EXPECT_FALSE(fs::exists(temp_.path() + "/index.new"));
  open();
  EXPECT_TRUE(is_whole(*store_, second_));
  EXPECT_EQ(store_->index().totals().highest_generation, 3u);
}

TEST_F(StoreCheck, RebuildWithoutAPackQuarantinesWhatNodesName) {
  lose(data_[0]);
  flip_bit(nodes_[0], fs::file_size(nodes_[0]) - 3);
  flip_bit(nodes_[0], sizeof(PackHeader) + sizeof(FrameHeader));
  const auto report = rebuild_index(temp_.path());
  ASSERT_OK(report);
  EXPECT_EQ(report->problems.size(), 1u);
  // The second snapshot's node is left: its ten old chunks are gone, its ten deltas lack bases.
  EXPECT_EQ(report->quarantined, 20u);
  open();
  EXPECT_EQ(store_->quarantined().size(), 20u);
  ASSERT_OK(pull(*store_, base_));
  ASSERT_OK(pull(*store_, changed_, &base_));
  EXPECT_TRUE(is_whole(*store_, first_));
  EXPECT_TRUE(is_whole(*store_, second_));
  EXPECT_TRUE(store_->quarantined().empty());
}

TEST_F(StoreCheck, RebuildKeepsTheFramesOfPacksThatAreDamagedBesideThem) {
  size_t hurt = 0;
  for (const std::string& pack : packs_of(temp_.path())) {
    const uint64_t size = fs::file_size(pack);
    const uint64_t offsets[] = {size - 3, size - sizeof(PackFooter) - 40, 3};
    flip_bit(pack, offsets[hurt++ % 3]);
  }
  const StoreReport checked = check();
  EXPECT_EQ(checked.problems.size(), hurt);
  EXPECT_EQ(checked.frames, 20u + 10 + (2 + 1) * 2 + 1);
  EXPECT_EQ(checked.dangling_index_entries, 0u);
  const auto report = rebuild_index(temp_.path());
  ASSERT_OK(report);
  EXPECT_EQ(report->problems.size(), hurt);
  EXPECT_EQ(report->frames, checked.frames);
  EXPECT_EQ(report->quarantined, 0u);
  open();
  EXPECT_TRUE(is_whole(*store_, first_));
  EXPECT_TRUE(is_whole(*store_, second_));
  EXPECT_EQ(store_->index().totals().highest_generation, 3u);
}

// The index and a pack are both gone: an open finds the gaps as well.
TEST_F(StoreCheck, AnOpenWithoutAnIndexFindsTheGaps) {
  lose(data_[0]);
  drop_index(temp_.path());
  open();
  EXPECT_EQ(store_->quarantined().size(), 30u);
  EXPECT_FALSE(store_->take_damage_reports().empty());
}

}  // namespace
}  // namespace ashlar::test
