// Differences on the wire and in the store: what they cost, what they may not do, and the bytes of
// their frames. Golden bytes: ASHLAR_WRITE_GOLDEN=1 build/check/ashlar_tests
// --gtest_filter='SealDelta.GoldenBytes'
#include <set>

#include "stream/audit.h"
#include "support/golden.h"
#include "support/pull_world.h"

namespace ashlar::test {
namespace {

constexpr uint64_t kChunk = kChunkBytes;

std::vector<uint8_t> noise(Prng& prng, size_t bytes) {
  std::vector<uint8_t> data(bytes);
  for (size_t at = 0; at < bytes; at += sizeof(uint64_t)) {
    const uint64_t word = prng.next();
    std::memcpy(&data[at], &word, sizeof word);
  }
  return data;
}

class SealDelta : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(pool_.open());
    auto store = open_store(folder_.path());
    ASSERT_OK(store);
    store_ = *std::move(store);
  }

  // A volume of noise, cut and stored: the base.
  void make_base(uint64_t chunks) {
    const auto volume = pool_.create(chunks * kChunk);
    ASSERT_OK(volume);
    ByteModel empty;
    empty.bytes = chunks * kChunk;
    host_ = std::make_unique<Guest>(*pool_, *volume, empty, 1);
    for (uint64_t at = 0; at < chunks; at += 16)
      host_->write_at(at * kChunk, noise(prng_, std::min<uint64_t>(16, chunks - at) * kChunk));
    cut(&base_);
    const auto source = pool_.source(base_);
    ASSERT_OK(source);
    const auto stored = ingest(**source, *store_, of_a_cut(1));
    ASSERT_OK(stored);
    base_root_ = stored->root;
    base_image_ = image_of(host_->model());
  }
  void cut(Id* snapshot) {
    const auto made = pool_.cut(host_->volume());
    ASSERT_OK(made);
    *snapshot = *made;
  }
  Result<IngestResult> pull(const Id& snapshot, Observer* observer) {
    const auto source = TRY(pool_.source(snapshot, base_, 2));
    EXPECT_TRUE(source->base_agreed());
    PumpOptions options = of_a_cut(2);
    options.meddler = observer->meddler();
    return ingest(*source, *store_, options, base_root_);
  }
  void expect_stored(const Result<IngestResult>& result) {
    ASSERT_OK(result);
    const ModelImage image = image_of(host_->model());
    ASSERT_EQ(to_hex(result->root), to_hex(image.root));
    const auto stored = stored_snapshot(*store_, image.root);
    ASSERT_OK(stored);
    ASSERT_EQ(*stored, image.chunks);
  }
  FrameKind kind_of(uint64_t chunk) {
    return store_->read(image_of(host_->model()).chunks.at(chunk))->kind;
  }

  Prng prng_{77};
  MemoryFolder folder_;
  std::unique_ptr<ChunkStore> store_;
  PullPool pool_{1};
  std::unique_ptr<Guest> host_;
  Id base_;
  Hash base_root_{};
  ModelImage base_image_;
};

TEST_F(SealDelta, OnePercentOfTheBlocksCostsOnePercentOfTheBytes) {
  make_base(1024);
  if (HasFatalFailure()) return;
  std::set<uint64_t> blocks;
  while (blocks.size() < 1024 * 16 / 100)
    blocks.insert(prng_.below(1024 * 16));
  std::set<uint64_t> chunks;
  for (const uint64_t block : blocks) {
    host_->write_at(block * kBlockBytes, noise(prng_, kBlockBytes));
    chunks.insert(block / kBlocksPerChunk);
  }
  Id snapshot;
  cut(&snapshot);
  Observer observer;
  const auto result = pull(snapshot, &observer);
  expect_stored(result);
  if (HasFatalFailure()) return;
  EXPECT_EQ(result->chunks, chunks.size());  // not one more than was written to
  EXPECT_EQ(observer.sent.size(), chunks.size());
  const uint64_t changed_bytes = blocks.size() * kBlockBytes;
  const uint64_t wire_bytes = result->received_bytes + observer.wanted.size() * sizeof(uint64_t) +
                              observer.wanted.size() * sizeof(WireFrameHeader);
  std::printf("[ BYTES    ] %llu changed, %llu on the wire, %llu stored\n",
              static_cast<unsigned long long>(changed_bytes),
              static_cast<unsigned long long>(wire_bytes),
              static_cast<unsigned long long>(result->added_bytes));
  EXPECT_LE(wire_bytes * 10, changed_bytes * 11);
  EXPECT_LE(result->added_bytes * 10, changed_bytes * 13);  // nodes on the ways too
}

TEST_F(SealDelta, IsStoredOnWholeChunksOnly) {
  make_base(70);
  if (HasFatalFailure()) return;
  host_->write_at(5 * kChunk, noise(prng_, 2 * kBlockBytes));   // two of 16
  host_->write_at(9 * kChunk, noise(prng_, 6 * kBlockBytes));   // a delta on the wire alone
  host_->write_at(20 * kChunk, noise(prng_, 9 * kBlockBytes));  // not even there
  Id second;
  cut(&second);
  Observer observer;
  auto result = pull(second, &observer);
  expect_stored(result);
  if (HasFatalFailure()) return;
  EXPECT_EQ(kind_of(5), FrameKind::kDelta);
  EXPECT_EQ(kind_of(9), FrameKind::kRaw);
  EXPECT_EQ(kind_of(20), FrameKind::kRaw);
  // The next difference of the same chunk lies on the same whole one.
  base_ = second;
  base_root_ = result->root;
  host_->write_at(5 * kChunk + 3 * kBlockBytes, noise(prng_, kBlockBytes));
  Id third;
  cut(&third);
  result = pull(third, &observer);
  expect_stored(result);
  if (HasFatalFailure()) return;
  const auto stored = store_->read(image_of(host_->model()).chunks.at(5));
  ASSERT_OK(stored);
  EXPECT_EQ(stored->kind, FrameKind::kDelta);
  EXPECT_EQ(to_hex(stored->base), to_hex(base_image_.chunks.at(5)));
  EXPECT_EQ(stored->block_map, 0b1011);
}

// Each lie ends the pull with a typed error, and the store keeps nothing of it.
TEST_F(SealDelta, AWrongDifferenceIsNeverStored) {
  make_base(70);
  if (HasFatalFailure()) return;
  host_->write_at(5 * kChunk, noise(prng_, 2 * kBlockBytes));
  std::vector<uint8_t> chunk(kChunk);
  host_->model().read(5 * kChunk, chunk);
  const Hash id = keyed_hash(default_keys().chunk, chunk);
  const Delta right = make_delta(0b11, chunk);
  const Delta wrong_base = make_delta(0b110, chunk);
  std::vector<uint8_t> spoilt = right.stored;
  spoilt[100] ^= 1;
  struct Lie {
    const char* name;
    bool agreed;
    Wire kind;
    uint64_t index;
    uint16_t map;
    Bytes payload;
    Code code;
  };
  const Bytes good(right.stored);
  const Lie lies[] = {
      {"none", true, Wire::kDeltaRaw, 5, 0b11, good, Code::kInternal},
      {"map", true, Wire::kDeltaRaw, 5, 0b101, good, Code::kProtocol},
      {"count", true, Wire::kDeltaRaw, 5, 0b111, good, Code::kProtocol},
      {"no map", true, Wire::kDeltaRaw, 5, 0, good, Code::kProtocol},
      {"base", true, Wire::kDeltaRaw, 6, 0b11, good, Code::kProtocol},
      {"blocks", true, Wire::kDeltaRaw, 5, 0b110, Bytes(wrong_base.stored), Code::kProtocol},
      {"payload", true, Wire::kDeltaRaw, 5, 0b11, Bytes(spoilt), Code::kProtocol},
      {"form", true, Wire::kDelta, 5, 0b11, good.first(good.size() - 1), Code::kProtocol},
      {"agreed", false, Wire::kDeltaRaw, 5, 0b11, good, Code::kProtocol},
  };
  for (const Lie& lie : lies) {
    SCOPED_TRACE(lie.name);
    const auto manifest = store_->read(base_root_);
    ASSERT_OK(manifest);
    Manifest bytes;
    std::copy(manifest->bytes.begin(), manifest->bytes.end(), bytes.begin());
    Ingest receiver(*store_, default_keys(), {70 * kChunk, *read_manifest(bytes), lie.agreed});
    const ListEntry entry{lie.index, id};
    std::vector<uint8_t> list;
    append_frame(list, Wire::kList, 0, Hash{},
                 Bytes(reinterpret_cast<const uint8_t*>(&entry), sizeof entry));
    append_frame(list, Wire::kListEnd, 1, Hash{}, {});
    ASSERT_OK(receiver.give(list));
    ASSERT_OK(receiver.take());
    std::vector<uint8_t> answer;
    append_frame(answer, lie.kind, lie.index, id, lie.payload, lie.map);
    const auto given = receiver.give(answer);
    if (lie.code == Code::kInternal) {
      ASSERT_OK(given);  // then dropped: it was never finished
      continue;
    }
    EXPECT_TRUE(fails_with(given, lie.code, ""));
    EXPECT_FALSE(receiver.finish().ok());
    EXPECT_FALSE((*store_->present(std::span(&id, 1)))[0]);
  }
}

// The base's own chunk is damaged: that is told from a source that lies.
TEST_F(SealDelta, ABaseThatCannotBeReadIsSaid) {
  make_base(70);
  if (HasFatalFailure()) return;
  host_->write_at(5 * kChunk, noise(prng_, kBlockBytes));
  Id snapshot;
  cut(&snapshot);
  const std::string pack = packs_of(folder_.path(), 'd').at(0);
  for (uint64_t at = 200; at < 70 * kChunk; at += 60'000)
    flip_bit(pack, at);
  Observer observer;
  EXPECT_TRUE(fails_with(pull(snapshot, &observer), Code::kFailedPrecondition, "pull without it"));
}

// A restored volume's first snapshot is a difference from its source; what is still remote is not
// fetched for it, and the source's deletion changes nothing.
TEST_F(SealDelta, ARestoredVolumeKnowsItsSource) {
  make_base(70);
  if (HasFatalFailure()) return;
  CreateVolume order;
  order.id = pool_.next_id();
  order.bytes = 80 * kChunk;
  const auto manifest = store_->read(base_root_);
  ASSERT_OK(manifest);
  order.origin = CreateVolume::Origin{base_, {}, pool_.next_id()};
  std::copy(manifest->bytes.begin(), manifest->bytes.end(), order.origin->manifest.begin());
  ASSERT_OK(pool_->volumes->create(order));
  ASSERT_OK(pool_->volumes->drop_cut(base_));
  for (int i = 0; i < 3; i++)
    ASSERT_OK(pool_.tidy());
  for (const auto& cut : pool_->volumes->view().cuts)
    EXPECT_NE(to_string(cut.row.snapshot), to_string(base_));
  ByteModel model = host_->model();
  model.bytes = order.bytes;
  host_ = std::make_unique<Guest>(*pool_, order.id, model, 3);
  host_->write_at(5 * kChunk, noise(prng_, kChunk));  // a whole chunk: nothing is fetched
  host_->write_at(75 * kChunk, noise(prng_, kBlockBytes));
  Id snapshot;
  cut(&snapshot);
  ASSERT_OK(pool_.close_and_open());
  Observer observer;
  expect_stored(pull(snapshot, &observer));
  EXPECT_EQ(observer.wanted, (std::vector<uint64_t>{5, 75}));
  ASSERT_OK(pool_->remove(order.id));
  ASSERT_OK(pool_->volumes->drop_cut(snapshot));
  for (int i = 0; i < 3; i++)
    ASSERT_OK(pool_.tidy());
  EXPECT_EQ(std::as_const(pool_->pool->state()).cut_or_bookmark(snapshot), nullptr);
  const auto rows = pool_->pool->state().cuts.rows();
  EXPECT_TRUE(std::none_of(rows.begin(), rows.end(),
                           [&](const CutRow& row) { return row.snapshot == base_; }));
}

TEST_F(SealDelta, AnEmptyDifferenceKeepsTheRoot) {
  make_base(70);
  if (HasFatalFailure()) return;
  Id snapshot;
  cut(&snapshot);
  Observer observer;
  const auto result = pull(snapshot, &observer);
  expect_stored(result);
  EXPECT_EQ(result->root, base_root_);
  EXPECT_EQ(result->chunks, 0u);
  EXPECT_TRUE(observer.wanted.empty());
}

TEST_F(SealDelta, AnAuditGivesTheRootOfTheBytes) {
  make_base(70);
  if (HasFatalFailure()) return;
  const auto source = pool_.source(base_, std::nullopt, 2);
  ASSERT_OK(source);
  const auto root = audit(**source, default_keys());
  ASSERT_OK(root);
  EXPECT_EQ(to_hex(*root), to_hex(base_root_));
  const auto closed = pool_.source(base_, std::nullopt, 2);
  ASSERT_OK(closed);
  (*closed)->close();
  EXPECT_TRUE(fails_with(audit(**closed, default_keys()), Code::kCancelled, "stopped"));
}

TEST(SealDeltaFrames, GoldenBytes) {
  Hash id;
  for (size_t i = 0; i < id.size(); i++)
    id[i] = uint8_t(0x10 + i);
  const auto frame = [&](Wire kind, uint64_t index, Bytes payload, uint16_t map) {
    std::vector<uint8_t> bytes;
    append_frame(bytes, kind, index, id, payload, map);
    return hex_of_bytes(bytes);
  };
  std::vector<uint8_t> chunk(kChunk);
  std::fill(chunk.begin() + 2 * kBlockBytes, chunk.begin() + 3 * kBlockBytes, 0xab);
  const Delta delta = make_delta(0b100, chunk);
  const ListEntry entry{7, id};
  const uint64_t wanted = 7;
  expect_golden(
      "wire.txt",
      {{"list",
        frame(Wire::kList, 0, Bytes(reinterpret_cast<const uint8_t*>(&entry), sizeof entry), 0)},
       {"list_end", frame(Wire::kListEnd, 1, {}, 0)},
       {"want",
        frame(Wire::kWant, 0, Bytes(reinterpret_cast<const uint8_t*>(&wanted), sizeof wanted), 0)},
       {"delta", frame(Wire::kDelta, 7, delta.stored, delta.block_map)}});
}

}  // namespace
}  // namespace ashlar::test
