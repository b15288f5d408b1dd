// Delta frames in the store: what may be one, that depth stays 1, that a delta goes with its base,
// and which copy of a chunk the index names.
#include "codec/lz4.h"
#include "support/chunk_world.h"

namespace ashlar::test {
namespace {

class StoreDelta : public testing::Test {
 protected:
  void SetUp() override { reopen(); }
  void reopen() {
    store_.reset();
    auto opened = open_store(temp_.path());
    ASSERT_OK(opened);
    store_ = *std::move(opened);
  }
  bool present(const Chunk& chunk) {
    const auto present = store_->present(std::span(&chunk.id, 1));
    EXPECT_OK(present);
    return present && (*present)[0];
  }
  Result<void> put(const StoredFrame& frame) {
    StoreSession session(*store_);
    TRY(session.add_chunk(frame));
    return session.finish();
  }
  void expect_plain(const Chunk& chunk) {
    std::vector<uint8_t> plain(kChunkBytes);
    ASSERT_OK(store_->read_chunk(chunk_keys(), chunk.id, plain));
    EXPECT_EQ(plain, chunk.plain);
  }

  TempFolder temp_;
  std::unique_ptr<ChunkStore> store_;
};

TEST_F(StoreDelta, IsReadOverItsBase) {
  const Chunk base = random_chunk(1);
  const Chunk changed = with_blocks(base, {0, 15}, 7);
  ASSERT_OK(put(base.raw()));
  const DeltaOf delta(changed, base);
  ASSERT_OK(put(delta.view()));
  EXPECT_TRUE(present(changed));
  expect_plain(changed);
  reopen();
  expect_plain(changed);
  store_.reset();
  drop_index(temp_.path());
  reopen();
  expect_plain(changed);
  const auto at = store_->index().find(changed.id);
  ASSERT_OK(at);
  EXPECT_EQ((*at)->base, base.id);
}

TEST_F(StoreDelta, OnlyOnAFullBaseThatIsThere) {
  const Chunk base = random_chunk(1);
  const Chunk first = with_blocks(base, {3}, 7);
  const Chunk second = with_blocks(first, {4}, 8);
  const auto refused = [&](const Chunk& chunk, const Chunk& on) {
    StoreSession session(*store_);
    EXPECT_TRUE(fails_with(session.add_chunk(DeltaOf(chunk, on).view()), Code::kFailedPrecondition,
                           "in full"));
    EXPECT_OK(session.add_chunk(random_chunk(99).raw()));  // the session goes on
  };
  refused(first, base);  // not there
  ASSERT_OK(put(base.raw()));
  ASSERT_OK(put(DeltaOf(first, base).view()));
  refused(second, first);  // a delta
  // The chunk itself is here in full: left out.
  ASSERT_OK(put(DeltaOf(base, first).view()));
  EXPECT_EQ((*store_->index().find(base.id))->kind, FrameKind::kRaw);
  refused(with_blocks(base, {1, 2, 3, 4, 5}, 9), base);
  ASSERT_OK(put(with_blocks(base, {1, 2, 3, 4}, 9).raw()));
  store_->quarantine(base.id, error(Code::kCorrupt, "for the test"));
  refused(second, base);
  EXPECT_FALSE(present(first)) << "nobody leans on what leans on damage";
}

TEST_F(StoreDelta, IsMissingWhileItsBaseIs) {
  const Chunk base = random_chunk(1);
  const Chunk changed = with_blocks(base, {3}, 7);
  ASSERT_OK(put(base.raw()));
  ASSERT_OK(put(DeltaOf(changed, base).view()));
  const std::vector<std::string> packs = packs_of(temp_.path(), 'd');
  flip_bit(packs[0], sizeof(PackHeader) + sizeof(FrameHeader) + 5);
  std::vector<uint8_t> plain(kChunkBytes);
  EXPECT_TRUE(fails_with(store_->read_chunk(chunk_keys(), changed.id, plain), Code::kCorrupt,
                         to_hex(base.id)));
  EXPECT_EQ(store_->quarantined().size(), 2u) << "both are to be mended, each by its own id";
  EXPECT_FALSE(present(base));
  EXPECT_FALSE(present(changed));
  ASSERT_OK(put(base.raw()));
  EXPECT_TRUE(present(base));
  expect_plain(changed);
  ASSERT_OK(put(DeltaOf(changed, base).view()));
  EXPECT_TRUE(present(changed));
}

TEST_F(StoreDelta, NeverTakesTheNameOfAFullChunk) {
  const Chunk base = random_chunk(1);
  const Chunk changed = with_blocks(base, {3}, 7);
  ASSERT_OK(put(base.raw()));
  {
    StoreSession late(*store_);
    const DeltaOf delta(changed, base);
    ASSERT_OK(late.add_chunk(delta.view()));  // nobody has it yet
    ASSERT_OK(put(changed.raw()));            // and by now others may lean on it
    ASSERT_OK(put(DeltaOf(with_blocks(changed, {9}, 1), changed).view()));
    ASSERT_OK(late.finish());
  }
  const auto kind = [&] {
    const auto at = store_->index().find(changed.id);
    EXPECT_OK(at);
    return (*at)->kind;
  };
  EXPECT_EQ(kind(), FrameKind::kRaw);
  store_.reset();
  drop_index(temp_.path());
  reopen();
  EXPECT_EQ(kind(), FrameKind::kRaw) << "in whatever order the packs are read";
  expect_plain(with_blocks(changed, {9}, 1));
}

// A chunk whose CRC holds but whose bytes are another's.
TEST_F(StoreDelta, WrongBytesUnderAnIdAreQuarantined) {
  const Chunk chunk = random_chunk(1);
  Chunk lie = random_chunk(2);
  lie.id = chunk.id;
  ASSERT_OK(put(lie.raw()));
  std::vector<uint8_t> plain(kChunkBytes);
  EXPECT_TRUE(fails_with(store_->read_chunk(chunk_keys(), chunk.id, plain), Code::kCorrupt,
                         "not what its id says"));
  EXPECT_FALSE(present(chunk));
  ASSERT_OK(put(chunk.raw()));
  EXPECT_TRUE(present(chunk));
  expect_plain(chunk);
  EXPECT_TRUE(store_->quarantined().empty());
}

TEST_F(StoreDelta, TotalsCountEachIdOnce) {
  const Chunk base = random_chunk(1);
  ASSERT_OK(put(base.raw()));
  ASSERT_OK(put(base.raw()));
  ASSERT_OK(put(DeltaOf(with_blocks(base, {3}, 7), base).view()));
  ASSERT_OK(put_all(*store_, {make_frame(FrameKind::kNode, 1, 2049)}));
  ASSERT_OK(store_->append_record(12, kRecordCommit, Bytes()));
  ASSERT_OK(store_->append_record(7, kRecordDelete, Bytes()));
  const auto check = [&] {
    const IndexTotals totals = store_->index().totals();
    EXPECT_EQ(totals.chunks, 2u);
    EXPECT_EQ(totals.nodes, 1u);
    EXPECT_EQ(totals.highest_generation, 12u);
  };
  check();
  reopen();
  check();
  store_.reset();
  drop_index(temp_.path());
  reopen();
  check();
  const auto records = store_->records();
  ASSERT_OK(records);
  ASSERT_EQ(records->records.size(), 2u);
  EXPECT_EQ(records->records[0].generation, 7u);
  EXPECT_EQ(records->records[1].kind, kRecordCommit);
}

}  // namespace
}  // namespace ashlar::test
