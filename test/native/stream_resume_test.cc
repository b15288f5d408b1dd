// Pulls that break: at any frame the connection is gone, new ends are made, and the pull goes on to
// the right root or the right content. What is durable on the receiver's side is not asked for
// again (DESIGN 8). Replay: ASHLAR_TEST_SEED=<seed> build/check/ashlar_tests
// --gtest_filter='StreamResume*'
#include <set>

#include "support/pull_world.h"

namespace ashlar::test {
namespace {

class StreamResume : public testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK(near_.open());
    ASSERT_OK(far_.open());
    open();
  }
  void open() {
    store_.reset();
    auto store = open_store(folder_.path());
    ASSERT_OK(store);
    store_ = *std::move(store);
  }
  void begin(uint64_t seed) {
    seed_ = seed;
    std::printf("[ SEED     ] %llu\n", static_cast<unsigned long long>(seed));
  }

  // A volume with a few scattered ranges, and its cut.
  void make_image(uint64_t bytes, uint64_t steps) {
    const auto volume = near_.create(bytes);
    ASSERT_OK(volume);
    ByteModel empty;
    empty.bytes = bytes;
    host_ = std::make_unique<Guest>(*near_, *volume, empty, seed_);
    host_->steps(steps);
    cut();
  }
  void cut() {
    const auto snapshot = near_.cut(host_->volume());
    ASSERT_OK(snapshot);
    snapshot_ = *snapshot;
    image_ = image_of(host_->model());
  }

  // New ends; the connection breaks after that many frames.
  PumpEnd pull(uint64_t frames_max, Observer& observer, Result<IngestResult>* result) {
    const auto source = near_.source(snapshot_);
    EXPECT_TRUE(source.ok());
    PumpOptions options = of_a_cut(seed_ + frames_max);
    options.messages_max = frames_max;
    options.meddler = observer.meddler();
    Ingest receiver(*store_, default_keys(), {(*source)->volume_bytes(), std::nullopt, false});
    const PumpEnd end = pump(**source, receiver, options);
    // A connection that breaks after the last frame has done no harm.
    *result = receiver.finish();
    EXPECT_TRUE(*result || fails_with(*result, Code::kFailedPrecondition, "not complete"));
    EXPECT_TRUE(*result || !end.complete);
    return end;
  }
  void expect_stored(const Result<IngestResult>& result) {
    ASSERT_OK(result);
    ASSERT_EQ(to_hex(result->root), to_hex(image_.root));
    const auto stored = stored_snapshot(*store_, image_.root);
    ASSERT_OK(stored);
    ASSERT_EQ(*stored, image_.chunks);
  }
  bool present(const Hash& id) { return (*store_->present(std::span(&id, 1)))[0]; }

  uint64_t seed_ = 0;
  MemoryFolder folder_;
  std::unique_ptr<ChunkStore> store_;
  PullPool near_{1};
  PullPool far_{2};
  std::unique_ptr<Guest> host_;
  Id snapshot_;
  ModelImage image_;
};

TEST_F(StreamResume, APullBrokenAtAnyFrameIsPulledAgain) {
  begin(test_seed(4000));
  uint64_t pulls = 0;
  for (uint64_t run = 0; run < std::max<uint64_t>(test_scale(8), 2) && !HasFailure(); run++) {
    make_image(70 * kChunkBytes + kBlockBytes, 20);
    if (HasFatalFailure()) return;
    Result<IngestResult> result = error(Code::kInternal, "never finished");
    for (uint64_t frames = 1; !result && !HasFailure(); frames++) {
      SCOPED_TRACE("broken after " + std::to_string(frames) + " frames");
      Observer observer;
      pulls++;
      const PumpEnd end = pull(frames, observer, &result);
      ASSERT_FALSE(end.source_failed) << end.source_failed->message;
      ASSERT_FALSE(end.receiver_failed) << end.receiver_failed->message;
      ASSERT_EQ(present(image_.root), result.ok());
    }
    expect_stored(result);
    seed_++;
  }
  EXPECT_GT(pulls, 5u);
}

TEST_F(StreamResume, WhatIsDurableIsNotSentAgain) {
  begin(test_seed(4100));
  Prng prng(seed_);
  // More than one pack of what does not compress: the first is durable before the pull ends.
  const uint64_t chunks = 1296;
  make_image(chunks * kChunkBytes, 0);
  if (HasFatalFailure()) return;
  std::vector<uint8_t> data(16 * kChunkBytes);
  for (uint64_t chunk = 0; chunk < chunks; chunk += 16) {
    for (size_t at = 0; at < data.size(); at += sizeof(uint64_t)) {
      const uint64_t word = prng.next();
      std::memcpy(&data[at], &word, sizeof word);
    }
    host_->write_at(chunk * kChunkBytes, data);
    if (HasFatalFailure()) return;
  }
  cut();
  Result<IngestResult> result = error(Code::kInternal, "never finished");
  const uint64_t breaks[] = {prng.between(1290, 1370), prng.between(1, 150), UINT64_MAX};
  for (const uint64_t frames : breaks) {
    std::set<uint64_t> durable;
    for (const auto& [chunk, id] : image_.chunks) {
      if (present(id)) durable.insert(chunk);
    }
    EXPECT_EQ(durable.empty(), frames == breaks[0]) << "no pack was sealed before the break";
    Observer observer;
    const PumpEnd end = pull(frames, observer, &result);
    ASSERT_EQ(end.complete, frames == UINT64_MAX);
    for (const uint64_t chunk : observer.wanted)
      ASSERT_FALSE(durable.contains(chunk)) << "chunk " << chunk << " was asked for again";
    for (const auto& [chunk, times] : observer.sent)
      ASSERT_EQ(times, 1) << "chunk " << chunk;
    if (prng.chance(50)) open();
  }
  expect_stored(result);
}

TEST_F(StreamResume, EqualChunksAreSentOnce) {
  begin(test_seed(4200));
  make_image(200 * kChunkBytes, 0);
  if (HasFatalFailure()) return;
  Prng prng(seed_);
  std::vector<uint8_t> data(kChunkBytes, 1);
  for (uint64_t chunk = 0; chunk < 150; chunk++) {
    data[0] = uint8_t(prng.below(8));
    host_->write_at(chunk * kChunkBytes, data);
  }
  for (int round = 0; round < 5; round++) {
    cut();
    std::set<Hash> lacking;
    for (const auto& [chunk, id] : image_.chunks) {
      if (!present(id)) lacking.insert(id);
    }
    Result<IngestResult> result = error(Code::kInternal, "never finished");
    Observer observer;
    ASSERT_TRUE(pull(UINT64_MAX, observer, &result).complete);
    expect_stored(result);
    EXPECT_EQ(observer.sent.size(), lacking.size());
    EXPECT_EQ(observer.wanted.size(), lacking.size());
    host_->steps(4);  // the next snapshot differs in little
  }
}

TEST_F(StreamResume, ARestoreBrokenAnywhereGoesOn) {
  for (uint64_t run = 0; run < std::max<uint64_t>(test_scale(6), 1) && !HasFailure(); run++) {
    begin(test_seed(4300 + run));
    Prng prng(seed_);
    make_image(130 * kChunkBytes + 3 * kBlockBytes, 40);
    if (HasFatalFailure()) return;
    Result<IngestResult> result = error(Code::kInternal, "never finished");
    Observer ingested;
    ASSERT_TRUE(pull(UINT64_MAX, ingested, &result).complete);
    expect_stored(result);
    const auto restored = far_.restore(result->manifest, host_->model().bytes);
    ASSERT_OK(restored);
    Guest far_host(*far_, restored->volume, host_->model(), seed_ + 1);
    for (bool complete = false; !complete && !HasFailure();) {
      far_host.write_at(prng.below(130) * kChunkBytes, random_bytes(prng, 2 * kBlockBytes));
      far_host.flush();
      const std::vector<uint64_t> remote = far_host.compare_local();
      const std::set<uint64_t> lacking(remote.begin(), remote.end());
      auto receiver = far_.hydration(restored->snapshot, Lane::kBackground);
      ASSERT_OK(receiver);
      Observer observer;
      PumpOptions options;
      options.meddler = observer.meddler();
      options.messages_max = prng.between(1, 20);
      SnapshotSource source(*store_, *read_manifest(result->manifest));
      const PumpEnd end = pump(source, **receiver, options);
      ASSERT_FALSE(end.source_failed) << end.source_failed->message;
      ASSERT_FALSE(end.receiver_failed) << end.receiver_failed->message;
      complete = end.complete;
      for (const uint64_t chunk : observer.wanted)
        ASSERT_TRUE(lacking.contains(chunk)) << "chunk " << chunk << " was there already";
      for (const auto& [chunk, times] : observer.sent)
        ASSERT_EQ(times, 1) << "chunk " << chunk;
      receiver->reset();
      if (prng.chance(20)) ASSERT_OK(far_.close_and_open());
      if (prng.chance(20)) {
        ASSERT_OK(far_.lose_power());
        complete = false;  // what came last may be lost
      }
    }
    ASSERT_EQ(far_host.compare_local(), std::vector<uint64_t>());
    const auto report = far_->pool->check(false);
    ASSERT_OK(report);
    ASSERT_TRUE(report->problems.empty()) << report->problems[0];
  }
}

}  // namespace
}  // namespace ashlar::test
