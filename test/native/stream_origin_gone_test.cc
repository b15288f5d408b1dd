// An origin that goes while somebody is still at work with it: a receiver that has not heard of it,
// a reader between its look at the map and its question. Another origin may have its slot by then.
#include <future>

#include "codec/crc32c.h"
#include "support/pull_world.h"

namespace ashlar::test {
namespace {

using std::chrono::milliseconds;
constexpr uint64_t kBytes = 64 * kChunkBytes;
constexpr uint64_t kChunk = 7;

class StreamOriginGone : public testing::Test {
 protected:
  struct Snapshot {
    ByteModel model;
    ModelImage image;
    PullPool::Restored restored;
  };

  void SetUp() override {
    ASSERT_OK(near_.open());
    ASSERT_OK(far_.open());
    auto store = open_store(folder_.path());
    ASSERT_OK(store);
    store_ = *std::move(store);
  }

  // Of one chunk with these bytes.
  void take(Snapshot& snapshot, uint8_t byte) {
    snapshot.model.bytes = kBytes;
    const auto volume = near_.create(kBytes);
    ASSERT_OK(volume);
    Guest host(*near_, *volume, snapshot.model, 1);
    host.write_at(kChunk * kChunkBytes, std::vector<uint8_t>(kChunkBytes, byte));
    snapshot.model = host.model();
    snapshot.image = image_of(snapshot.model);
    const auto cut = near_.cut(*volume);
    ASSERT_OK(cut);
    auto source = near_.source(*cut);
    ASSERT_OK(source);
    ASSERT_OK(ingest(**source, *store_, of_a_cut(1)));
  }
  void restore(Snapshot& snapshot) {
    const auto restored = far_.restore(snapshot.image.manifest, kBytes);
    ASSERT_OK(restored);
    snapshot.restored = *restored;
  }
  void hydrate_all(const Snapshot& snapshot) {
    auto receiver = far_.hydration(snapshot.restored.snapshot, Lane::kBackground);
    ASSERT_OK(receiver);
    ASSERT_OK(hydrate(**receiver, *store_, snapshot.image.manifest));
  }
  uint32_t slot_of(const Snapshot& snapshot) {
    const auto& rows = std::as_const(far_->pool->state()).origins.rows();
    for (size_t slot = 0; slot < rows.size(); slot++) {
      if (rows[slot].used && rows[slot].snapshot == snapshot.restored.snapshot) {
        return uint32_t(slot);
      }
    }
    return UINT32_MAX;
  }

  // As the hydrator does with the last chunk, and settle() with an origin that nothing refers to.
  // Requires the append lock; no thread but the caller's may want a map lock with it.
  void become_local(const Snapshot& snapshot, Bytes bytes) {
    PoolState& state = far_->pool->state();
    const HeadPtr head = std::as_const(state).head_of(snapshot.restored.volume);
    std::lock_guard map(head->map_lock);
    WriteRecord fill;
    fill.header = {RecordType::kFill, 0, 0, sizeof fill + kBlocksPerChunk * 4};
    fill.lineage = head->lineage;
    fill.first = kChunk * kBlocksPerChunk;
    fill.count = kBlocksPerChunk;
    fill.birth = 1;
    fill.owner = head->epoch;
    fill.physical = run_.first;
    std::array<uint32_t, kBlocksPerChunk> crcs;
    crc32c_blocks(bytes.data(), crcs.size(), crcs.data());
    std::vector<uint8_t> record(fill.header.length);
    std::memcpy(record.data(), &fill, sizeof fill);
    std::memcpy(record.data() + sizeof fill, crcs.data(), sizeof crcs);
    const uint64_t generation = far_->pool->journal().append(record);
    state.apply_fill(*head, fill, crcs.data(), generation);
    OriginRecord gone;
    gone.header = {RecordType::kOrigin, kRemove, 0, sizeof gone};
    gone.slot = slot_of(snapshot);
    far_->pool->journal().append(Bytes(reinterpret_cast<const uint8_t*>(&gone), sizeof gone));
    state.apply_origin(gone);
  }

  MemoryFolder folder_;
  std::unique_ptr<ChunkStore> store_;
  PullPool near_{1, 64ull << 20};
  PullPool far_{2, 64ull << 20};
  PoolRun run_;
};

TEST_F(StreamOriginGone, ItsReceiverFillsNothingOfTheNextOne) {
  Snapshot one;
  Snapshot two;
  take(one, 1);
  take(two, 2);
  restore(one);
  ASSERT_FALSE(HasFatalFailure());
  const uint32_t slot = slot_of(one);
  const auto origin = far_->volumes->origin(one.restored.snapshot);
  ASSERT_OK(origin);
  auto receiver = far_.hydration(one.restored.snapshot, Lane::kDemand);
  ASSERT_OK(receiver);
  auto waiting = std::async(std::launch::async,
                            [&] { return origin->hydrator->fetch(kChunk, milliseconds(10'000)); });
  SnapshotSource source(*store_, *read_manifest(one.image.manifest));
  Message answer;
  for (bool chunk = false; !chunk;) {
    if (!answer.empty()) ASSERT_OK((*receiver)->give(answer));
    const auto asked = (*receiver)->take();
    ASSERT_OK(asked);
    ASSERT_TRUE(asked->has_value());
    ASSERT_OK(source.give(**asked));
    const auto said = source.take();
    ASSERT_OK(said);
    ASSERT_TRUE(said->has_value());
    answer = **said;
    const auto frames = parse_frames(answer);
    ASSERT_OK(frames);
    chunk = frames->front().header.kind != Wire::kNode;
  }
  ASSERT_OK(far_->remove(one.restored.volume));
  ASSERT_OK(far_->volumes->settle());
  restore(two);
  ASSERT_EQ(slot_of(two), slot) << "the slot was not used again: nothing is tested";
  ASSERT_OK((*receiver)->give(answer));
  EXPECT_TRUE(waiting.get().ok());
  hydrate_all(two);
  Guest(*far_, two.restored.volume, two.model, 1).compare_all();
}

TEST_F(StreamOriginGone, AReaderThatHasLookedBeforeReadsTheBytes) {
  Snapshot snapshot;
  take(snapshot, 1);
  restore(snapshot);
  ASSERT_FALSE(HasFatalFailure());
  const std::vector<uint8_t> bytes(kChunkBytes, 1);
  const auto io = far_->volume(snapshot.restored.volume);
  ASSERT_OK(io);
  // Brings in the pages, so that nothing has to be loaded under a lock.
  ASSERT_OK((*io)->status({0, kBytes}, SIZE_MAX));
  const auto runs = far_->pool->allocate(kBlocksPerChunk);
  ASSERT_OK(runs);
  ASSERT_EQ(runs->size(), 1u);
  run_ = runs->front();
  ASSERT_OK(write_bytes(*far_->device, run_.first * kBlockBytes, bytes));
  const auto admission = far_->pool->admit(4096, 64, Space::Purpose::kData);
  ASSERT_OK(admission);
  std::vector<uint8_t> got(kChunkBytes, 0xee);
  ReadRequest request;
  request.offset = kChunk * kChunkBytes;
  request.into = got;
  std::future<void> reading;
  {
    std::lock_guard append(far_->pool->journal().append_lock());
    reading = std::async(std::launch::async,
                         [&] { (*io)->read(std::span(&request, 1), Wait::kAllowed); });
    std::this_thread::sleep_for(milliseconds(100));  // it has looked, and wants the append lock
    become_local(snapshot, bytes);
  }
  reading.get();
  ASSERT_EQ(request.outcome, ReadRequest::Outcome::kDone) << request.error.message;
  EXPECT_EQ(request.zeros.size(), 0u);
  EXPECT_TRUE(got == bytes);
}

}  // namespace
}  // namespace ashlar::test
