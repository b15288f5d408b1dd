// Seal model test (DESIGN 12.1): random images in a pool, cut again and again; the list and the
// root that a seal gives equal those computed from the model's bytes. Drops, checkpoints, restarts,
// clones and growth in between. Replay: ASHLAR_TEST_SEED=<seed> build/check/ashlar_tests
// --gtest_filter='Seal*'
#include <fcntl.h>
#include <unistd.h>

#include "seal/image.h"
#include "support/pull_world.h"

namespace ashlar::test {
namespace {

class SealRun {
 public:
  explicit SealRun(uint64_t seed) : prng_(seed), pool_(seed) {}

  void open() {
    ASSERT_OK(pool_.open());
    for (int i = 0; i < 3; i++)
      create();
  }

  void step() {
    const uint64_t dice = prng_.below(100);
    Guest& guest = *guests_[prng_.below(guests_.size())];
    if (dice < 50) return guest.steps(prng_.between(1, 8));
    if (dice < 70) return cut(guest);
    if (dice < 85) return seal();
    if (dice < 90) return drop();
    if (dice < 93) return clone();
    if (dice < 96) return replace();
    ASSERT_OK(pool_.tidy());
    if (prng_.chance(50)) restart();
  }

  void finish() {
    while (!cuts_.empty() && !testing::Test::HasFailure()) {
      seal();
      drop();
    }
  }

 private:
  struct ModelCut {
    Id snapshot;
    ByteModel content;
  };

  void create() {
    const uint64_t sizes[] = {kBlockBytes,      3 * kChunkBytes + kBlockBytes,
                              64 * kChunkBytes, 65 * kChunkBytes,
                              300ull << 20,     17ull << 30};
    ByteModel model;
    model.bytes = sizes[prng_.below(std::size(sizes))] + kBlockBytes * prng_.below(40);
    const auto volume = pool_.create(model.bytes);
    ASSERT_OK(volume);
    guests_.push_back(std::make_unique<Guest>(*pool_, *volume, model, prng_.next()));
  }

  void cut(Guest& guest) {
    if (cuts_.size() >= 6) return seal();
    const auto snapshot = pool_.cut(guest.volume());
    ASSERT_OK(snapshot);
    cuts_.push_back({*snapshot, guest.model()});
  }

  void drop() {
    if (cuts_.empty()) return;
    const size_t at = prng_.below(cuts_.size());
    ASSERT_OK(pool_->volumes->drop_cut(cuts_[at].snapshot));
    cuts_.erase(cuts_.begin() + ptrdiff_t(at));
  }

  // A volume on a cut's root, larger now and then.
  void clone() {
    if (cuts_.empty() || guests_.size() > 5) return;
    const ModelCut& from = cuts_[prng_.below(cuts_.size())];
    CreateVolume order;
    order.id = pool_.next_id();
    order.cut = from.snapshot;
    order.bytes = from.content.bytes + (prng_.chance(50) ? 5ull << 20 : 0);
    ASSERT_OK(pool_->volumes->create(order));
    ByteModel model = from.content;
    model.bytes = order.bytes;
    guests_.push_back(std::make_unique<Guest>(*pool_, order.id, model, prng_.next()));
  }

  void replace() {
    const size_t at = prng_.below(guests_.size());
    ASSERT_OK(pool_->remove(guests_[at]->volume()));
    guests_.erase(guests_.begin() + ptrdiff_t(at));
    create();
  }

  void restart() {
    if (prng_.chance(50)) {
      ASSERT_OK(pool_.close_and_open());
    } else {
      ASSERT_OK(pool_->pool->sync());
      ASSERT_OK(pool_.lose_power());
    }
  }

  // The list is read to its end; nobody asks for a chunk.
  void seal() {
    if (cuts_.empty()) return;
    const ModelCut& cut = cuts_[prng_.below(cuts_.size())];
    const auto source = pool_.source(cut.snapshot);
    ASSERT_OK(source);
    const ModelImage expected = image_of(cut.content);
    std::map<uint64_t, Hash> listed;
    for (bool ended = false; !ended;) {
      const auto message = (*source)->take();
      ASSERT_OK(message);
      ASSERT_TRUE(message->has_value());
      const auto frames = parse_frames(**message);
      ASSERT_OK(frames);
      for (const WireFrame& frame : *frames) {
        ASSERT_FALSE(ended);
        if (frame.header.kind == Wire::kListEnd) {
          ended = true;
          ASSERT_EQ(to_hex(frame.header.id), to_hex(expected.tree_root));
          ASSERT_EQ(frame.header.index, expected.chunks.size());
          continue;
        }
        ASSERT_EQ(frame.header.kind, Wire::kList);
        for (const ListEntry& entry : wire_entries(frame)) {
          ASSERT_TRUE(listed.empty() || listed.rbegin()->first < entry.index);
          listed[entry.index] = entry.id;
        }
      }
    }
    ASSERT_EQ(listed, expected.chunks) << "snapshot " << to_string(cut.snapshot);
    if (cut.content.bytes < (1ull << 30) && prng_.chance(20)) compare_file(cut.content, expected);
  }

  // The same bytes as a file: what `ashlar verify` says.
  void compare_file(const ByteModel& content, const ModelImage& expected) {
    const std::string path = folder_.path() + "/image.raw";
    const UniqueFd file(::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    ASSERT_EQ(::ftruncate(file.get(), off_t(content.bytes)), 0);
    for (const auto& [block, data] : content.blocks()) {
      const off_t offset = off_t(block * kBlockBytes);
      ASSERT_EQ(::pwrite(file.get(), data->data(), data->size(), offset), ssize_t(data->size()));
    }
    const auto root = verify_image(path);
    ASSERT_OK(root);
    ASSERT_EQ(to_hex(root->root), to_hex(expected.root));
    ASSERT_EQ(root->volume_bytes, content.bytes);
  }

  Prng prng_;
  PullPool pool_;
  MemoryFolder folder_;
  std::vector<std::unique_ptr<Guest>> guests_;
  std::vector<ModelCut> cuts_;
};

// Four runs, so that shards share them.
class SealModel : public testing::TestWithParam<uint64_t> {};
TEST_P(SealModel, RootsAreThoseOfTheBytes) {
  const uint64_t seed = test_seed(3000 + GetParam());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::printf("[ SEED     ] %llu\n", static_cast<unsigned long long>(seed));
  SealRun run(seed);
  run.open();
  for (uint64_t i = 0; i < test_scale(1000) && !HasFailure(); i++)
    run.step();
  if (!HasFailure()) run.finish();
}
INSTANTIATE_TEST_SUITE_P(SealRuns, SealModel, testing::Range<uint64_t>(0, 4));

}  // namespace
}  // namespace ashlar::test
