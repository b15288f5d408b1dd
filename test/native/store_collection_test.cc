// Collection, one situation at a time: what goes, what stays, and each interleaving with a pull
// that has lost other people's data.
#include <bit>

#include "support/snapshot_world.h"

namespace ashlar::test {
namespace {

class StoreCollection : public testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    store_.reset();
    auto opened = open_store(temp_.path());
    ASSERT_OK(opened);
    store_ = *std::move(opened);
  }
  Snapshot put(const Image& image, const Image* base = nullptr) {
    auto pulled = pull(*store_, image, base);
    EXPECT_OK(pulled);
    return pulled ? *std::move(pulled) : Snapshot();
  }
  bool present(const Hash& id) {
    const auto present = store_->present(std::span(&id, 1));
    EXPECT_OK(present);
    return present && (*present)[0];
  }
  bool in_index(const Hash& id) {
    const auto at = store_->index().find(id);
    EXPECT_OK(at);
    return at && at->has_value();
  }
  std::unique_ptr<Collection> begin(const std::vector<Snapshot>& snapshots) {
    auto begun = Collection::begin(*store_, chunk_keys(), roots_of(snapshots));
    EXPECT_OK(begun);
    return begun ? *std::move(begun) : nullptr;
  }
  Collection::Outcome end(std::unique_ptr<Collection> collection,
                          const std::vector<Snapshot>& snapshots) {
    const auto ended = collection->end(roots_of(snapshots));
    EXPECT_OK(ended);
    EXPECT_TRUE(is_closed(*store_));
    for (const Snapshot& snapshot : snapshots)
      EXPECT_TRUE(is_whole(*store_, snapshot));
    return ended ? *ended : Collection::Outcome();
  }
  uint64_t pack_bytes() {
    const auto stats = store_->stats();
    EXPECT_OK(stats);
    return stats ? stats->pack_bytes : 0;
  }

  TempFolder temp_;
  std::unique_ptr<ChunkStore> store_;
};

TEST_F(StoreCollection, KeepsWhatARootReachesAndNothingElse) {
  const Snapshot kept = put(image_of(0, 20));
  const Snapshot deleted = put(image_of(10, 20));
  ASSERT_OK(store_->append_record(5, kRecordDelete, Bytes()));
  const uint64_t before = pack_bytes();
  auto collection = begin({kept});
  EXPECT_EQ(collection->condemned().chunks, 10u + 2 + 1);  // with two nodes and the manifest
  EXPECT_FALSE(present(id_of({25, 0})));
  EXPECT_TRUE(present(id_of({15, 0})));
  EXPECT_TRUE(is_whole(*store_, deleted)) << "condemned is still there for those who read";
  const Collection::Outcome outcome = end(std::move(collection), {kept});
  EXPECT_EQ(outcome.chunks_dropped, 10u + 2 + 1);
  EXPECT_EQ(before - pack_bytes(), outcome.freed_bytes);
  EXPECT_FALSE(in_index(id_of({25, 0})));
  EXPECT_EQ(store_->index().totals().chunks, 20u);
  for (int i = 0; i < 2; i++) {
    EXPECT_TRUE(is_whole(*store_, kept));
    ASSERT_EQ(store_->records()->records.size(), 1u);
    reopen();
  }
  drop_index(temp_.path());
  reopen();
  EXPECT_TRUE(is_whole(*store_, kept));
  EXPECT_FALSE(present(id_of({25, 0})));
  EXPECT_EQ(store_->index().totals().highest_generation, 5u);
}

TEST_F(StoreCollection, AnEmptyStoreIsEmptiedOnce) {
  put(image_of(0, 20));
  const auto outcome = collect(*store_, {});
  ASSERT_OK(outcome);
  EXPECT_TRUE(packs_of(temp_.path()).empty());
  const auto again = collect(*store_, {});
  ASSERT_OK(again);
  EXPECT_EQ(again->chunks_dropped, 0u);
}

// It looked up before the chunk was condemned, and commits between the marks.
TEST_F(StoreCollection, APullThatLookedBeforeAndCommits) {
  const Snapshot old = put(image_of(0, 20));
  Pull late(*store_, image_of(0, 20), nullptr);  // leans on all of it
  ASSERT_OK(late.look());
  auto collection = begin({});
  const auto committed = late.finish();
  ASSERT_OK(committed);
  EXPECT_TRUE(is_whole(*store_, *committed));
  const Collection::Outcome outcome = end(std::move(collection), {*committed});
  EXPECT_EQ(outcome.chunks_dropped, 0u);
  EXPECT_TRUE(present(id_of({3, 0}))) << "not condemned any more";
}

// The same, but it fails after its nodes were written: they must not stay without their chunks, or
// the next pull would take them for whole subtrees.
TEST_F(StoreCollection, APullThatLookedBeforeAndIsNeverCommitted) {
  put(image_of(0, 20));
  Image other = image_of(0, 20);
  other[200] = {500, 0};
  auto late = std::make_unique<Pull>(*store_, other, nullptr);
  ASSERT_OK(late->look());
  auto collection = begin({});
  const auto finished = late->finish();
  ASSERT_OK(finished);
  late.reset();
  end(std::move(collection), {});
  EXPECT_TRUE(is_whole(*store_, *finished)) << "until the next collection";
  const auto next = collect(*store_, {});
  ASSERT_OK(next);
  EXPECT_TRUE(packs_of(temp_.path()).empty());
}

// It began after: what is condemned is missing, so it brings its own copy, which stays.
TEST_F(StoreCollection, APullThatBeginsAfterStoresItAgain) {
  put(image_of(0, 20));
  auto collection = begin({});
  const Snapshot fresh = put(image_of(0, 20));
  end(std::move(collection), {});  // its commit comes later still
  EXPECT_TRUE(is_whole(*store_, fresh));
  const auto next = collect(*store_, {fresh});
  ASSERT_OK(next);
  EXPECT_TRUE(is_whole(*store_, fresh));
  EXPECT_EQ(store_->index().totals().chunks, 20u);
}

TEST_F(StoreCollection, ADeltaKeepsItsBase) {
  Image changed = image_of(0, 20);
  const Image base = changed;
  const Snapshot first = put(base);
  for (auto& [index, content] : changed)
    content.variant = 1;
  const Snapshot second = put(changed, &base);
  ASSERT_EQ(store_->index().find(id_of({3, 1})).value()->kind, FrameKind::kDelta);
  const auto outcome = collect(*store_, {second});
  ASSERT_OK(outcome);
  EXPECT_TRUE(is_whole(*store_, second));
  EXPECT_TRUE(is_closed(*store_));
  EXPECT_TRUE(in_index(id_of({3, 0}))) << "its base";
  ASSERT_OK(collect(*store_, {}));
  EXPECT_TRUE(packs_of(temp_.path()).empty());
}

// The base was condemned after the pull had decided to lean on it.
TEST_F(StoreCollection, ADeltaWhoseBaseIsCondemnedMeanwhile) {
  const Image base = image_of(0, 20);
  Image changed = base;
  for (auto& [index, content] : changed)
    content.variant = 1;
  put(base);
  Pull late(*store_, changed, &base);
  ASSERT_OK(late.look());
  ASSERT_OK(late.write(10));
  auto collection = begin({});
  ASSERT_OK(late.write(1));  // in full by now
  const auto finished = late.finish();
  ASSERT_OK(finished);
  size_t missing = 0;
  for (const auto& [index, content] : changed)
    missing += !present(id_of(content));
  EXPECT_EQ(missing, 10u) << "nobody else leans on deltas whose base is condemned";
  end(std::move(collection), {*finished});
  EXPECT_TRUE(is_whole(*store_, *finished));
  ASSERT_OK(collect(*store_, {*finished}));
  EXPECT_TRUE(is_whole(*store_, *finished));
  EXPECT_TRUE(is_closed(*store_));
}

TEST_F(StoreCollection, PacksOfRunningSessionsAreNotTouched) {
  StoreSession session(*store_);
  Image image;
  for (uint64_t i = 0; i < kImageChunks; i++)
    image[i] = {3 * i, 0};  // none compresses
  std::vector<StoredFrame> frames;
  for (uint64_t i = 0; i < 1100; i++)  // more than a pack
    ASSERT_OK(session.add_chunk(chunk_of({3 * i, 0}).raw()));
  ASSERT_EQ(packs_of(temp_.path()).size(), 1u) << "one pack is sealed and indexed";
  auto collection = begin({});
  EXPECT_TRUE(present(id_of({0, 0})));
  EXPECT_EQ(collection->condemned().chunks, 0u);
  end(std::move(collection), {});
  EXPECT_TRUE(present(id_of({0, 0})));
}

TEST_F(StoreCollection, ARestartForgetsWhatIsCondemned) {
  const Snapshot snapshot = put(image_of(0, 20));
  auto collection = begin({});
  EXPECT_FALSE(present(id_of({3, 0})));
  collection.reset();
  EXPECT_TRUE(present(id_of({3, 0})));
  collection = begin({});
  collection.reset();
  reopen();
  EXPECT_TRUE(present(id_of({3, 0})));
  EXPECT_TRUE(is_whole(*store_, snapshot));
}

TEST_F(StoreCollection, ANodeThatCannotBeReadEndsItBeforeAnythingGoes) {
  const Snapshot kept = put(image_of(0, 20));
  put(image_of(100, 20));
  const std::string nodes = packs_of(temp_.path(), 'n')[0];
  flip_bit(nodes, sizeof(PackHeader) + sizeof(FrameHeader) + 40);
  const std::vector<std::string> packs = packs_of(temp_.path());
  EXPECT_TRUE(fails_with(Collection::begin(*store_, chunk_keys(), roots_of({kept})), Code::kCorrupt,
                         "is damaged"));
  EXPECT_EQ(packs_of(temp_.path()), packs);
  EXPECT_TRUE(present(id_of({110, 0}))) << "nothing is condemned";
  Snapshot unknown;
  unknown.manifest = manifest_of(image_of(900, 3));
  EXPECT_TRUE(fails_with(Collection::begin(*store_, chunk_keys(), roots_of({unknown})),
                         Code::kNotFound, ""));
  EXPECT_EQ(packs_of(temp_.path()), packs);
}

TEST_F(StoreCollection, HalfDeadPacksAreRewrittenAndReadersFollow) {
  Image image = image_of(0, 60);
  const Snapshot deleted = put(image);
  Image part(image.begin(), std::next(image.begin(), 10));
  const Snapshot kept = put(part);
  const uint64_t before = pack_bytes();
  auto collection = begin({kept});
  // A reader that found the old place just before: its file goes away.
  const Location old_at = *store_->index().find(id_of({3, 0})).value();
  const Collection::Outcome outcome = end(std::move(collection), {kept});
  EXPECT_GE(outcome.packs_rewritten, 1u);
  EXPECT_EQ(before - pack_bytes(), outcome.freed_bytes);
  EXPECT_FALSE(fs::exists(store_->folder().pack(old_at.pack)));
  EXPECT_TRUE(is_whole(*store_, kept));
  reopen();
  EXPECT_TRUE(is_whole(*store_, kept));
  EXPECT_TRUE(store_->quarantined().empty());
}

TEST_F(StoreCollection, ADamagedPackIsKept) {
  put(image_of(0, 60));
  const Snapshot kept = put(image_of(0, 10));
  const auto at = store_->index().find(id_of({3, 0}));
  ASSERT_OK(at);
  const std::string pack = store_->folder().pack((*at)->pack);
  flip_bit(pack, (*at)->offset + sizeof(FrameHeader) + 5);
  auto collection = begin({kept});
  const auto ended = collection->end(roots_of({kept}));
  ASSERT_OK(ended);
  ASSERT_EQ(ended->kept.size(), 1u);
  EXPECT_TRUE(fs::exists(pack));
  EXPECT_EQ(store_->quarantined(), std::vector<Hash>{id_of({3, 0})});
  collection.reset();
  // A fresh copy ends the quarantine, and the next collection is free to rewrite the pack.
  put(image_of(0, 10));
  EXPECT_TRUE(is_whole(*store_, kept));
  ASSERT_OK(collect(*store_, {kept}));
  EXPECT_FALSE(fs::exists(pack));
  EXPECT_TRUE(is_whole(*store_, kept));
}

// Beside its frames: its header, its directory, or its footer.
TEST_F(StoreCollection, APackThatIsDamagedBesideItsFramesIsWrittenAnew) {
  put(image_of(100, 20));
  const Snapshot kept = put(image_of(0, 70));
  ASSERT_OK(store_->append_record(7, kRecordCommit, std::vector<uint8_t>(10, 1)));
  const std::vector<std::string> before = packs_of(temp_.path());
  ASSERT_EQ(before.size(), 5u);
  for (size_t i = 0; i < before.size(); i++) {
    const uint64_t size = fs::file_size(before[i]);
    // Footer, the directory's last entry, and the header's magic, version and counter.
    const uint64_t offsets[] = {size - 20, size - sizeof(PackFooter) - 40, 3, 9, 26};
    flip_bit(before[i], offsets[i]);
  }
  const auto collected = collect(*store_, {kept});
  ASSERT_OK(collected);
  EXPECT_TRUE(collected->kept.empty());
  EXPECT_TRUE(is_closed(*store_));
  EXPECT_TRUE(is_whole(*store_, kept));
  EXPECT_FALSE(in_index(id_of({110, 0})));
  EXPECT_EQ(store_->take_damage_reports().size(), before.size());
  for (const std::string& pack : packs_of(temp_.path()))
    EXPECT_OK(read_directory(pack, *parse_pack_name(fs::path(pack).filename())));
  drop_index(temp_.path());
  reopen();
  EXPECT_TRUE(is_whole(*store_, kept));
  const auto records = store_->records();
  ASSERT_OK(records);
  EXPECT_EQ(records->records.size(), 1u);
}

// Another pack's frames would look like copies that nobody names.
TEST_F(StoreCollection, AHeaderThatIsNotThePacksOwnEndsItBeforeAnythingGoes) {
  const Snapshot kept = put(image_of(0, 20));
  const std::string pack = packs_of(temp_.path()).front();
  flip_bit(pack, 20);
  flip_bit(pack, fs::file_size(pack) - 20);
  EXPECT_TRUE(fails_with(Collection::begin(*store_, chunk_keys(), roots_of({kept})), Code::kCorrupt,
                         "the header is damaged"));
  EXPECT_TRUE(is_whole(*store_, kept));
}

TEST_F(StoreCollection, ManySmallPacksBecomeOneAndRecordsStay) {
  for (uint64_t generation = 1; generation <= 40; generation++) {
    const std::vector<uint8_t> row(10, uint8_t(generation));
    ASSERT_OK(store_->append_record(generation, kRecordCommit, row));
  }
  ASSERT_OK(collect(*store_, {}));
  EXPECT_EQ(packs_of(temp_.path()).size(), 1u);
  drop_index(temp_.path());
  reopen();
  const auto records = store_->records();
  ASSERT_OK(records);
  ASSERT_EQ(records->records.size(), 40u);
  for (uint64_t i = 0; i < 40; i++) {
    EXPECT_EQ(records->records[i].generation, i + 1);
    EXPECT_EQ(records->records[i].row[0], uint8_t(i + 1));
  }
  EXPECT_EQ(store_->index().totals().highest_generation, 40u);
}

// Nobody needs it any more, so there is nothing to mend.
TEST_F(StoreCollection, WhatWasLostAndIsNotNeededIsForgotten) {
  const Snapshot kept = put(image_of(0, 10));
  put(image_of(100, 10));
  const std::string pack =
      store_->folder().pack(store_->index().find(id_of({105, 0})).value()->pack);
  fs::remove(pack);
  reopen();
  EXPECT_EQ(store_->quarantined().size(), 10u);
  ASSERT_OK(collect(*store_, {kept}));
  EXPECT_TRUE(store_->quarantined().empty());
  EXPECT_TRUE(is_whole(*store_, kept));
}

TEST_F(StoreCollection, EndsEarlyWhereItIsToldTo) {
  const Snapshot kept = put(image_of(0, 40));
  const Snapshot gone = put(image_of(100, 40));
  const auto cancel = std::make_shared<Cancel>();
  auto begun = Collection::begin(*store_, chunk_keys(), roots_of({kept}), cancel);
  ASSERT_OK(begun);
  EXPECT_FALSE(present(manifest_tree_root(gone.manifest)));
  cancel->set();
  EXPECT_TRUE(fails_with((*begun)->end(roots_of({kept})), Code::kCancelled, "ended by"));
  begun->reset();
  EXPECT_TRUE(present(manifest_tree_root(gone.manifest)));
  EXPECT_TRUE(is_whole(*store_, kept));
  EXPECT_TRUE(is_whole(*store_, gone));
  EXPECT_TRUE(fails_with(Collection::begin(*store_, chunk_keys(), roots_of({kept}), cancel),
                         Code::kCancelled, "ended by"));
  EXPECT_TRUE(present(manifest_tree_root(gone.manifest)));
  EXPECT_GT(end(begin({kept}), {kept}).chunks_dropped, 0u);
}

}  // namespace
}  // namespace ashlar::test
