// Copies and repairs over a wire that spoils and from sources that lie (support/liar.h), by seed.
// Each ends with the right content or with a typed error, or nobody speaks any more; nothing wrong
// is stored, and no node is there without all that is below it. Replay: ASHLAR_TEST_SEED=<seed>
// build/check/ashlar_tests --gtest_filter='StreamCopyHostile*'
#include "stream/repair.h"
#include "support/copy_world.h"
#include "support/liar.h"

namespace ashlar::test {
namespace {

constexpr uint64_t kBytes = 4100 * kChunkBytes + kBlockBytes;  // three levels, a part of a chunk
constexpr uint64_t kPercents[] = {0, 5, 15, 40};               // of the messages

class StreamCopyHostile : public testing::TestWithParam<uint64_t> {
 protected:
  void SetUp() override {
    auto near = open_store(near_folder_.path());
    ASSERT_OK(near);
    near_ = *std::move(near);
    auto far = open_store(far_folder_.path());
    ASSERT_OK(far);
    far_ = *std::move(far);
  }

  // Both stores have the first; the other is new in every run.
  void make_images(Prng& prng) {
    ByteModel base;
    base.bytes = kBytes;
    for (uint64_t i = prng.between(2, 8); i > 0; i--) {
      const uint64_t chunk = prng.chance(60) ? prng.below(4) : prng.below(4100);
      std::vector<uint8_t> data(kBlockBytes * prng.between(4, 16), uint8_t(i));
      for (size_t at = 0; at < data.size(); at += prng.chance(50) ? 8 : 1024) {
        const uint64_t word = prng.next();
        std::memcpy(&data[at], &word, sizeof word);
      }
      base.write(chunk * kChunkBytes, data);
    }
    ByteModel next = base;
    for (uint64_t i = prng.between(1, 6); i > 0; i--) {
      std::vector<uint8_t> data(kBlockBytes);
      for (size_t at = 0; at < data.size(); at += sizeof(uint64_t)) {
        const uint64_t word = prng.next();
        std::memcpy(&data[at], &word, sizeof word);
      }
      auto at = next.blocks().begin();
      std::advance(at, ptrdiff_t(prng.below(next.blocks().size())));
      next.write(at->first * kBlockBytes, data);
    }
    const auto base_image = put_model(*near_, base);
    ASSERT_OK(base_image);
    ASSERT_OK(put_model(*far_, base));
    base_ = *base_image;
    const auto image = put_model(*near_, next, prng.chance(50) ? &base : nullptr);
    ASSERT_OK(image);
    image_ = *image;
  }
  bool present(const Hash& id) { return (*far_->present(std::span(&id, 1)))[0]; }

  void run(uint64_t seed) {
    SCOPED_TRACE("ASHLAR_TEST_SEED=" + std::to_string(seed));
    Prng prng(seed);
    make_images(prng);
    if (HasFatalFailure()) return;
    const bool repairs = prng.chance(25);
    const bool agreed = !repairs && prng.chance(60);
    Liar liar(prng.next(), kPercents[prng.below(4)]);
    PumpOptions options;
    options.seed = prng.next();
    options.patience = std::chrono::milliseconds(5);
    options.meddler = liar.meddler();
    const ManifestFields base = *read_manifest(base_.manifest);
    SnapshotSource source(*near_, *read_manifest(image_.manifest),
                          agreed ? std::optional(base) : std::nullopt);
    std::unique_ptr<Channel> receiver;
    std::function<Result<IngestResult>()> finish;
    if (repairs) {
      auto repair = Repair::open(*far_, default_keys(), image_.manifest, {});
      ASSERT_OK(repair);
      finish = [at = repair->get()] { return at->finish(); };
      receiver = *std::move(repair);
    } else {
      const auto held = agreed ? std::optional(base_.manifest) : std::nullopt;
      auto ingest = TreeIngest::open(*far_, default_keys(), image_.manifest, held);
      ASSERT_OK(ingest);
      finish = [at = ingest->get()] { return at->finish(); };
      receiver = *std::move(ingest);
    }
    const PumpEnd end = pump(source, *receiver, std::move(options));
    for (const auto& failed : {end.source_failed, end.receiver_failed}) {
      if (!failed) continue;
      ASSERT_TRUE(failed->code == Code::kProtocol || failed->code == Code::kRemoteUnavailable)
          << code_name(failed->code) << ": " << failed->message;
    }
    judge(finish(), end, liar);
  }

  void judge(const Result<IngestResult>& result, const PumpEnd& end, const Liar& liar) {
    if (!result) {
      const Code code = result.error().code;
      ASSERT_TRUE(code == Code::kProtocol || code == Code::kRemoteUnavailable ||
                  code == Code::kFailedPrecondition)
          << code_name(code) << ": " << result.error().message;
      (end.gave_up() ? gave_up_ : failed_)++;
      return;
    }
    ASSERT_EQ(to_hex(result->root), to_hex(image_.root));
    const auto stored = stored_snapshot(*far_, image_.root);
    ASSERT_OK(stored);
    ASSERT_EQ(*stored, image_.chunks);
    finished_++;
    unmeddled_ += liar.lies() == 0;
  }

  MemoryFolder near_folder_;
  MemoryFolder far_folder_;
  std::unique_ptr<ChunkStore> near_;
  std::unique_ptr<ChunkStore> far_;
  ModelImage base_;
  ModelImage image_;
  uint64_t finished_ = 0;
  uint64_t unmeddled_ = 0;
  uint64_t failed_ = 0;
  uint64_t gave_up_ = 0;
};

TEST_P(StreamCopyHostile, StoresTheRightOrNothingThatIsWrong) {
  const uint64_t first = test_seed(200'000 * (GetParam() + 1));
  std::printf("[ SEED     ] from %llu\n", static_cast<unsigned long long>(first));
  for (uint64_t i = 0; i < test_scale(200) && !HasFailure(); i++)
    run(first + i);
  EXPECT_TRUE(verify_packs(*far_, far_folder_.path()).ok());
  ASSERT_OK(closed_below(*far_, far_folder_.path()));
  std::printf("[ TALLY    ] %llu finished (%llu unmeddled), %llu failed, %llu given up\n",
              static_cast<unsigned long long>(finished_),
              static_cast<unsigned long long>(unmeddled_), static_cast<unsigned long long>(failed_),
              static_cast<unsigned long long>(gave_up_));
  if (test_scale(200) < 200 || std::getenv("ASHLAR_TEST_SEED")) return;
  EXPECT_GT(finished_, unmeddled_);
  EXPECT_GT(failed_, 0u);
  EXPECT_GT(gave_up_, 0u);
}
INSTANTIATE_TEST_SUITE_P(StreamCopyHostileRuns, StreamCopyHostile, testing::Range<uint64_t>(0, 4));

}  // namespace
}  // namespace ashlar::test
