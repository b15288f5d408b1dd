// Restoring from a source that lies, lacks things or is replaced, and with readers that wait: what
// reaches a reader is what the snapshot holds, or a typed error, and nobody who waits is forgotten.
#include <future>

#include "support/pull_world.h"

namespace ashlar::test {
namespace {

using std::chrono::milliseconds;
constexpr milliseconds kLong{10'000};

// A snapshot in a store, and a volume that is to be restored from it.
class StreamRestore : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(near_.open());
    ASSERT_OK(far_.open());
    store_ = made_store(folder_.path());
    ASSERT_NE(store_, nullptr);
  }
  void TearDown() override {
    demand_.reset();
    background_.reset();
  }

  static std::unique_ptr<ChunkStore> made_store(const std::string& folder) {
    auto store = open_store(folder);
    EXPECT_TRUE(store.ok());
    return store ? *std::move(store) : nullptr;
  }

  // `chunks` of these indices hold something.
  void make(uint64_t bytes, const std::vector<uint64_t>& chunks) {
    model_.bytes = bytes;
    const auto volume = near_.create(bytes);
    ASSERT_OK(volume);
    Guest host(*near_, *volume, model_, 1);
    for (const uint64_t chunk : chunks) {
      std::vector<uint8_t> data(kBlockBytes, uint8_t(chunk + 1));
      std::memcpy(data.data(), &chunk, sizeof chunk);
      host.write_at(chunk * kChunkBytes, data);
    }
    model_ = host.model();
    image_ = image_of(model_);
    const auto snapshot = near_.cut(*volume);
    ASSERT_OK(snapshot);
    auto source = near_.source(*snapshot);
    ASSERT_OK(source);
    const auto ingested = ingest(**source, *store_, of_a_cut(1));
    ASSERT_OK(ingested);
    ASSERT_EQ(ingested->root, image_.root);
    const auto restored = far_.restore(image_.manifest, bytes);
    ASSERT_OK(restored);
    restored_ = *restored;
    const auto origin = far_->volumes->origin(restored_.snapshot);
    ASSERT_OK(origin);
    hydrator_ = origin->hydrator;
  }
  std::vector<uint8_t> chunk_of_model(uint64_t chunk) const {
    std::vector<uint8_t> expected(kChunkBytes);
    model_.read(chunk * kChunkBytes, expected);
    return expected;
  }
  void open(std::unique_ptr<Hydration>& place, Lane lane) {
    auto receiver = far_.hydration(restored_.snapshot, lane);
    ASSERT_OK(receiver);
    place = *std::move(receiver);
  }
  ManifestFields fields() const { return *read_manifest(image_.manifest); }

  // A reader that waits, on a thread of its own.
  using Fetched = std::future<Result<ChunkBytes>>;
  Fetched fetch(uint64_t chunk, milliseconds stall = kLong) {
    return std::async(std::launch::async, [=, this] { return hydrator_->fetch(chunk, stall); });
  }
  void expect_right(Fetched& fetched, uint64_t chunk) {
    const auto got = fetched.get();
    ASSERT_OK(got);
    EXPECT_TRUE(**got == chunk_of_model(chunk)) << "chunk " << chunk;
  }
  // Another volume takes what room there is.
  void fill_pool() {
    ASSERT_OK(far_.tidy());
    const auto other = far_.create(1ull << 30);
    ASSERT_OK(other);
    other_ = *other;
    const std::vector<uint8_t> data(kBlockBytes * 4, 3);
    Result<void> written;
    for (uint64_t place = 0; written; place += data.size())
      written = far_->write(*other_, place, data);
    ASSERT_EQ(written.error().code, Code::kNoSpace);
  }
  // One question to the source, one answer.
  static void answer(Hydration& receiver, SnapshotSource& source) {
    const auto asked = receiver.take();
    ASSERT_OK(asked);
    ASSERT_TRUE(asked->has_value());
    ASSERT_OK(source.give(**asked));
    const auto said = source.take();
    ASSERT_OK(said);
    ASSERT_OK(receiver.give(**said));
  }
  static void pause() { std::this_thread::sleep_for(milliseconds(20)); }

  MemoryFolder folder_;
  std::unique_ptr<ChunkStore> store_;
  PullPool near_{1, 64ull << 20};
  PullPool far_{2, 64ull << 20};
  ByteModel model_;
  ModelImage image_;
  PullPool::Restored restored_;
  std::optional<Id> other_;
  std::shared_ptr<Hydrator> hydrator_;
  std::unique_ptr<Hydration> demand_;
  std::unique_ptr<Hydration> background_;
};

TEST_F(StreamRestore, EmptyPartsAskedForInAnyOrderAllArrive) {
  make(600 * kChunkBytes, {300});
  open(demand_, Lane::kDemand);
  SnapshotSource source(*store_, fields());
  // All three wait for the root node; two are in subtrees of zeros, the higher one came first.
  Fetched high = fetch(500);
  pause();
  Fetched low = fetch(3);
  pause();
  Fetched held = fetch(300);
  pause();
  for (int i = 0; i < 3; i++) {
    answer(*demand_, source);
    if (HasFatalFailure()) return;
  }
  expect_right(high, 500);
  expect_right(low, 3);
  expect_right(held, 300);
}

TEST_F(StreamRestore, AReceiverThatIsReplacedTakesNothingFromItsSuccessor) {
  make(64 * kChunkBytes, {1, 2, 3});
  SnapshotSource source(*store_, fields());
  for (int i = 0; i < 100 && !HasFailure(); i++) {
    std::unique_ptr<Hydration> old;
    open(old, Lane::kDemand);
    old->close();
    open(demand_, Lane::kDemand);  // before the old one has noticed
    if (i % 2) old.reset();
    // Asked again in every turn: what is installed is not remote, but a reader may have looked
    // before.
    Fetched fetched = fetch(1 + uint64_t(i) % 3, milliseconds(2000));
    std::thread pumping([&] {
      PumpOptions options;
      options.patience = kLong;
      SnapshotSource fresh(*store_, fields());
      pump(fresh, *demand_, options);
    });
    expect_right(fetched, 1 + uint64_t(i) % 3);
    demand_->close();
    pumping.join();
    old.reset();
    demand_.reset();
  }
}

TEST_F(StreamRestore, AllReadersOfWhatOneMessageRefusesAreTold) {
  make(600 * kChunkBytes, {3, 300});
  open(demand_, Lane::kDemand);
  SnapshotSource source(*store_, fields());
  Fetched low = fetch(3);
  Fetched high = fetch(300);
  std::vector<uint8_t> refusals;
  for (int refused = 0; refused < 2;) {
    const auto asked = demand_->take();
    ASSERT_OK(asked);
    ASSERT_TRUE(asked->has_value());
    const auto frames = parse_frames(**asked);
    ASSERT_OK(frames);
    std::vector<uint8_t> nodes;
    for (const WireFrame& frame : *frames) {
      const std::vector<uint64_t> numbers = wire_numbers(frame);
      if (frame.header.kind == Wire::kWantNode) {
        append_wants(nodes, Wire::kWantNode, numbers);
        continue;
      }
      const uint32_t code = uint32_t(Code::kCorrupt);
      for (const uint64_t number : numbers) {
        append_frame(refusals, Wire::kCannot, number, Hash{},
                     Bytes(reinterpret_cast<const uint8_t*>(&code), sizeof code));
        refused++;
      }
    }
    if (nodes.empty()) continue;
    ASSERT_OK(source.give(nodes));
    const auto said = source.take();
    ASSERT_OK(said);
    ASSERT_OK(demand_->give(**said));
  }
  EXPECT_FALSE(demand_->give(refusals));
  EXPECT_TRUE(fails_with(low.get(), Code::kRemoteUnavailable, "cannot give"));
  EXPECT_TRUE(fails_with(high.get(), Code::kRemoteUnavailable, "cannot give"));
}

TEST_F(StreamRestore, ASuccessorSweepsWhatItsPredecessorTook) {
  make(64 * kChunkBytes, {1, 2, 3, 60});
  for (int i = 0; i < 20; i++) {
    std::unique_ptr<Hydration> old;
    open(old, Lane::kBackground);  // its sweep is under way when the next one begins
    old->close();
    open(background_, Lane::kBackground);
    old.reset();
    if (i < 19) background_.reset();
  }
  ASSERT_OK(hydrate(*background_, *store_, image_.manifest));
  EXPECT_TRUE(hydrator_->hydrated());
  Guest(*far_, restored_.volume, model_, 1).compare_all();
}

// The test's page cache holds 256 pages; each is brought in once, not once for each that follows.
TEST_F(StreamRestore, AMapLargerThanThePageCacheIsSweptOnce) {
  std::vector<uint64_t> chunks;
  for (uint64_t chunk = 0; chunk < 16 * 600; chunk += 16)
    chunks.push_back(chunk);
  make(16 * 600 * kChunkBytes, chunks);
  if (HasFatalFailure()) return;
  PumpOptions options;
  options.meddler = [&](Way, Message message) {
    EXPECT_TRUE(far_->pool->checkpoint().ok());  // pages can leave the cache
    return one_by_one(message);
  };
  open(background_, Lane::kBackground);
  ASSERT_OK(hydrate(*background_, *store_, image_.manifest, options));
  EXPECT_TRUE(hydrator_->hydrated());
  Guest(*far_, restored_.volume, model_, 1).compare_all();
}

// Where the guest wrote, zeros that arrive for a whole subtree go around it. Every page they touch
// is copied, many more than the cache and the reserve of a full pool have.
TEST_F(StreamRestore, ZerosFindTheirWayAroundWritesInAFullPool) {
  make((1ull << 30) + kChunkBytes, {0});
  if (HasFatalFailure()) return;
  Guest host(*far_, restored_.volume, model_, 1);
  Prng prng(1);
  host.write_at(0, std::vector<uint8_t>(kChunkBytes, 8));  // all that is not zero
  for (uint64_t place = 256ull << 20; place < model_.bytes; place += 1 << 20)
    host.write_at(place + prng.below(200) * kBlockBytes, std::vector<uint8_t>(kBlockBytes, 9));
  if (HasFatalFailure()) return;
  fill_pool();
  if (HasFatalFailure()) return;
  open(background_, Lane::kBackground);
  ASSERT_OK(hydrate(*background_, *store_, image_.manifest));
  host.compare_all();
  const auto report = far_->pool->check(false);
  ASSERT_OK(report);
  EXPECT_TRUE(report->problems.empty()) << report->problems[0];
}

TEST_F(StreamRestore, WhatDoesNotFitCostsNoBlocks) {
  make(600 * kChunkBytes, {0, 300});
  if (HasFatalFailure()) return;
  Guest host(*far_, restored_.volume, model_, 1);
  fill_pool();
  if (HasFatalFailure()) return;
  int failures = 0;
  for (uint64_t block = 0;; block++) {
    open(background_, Lane::kBackground);
    const uint64_t free_bytes = far_->pool->free_bytes();
    const auto hydrated = hydrate(*background_, *store_, image_.manifest);
    background_.reset();
    if (hydrated) break;
    ASSERT_TRUE(fails_with(hydrated, Code::kNoSpace, ""));
    ASSERT_OK(far_.tidy());
    // A chunk and the pages above it may have found room, once each.
    failures += far_->pool->free_bytes() < free_bytes;
    ASSERT_LE(failures, 4) << "blocks are lost with every try";
    const auto io = far_->volume(*other_);
    ASSERT_OK(io);
    ASSERT_OK((*io)->erase({block * kBlockBytes, kBlockBytes}, Erase::kHole));
    ASSERT_OK(far_.tidy());
  }
  host.compare_all();
}

// ---- sources that lie or lack

// What a store holds instead of the frame of this id; nothing = it lacks it.
using Instead = std::function<std::optional<Frame>(const Frame& right)>;

class StreamLyingSource : public StreamRestore {
 protected:
  void SetUp() override {
    StreamRestore::SetUp();
    if (HasFatalFailure()) return;
    make(200 * kChunkBytes, {0, 1, 70, 71, 199});
    for (const std::string& path : packs_of(folder_.path())) {
      const auto name = parse_pack_name(fs::path(path).filename());
      const auto directory = read_directory(path, *name);
      ASSERT_OK(directory);
      for (const DirectoryEntry& entry : *directory) {
        const auto stored = store_->read(entry.id);
        ASSERT_OK(stored);
        frames_.push_back({entry.kind, entry.id, stored->plain_bytes, stored->bytes});
      }
    }
  }

  // The id of the node of `level` above the chunk; level 0 = the chunk.
  Hash id_of(uint8_t level, uint64_t chunk) const {
    Hash id = image_.tree_root;
    for (uint8_t at = 2; at > level; at--) {
      const uint64_t child = at == 2 ? chunk / 64 : chunk % 64;
      for (const Frame& frame : frames_) {
        if (frame.id != id) continue;
        std::memcpy(id.data(), &frame.stored[1 + child * 32], sizeof id);
        break;
      }
    }
    return id;
  }

  // A store like the honest one but for that frame. The store itself takes bytes as they are.
  std::unique_ptr<ChunkStore> store_with(const Hash& id, const Instead& instead) {
    auto store = made_store(folder_.path() + "/liar-" + std::to_string(liars_++));
    StoreSession session(*store);
    for (const Frame& right : frames_) {
      const auto put = right.id == id ? instead(right) : right;
      if (!put) continue;
      const bool chunk = put->kind == FrameKind::kRaw || put->kind == FrameKind::kLz4;
      EXPECT_TRUE((chunk ? session.add_chunk(put->view()) : session.add_node(put->view())).ok());
    }
    EXPECT_TRUE(session.finish().ok());
    return store;
  }

  std::optional<Error> failure_of(std::unique_ptr<Hydration>& receiver, ChunkStore& store,
                                  milliseconds patience) {
    SnapshotSource source(store, fields());
    PumpOptions options;
    options.patience = patience;
    const PumpEnd end = pump(source, *receiver, options);
    EXPECT_FALSE(end.source_failed);
    return end.receiver_failed;
  }

  std::vector<Frame> frames_;
  int liars_ = 0;
};

TEST_F(StreamLyingSource, WrongBytesUnderARightIdReachNoReader) {
  const std::vector<uint8_t> other = chunk_of_model(1);
  const Instead raw = [&](const Frame& right) {
    return Frame{FrameKind::kRaw, right.id, uint32_t(kChunkBytes), other};
  };
  const Instead lz4 = [&](const Frame& right) {
    return Frame{FrameKind::kLz4, right.id, uint32_t(kChunkBytes), *lz4_compress(other)};
  };
  const Instead garbage = [&](const Frame& right) {
    return Frame{FrameKind::kLz4, right.id, uint32_t(kChunkBytes),
                 std::vector<uint8_t>(1000, 0xa7)};
  };
  const Instead flipped = [](const Frame& right) {
    Frame frame = right;
    frame.stored[frame.stored.size() / 2] ^= 1;
    return frame;
  };
  struct Lie {
    Hash id;
    Instead instead;
  };
  const Lie lies[] = {{id_of(0, 70), raw},     {id_of(0, 70), lz4},     {id_of(0, 70), garbage},
                      {id_of(0, 70), flipped}, {id_of(1, 70), flipped}, {id_of(2, 70), flipped}};
  Guest host(*far_, restored_.volume, model_, 1);
  for (const Lie& lie : lies) {
    SCOPED_TRACE(to_hex(lie.id) + " " + std::to_string(&lie - lies));
    const auto store = store_with(lie.id, lie.instead);
    open(demand_, Lane::kDemand);
    Fetched fetched = fetch(70, milliseconds(200));
    const auto failed = failure_of(demand_, *store, kLong);
    ASSERT_TRUE(failed);
    EXPECT_EQ(failed->code, Code::kProtocol) << failed->message;
    EXPECT_TRUE(fails_with(fetched.get(), Code::kRemoteUnavailable, "chunk 70"));
    demand_.reset();
    open(background_, Lane::kBackground);
    const auto swept = failure_of(background_, *store, kLong);
    ASSERT_TRUE(swept);
    EXPECT_EQ(swept->code, Code::kProtocol) << swept->message;
    EXPECT_FALSE(hydrator_->hydrated());
    background_.reset();
    const std::vector<uint64_t> remote = host.compare_local();
    EXPECT_EQ(std::count(remote.begin(), remote.end(), 70u), 1);
  }
  // The reader waits through a liar for an honest source.
  const auto liar = store_with(id_of(0, 70), raw);
  Fetched fetched = fetch(70);
  open(demand_, Lane::kDemand);
  EXPECT_TRUE(failure_of(demand_, *liar, kLong));
  demand_.reset();
  open(demand_, Lane::kDemand);
  EXPECT_FALSE(failure_of(demand_, *store_, milliseconds(300)));
  expect_right(fetched, 70);
  demand_.reset();
  open(background_, Lane::kBackground);
  ASSERT_OK(hydrate(*background_, *store_, image_.manifest));
  EXPECT_EQ(host.compare_local(), std::vector<uint64_t>());
}

TEST_F(StreamLyingSource, ReadersOfWhatIsMissingAreToldAtOnceAndNobodyElse) {
  const Instead nothing = [](const Frame&) { return std::optional<Frame>(); };
  const Instead no_chunk = [](const Frame& right) {
    return Frame{FrameKind::kNode, right.id, 2049, std::vector<uint8_t>(2049)};
  };
  struct Lack {
    Hash id;
    Instead instead;
  };
  // The node above 70 and 71 has number 1 at its level: the reader of chunk 1 is not meant.
  const Lack lacks[] = {{id_of(0, 70), nothing}, {id_of(0, 70), no_chunk}, {id_of(1, 70), nothing}};
  for (const Lack& lack : lacks) {
    SCOPED_TRACE(&lack - lacks);
    const auto store = store_with(lack.id, lack.instead);
    SnapshotSource source(*store, fields());
    open(demand_, Lane::kDemand);
    auto reading = std::async(
        std::launch::async, [&] { return far_->read(restored_.volume, 70 * kChunkBytes + 5, 9); });
    pause();
    Fetched other = fetch(1);
    pause();
    // What it asks for is answered until it fails.
    const auto failed = failure_of(demand_, *store, kLong);
    ASSERT_TRUE(failed);
    EXPECT_EQ(failed->code, Code::kRemoteUnavailable) << failed->message;
    ASSERT_EQ(reading.wait_for(std::chrono::seconds(5)), std::future_status::ready);
    EXPECT_TRUE(fails_with(reading.get(), Code::kRemoteUnavailable, ""));
    demand_.reset();
    open(demand_, Lane::kDemand);
    EXPECT_FALSE(failure_of(demand_, *store_, milliseconds(200)));
    expect_right(other, 1);
    demand_.reset();
  }
}

}  // namespace
}  // namespace ashlar::test
