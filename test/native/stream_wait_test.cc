// Waiting without a thread: a taker who finds nothing is called once, when it is worth asking again
// and not before, and whoever is closed forgets nobody. A lane for readers ends when they rest.
#include <atomic>
#include <future>

#include "stream/tree_ingest.h"
#include "support/pull_world.h"

namespace ashlar::test {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
constexpr uint64_t kBytes = 64 * kChunkBytes;
constexpr seconds kNever{30};

// A taker who waits without a thread.
class Caller {
 public:
  Ready ready() {
    return [this] {
      calls_++;
      if (calls_ == 1) called_.set_value();
    };
  }
  bool called_soon() { return soon_.wait_for(kNever) == std::future_status::ready; }
  int calls() const { return calls_; }

 private:
  std::atomic<int> calls_{0};
  std::promise<void> called_;
  std::future<void> soon_ = called_.get_future();
};

Polled::Kind kind_of(const Result<Polled>& polled) {
  EXPECT_TRUE(polled.ok());
  return polled ? polled->kind : Polled::Kind::kEnd;
}

class StreamWait : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(near_.open());
    ASSERT_OK(far_.open());
    auto store = open_store(folder_.path());
    ASSERT_OK(store);
    store_ = *std::move(store);
    ByteModel model;
    model.bytes = kBytes;
    const auto volume = near_.create(kBytes);
    ASSERT_OK(volume);
    Guest host(*near_, *volume, model, 1);
    host.write_at(0, std::vector<uint8_t>(kBytes, 7));
    image_ = image_of(host.model());
    const auto cut = near_.cut(*volume);
    ASSERT_OK(cut);
    cut_ = *cut;
    auto source = near_.source(cut_);
    ASSERT_OK(source);
    ASSERT_OK(ingest(**source, *store_, of_a_cut(1)));
    const auto restored = far_.restore(image_.manifest, kBytes);
    ASSERT_OK(restored);
    snapshot_ = restored->snapshot;
    const auto origin = far_->volumes->origin(snapshot_);
    ASSERT_OK(origin);
    hydrator_ = origin->hydrator;
    fields_ = *read_manifest(image_.manifest);
  }

  std::unique_ptr<Hydration> readers_lane(milliseconds rest) {
    return std::make_unique<Hydration>(hydrator_, fields_, default_keys(), Lane::kDemand, rest);
  }
  std::future<Result<ChunkBytes>> read(uint64_t chunk) {
    return std::async(std::launch::async,
                      [this, chunk] { return hydrator_->fetch(chunk, kNever); });
  }
  std::vector<Id> demand(Caller& caller) {
    const auto taken = far_->volumes->demand()->take(caller.ready());
    EXPECT_TRUE(taken.ok());
    return taken ? *taken : std::vector<Id>();
  }
  // What comes when the caller has been called.
  std::vector<Id> next_demand() {
    Caller caller;
    const auto now = demand(caller);
    if (!now.empty()) return now;
    EXPECT_TRUE(caller.called_soon());
    Caller again;
    return demand(again);
  }

  MemoryFolder folder_;
  std::unique_ptr<ChunkStore> store_;
  PullPool near_{1, 64ull << 20};
  PullPool far_{2, 64ull << 20};
  ModelImage image_;
  ManifestFields fields_;
  Id cut_;
  Id snapshot_;
  std::shared_ptr<Hydrator> hydrator_;
};

TEST_F(StreamWait, ATakerIsCalledOnceWhenThereIsSomething) {
  SnapshotSource source(*store_, fields_);
  Caller caller;
  ASSERT_EQ(kind_of(source.poll(caller.ready())), Polled::Kind::kNotYet);
  EXPECT_EQ(caller.calls(), 0);
  std::vector<uint8_t> want;
  append_wants(want, Wire::kWant, std::vector<uint64_t>{3});
  ASSERT_OK(source.give(want));
  EXPECT_EQ(caller.calls(), 1);
  ASSERT_OK(source.give(want));
  EXPECT_EQ(caller.calls(), 1);
  Caller nobody;
  EXPECT_EQ(kind_of(source.poll(nobody.ready())), Polled::Kind::kMessage);
  EXPECT_EQ(nobody.calls(), 0);
}

TEST_F(StreamWait, WhatIsClosedCallsItsTaker) {
  std::vector<std::unique_ptr<Channel>> channels;
  channels.push_back(std::make_unique<SnapshotSource>(*store_, fields_));
  channels.push_back(std::make_unique<Ingest>(*store_, default_keys(),
                                              IngestOptions{kBytes, std::nullopt, false}));
  channels.push_back(readers_lane(kNever));
  auto source = near_.source(cut_, std::nullopt, 1);
  ASSERT_OK(source);
  for (bool listed = false; !listed;) {
    const auto message = (*source)->take();
    ASSERT_OK(message);
    const auto frames = parse_frames(**message);
    ASSERT_OK(frames);
    listed = frames->back().header.kind == Wire::kListEnd;
  }
  channels.push_back(*std::move(source));
  MemoryFolder empty;
  auto other = open_store(empty.path());
  ASSERT_OK(other);
  auto tree = TreeIngest::open(**other, default_keys(), image_.manifest, std::nullopt);
  ASSERT_OK(tree);
  ASSERT_OK((*tree)->take());  // asks for its root
  channels.push_back(*std::move(tree));
  for (const auto& channel : channels) {
    Caller caller;
    EXPECT_EQ(kind_of(channel->poll(caller.ready())), Polled::Kind::kNotYet);
    EXPECT_EQ(caller.calls(), 0);
    channel->close();
    EXPECT_EQ(caller.calls(), 1);
  }
}

TEST_F(StreamWait, AReaderCallsForALaneUnlessThereIsOne) {
  auto reading = read(3);
  EXPECT_EQ(next_demand(), std::vector<Id>{snapshot_});
  auto lane = readers_lane(kNever);
  auto second = read(5);
  auto serving = std::async(std::launch::async, [&]() -> Result<void> {
    SnapshotSource source(*store_, fields_);
    for (;;) {
      const auto asked = TRY(lane->take());
      if (!asked) return {};
      TRY(source.give(*asked));
      const auto answer = TRY(source.take());
      TRY(lane->give(answer.value_or(std::vector<uint8_t>())));
    }
  });
  EXPECT_OK(reading.get());
  EXPECT_OK(second.get());
  Caller nobody;
  EXPECT_TRUE(demand(nobody).empty());
  lane->close();
  EXPECT_OK(serving.get());
  EXPECT_EQ(nobody.calls(), 0) << "nobody waits any more";
  far_->volumes->demand()->close();
}

TEST_F(StreamWait, ALaneThatEndsWithoutTheBytesCallsForTheNext) {
  auto reading = read(3);
  EXPECT_EQ(next_demand(), std::vector<Id>{snapshot_});
  auto lane = readers_lane(kNever);
  ASSERT_OK(lane->take());
  lane.reset();
  EXPECT_EQ(next_demand(), std::vector<Id>{snapshot_});
  // One that yields as well, and it waits for what it has asked for.
  lane = readers_lane(kNever);
  const auto asked = lane->take();
  ASSERT_OK(asked);
  lane->yield();
  EXPECT_EQ(next_demand(), std::vector<Id>{snapshot_});
  Caller caller;
  EXPECT_EQ(kind_of(lane->poll(caller.ready())), Polled::Kind::kNotYet);
  SnapshotSource source(*store_, fields_);
  ASSERT_OK(source.give(**asked));
  for (Polled::Kind kind = Polled::Kind::kNotYet; kind != Polled::Kind::kEnd;) {
    const auto said = source.take();
    ASSERT_OK(said);
    ASSERT_OK(lane->give(**said));
    ASSERT_TRUE(caller.called_soon());
    const auto next = lane->take();
    ASSERT_OK(next);
    kind = *next ? Polled::Kind::kMessage : Polled::Kind::kEnd;
    if (*next) ASSERT_OK(source.give(**next));
  }
  EXPECT_OK(reading.get());
}

TEST_F(StreamWait, ALaneRestsWhenNobodyWaitsAndNotBefore) {
  auto reading = read(3);
  EXPECT_EQ(next_demand(), std::vector<Id>{snapshot_});
  auto lane = readers_lane(milliseconds(10));
  const auto asked = lane->take();
  ASSERT_OK(asked);
  ASSERT_TRUE(asked->has_value());
  Caller caller;
  ASSERT_EQ(kind_of(lane->poll(caller.ready())), Polled::Kind::kNotYet);
  std::this_thread::sleep_for(milliseconds(50));  // many rests
  EXPECT_EQ(caller.calls(), 0) << "a reader waits";
  hydrator_->fail(3, error(Code::kRemoteUnavailable, "it cannot be had"));
  EXPECT_FALSE(reading.get().ok());
  EXPECT_TRUE(caller.called_soon());
  EXPECT_EQ(kind_of(lane->poll(Ready())), Polled::Kind::kEnd);
}

}  // namespace
}  // namespace ashlar::test
