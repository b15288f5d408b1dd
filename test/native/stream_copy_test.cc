// Copies of snapshots from store to store, compared with a model of the bytes: what arrives, what
// is asked for, and what is left when the connection breaks. Replay: ASHLAR_TEST_SEED=<seed>
// build/check/ashlar_tests --gtest_filter='StreamCopy*'
#include "support/copy_world.h"

namespace ashlar::test {
namespace {

struct Size {
  const char* name;
  uint64_t bytes;
};
constexpr Size kSizes[] = {
    {"OneBlock", kBlockBytes},
    {"PartOfAChunk", 3 * kChunkBytes + 5 * kBlockBytes},
    {"OneNode", 64 * kChunkBytes},
    {"TwoLevels", 70 * kChunkBytes + kBlockBytes},
    {"ThreeLevels", (300ull << 20) + 7 * kBlockBytes},
    {"FourLevels", (20ull << 30) + kBlockBytes},
    {"FiveLevels", 64ull << 40},
};

// Content around a few places, some of it the same in several, some zero.
void scribble(ByteModel& model, Prng& prng, uint64_t writes) {
  std::vector<uint64_t> spots = {0, model.bytes - 1};
  for (int i = 0; i < 4; i++)
    spots.push_back(prng.below(model.bytes));
  const std::vector<uint8_t> popular = random_bytes(prng, kChunkBytes);
  for (uint64_t i = 0; i < writes; i++) {
    uint64_t offset = (spots[prng.below(spots.size())] + prng.below(400'000)) % model.bytes;
    std::vector<uint8_t> data = popular;
    if (prng.chance(25)) {
      offset = offset / kChunkBytes * kChunkBytes;
    } else {
      offset = offset / kBlockBytes * kBlockBytes;
      data = random_bytes(prng, kBlockBytes * prng.between(1, 40));
    }
    data.resize(std::min<uint64_t>(data.size(), model.bytes - offset));
    model.write(offset, data);
  }
}

// Single blocks change, in chunks that hold something.
void change_blocks(ByteModel& model, Prng& prng, uint64_t blocks) {
  for (uint64_t i = 0; i < blocks; i++) {
    auto at = model.blocks().begin();
    std::advance(at, ptrdiff_t(prng.below(model.blocks().size())));
    const uint64_t offset = at->first * kBlockBytes;
    std::vector<uint8_t> data(kBlockBytes);
    for (size_t word = 0; word < data.size(); word += sizeof(uint64_t)) {
      const uint64_t value = prng.next();
      std::memcpy(&data[word], &value, sizeof value);
    }
    model.write(offset, data);
  }
}

class StreamCopy : public testing::Test {
 protected:
  void SetUp() override {
    auto near = open_store(near_folder_.path());
    ASSERT_OK(near);
    near_ = *std::move(near);
    auto far = open_store(far_folder_.path());
    ASSERT_OK(far);
    far_ = *std::move(far);
  }
  void begin(uint64_t seed) {
    seed_ = test_seed(seed);
    std::printf("[ SEED     ] %llu\n", static_cast<unsigned long long>(seed_));
    prng_ = Prng(seed_);
  }
  ModelImage put(const ByteModel& model, const ByteModel* base = nullptr) {
    const auto image = put_model(*near_, model, base);
    EXPECT_TRUE(image.ok()) << image.error().message;
    return image ? *image : ModelImage();
  }
  void expect_copied(const ModelImage& image) {
    const auto stored = stored_snapshot(*far_, image.root);
    ASSERT_OK(stored);
    EXPECT_EQ(*stored, image.chunks);
    EXPECT_TRUE(verify_packs(*far_, far_folder_.path()).ok());
    const auto closed = closed_below(*far_, far_folder_.path());
    EXPECT_TRUE(closed.ok()) << closed.error().message;
  }
  void copy_and_compare(const ModelImage& image, CopyOptions options = {}) {
    options.pump.seed = seed_;
    const auto copied = copy(*near_, *far_, image.manifest, std::move(options));
    ASSERT_OK(copied);
    EXPECT_EQ(to_hex(copied->root), to_hex(image.root));
    EXPECT_EQ(copied->manifest, image.manifest);
    expect_copied(image);
  }
  CopyOptions observed() {
    observer_ = {};
    CopyOptions options;
    options.pump.meddler = observer_.meddler();
    return options;
  }
  uint64_t deltas_stored() {
    uint64_t deltas = 0;
    for (const std::string& path : packs_of(far_folder_.path(), 'd')) {
      const auto entries = read_directory(path, *parse_pack_name(fs::path(path).filename()));
      for (const DirectoryEntry& entry : *entries)
        deltas += entry.kind == FrameKind::kDelta;
    }
    return deltas;
  }

  uint64_t seed_ = 0;
  Prng prng_{0};
  MemoryFolder near_folder_;
  MemoryFolder far_folder_;
  std::unique_ptr<ChunkStore> near_;
  std::unique_ptr<ChunkStore> far_;
  CopyObserver observer_;
};

class StreamCopySizes : public StreamCopy,
                        public testing::WithParamInterface<std::tuple<Size, int>> {};

TEST_P(StreamCopySizes, ArrivesBitForBit) {
  begin(3000 + uint64_t(std::get<1>(GetParam())));
  ByteModel model;
  model.bytes = std::get<0>(GetParam()).bytes;
  scribble(model, prng_, 30);
  const ModelImage image = put(model);
  copy_and_compare(image, observed());
  // Equal chunks and nodes are asked for once.
  const Difference all = difference(image, model.bytes, {}, model.bytes);
  EXPECT_EQ(observer_.wanted_chunks.size(), all.chunks.size());
  EXPECT_EQ(observer_.wanted_nodes.size(), all.nodes.size());
  // Once more: not a word.
  copy_and_compare(image, observed());
  EXPECT_EQ(observer_.bytes, 0u);
  EXPECT_EQ(observer_.wanted_nodes.size(), 0u);
}

TEST_P(StreamCopySizes, AsksOnlyForWhatDiffers) {
  begin(3100 + uint64_t(std::get<1>(GetParam())));
  ByteModel base;
  base.bytes = std::get<0>(GetParam()).bytes;
  scribble(base, prng_, 30);
  ByteModel next = base;
  scribble(next, prng_, 4);
  if (prng_.chance(50)) next.bytes += 70 * kChunkBytes;
  next.bytes = std::min<uint64_t>(next.bytes, 64ull << 40);
  const ModelImage base_image = put(base);
  const ModelImage image = put(next);
  copy_and_compare(base_image);
  const Difference change = difference(image, next.bytes, base_image, base.bytes);
  const bool known = seed_ % 2;
  CopyOptions options = observed();
  if (known) options.base = &base_image.manifest;
  copy_and_compare(image, std::move(options));
  EXPECT_EQ(observer_.wanted_chunks.size(), change.chunks.size());
  EXPECT_EQ(observer_.wanted_nodes.size(), change.nodes.size());
}

std::string name_of(const testing::TestParamInfo<StreamCopySizes::ParamType>& run) {
  return std::get<0>(run.param).name + std::to_string(std::get<1>(run.param));
}
INSTANTIATE_TEST_SUITE_P(StreamCopies, StreamCopySizes,
                         testing::Combine(testing::ValuesIn(kSizes), testing::Range(0, 4)),
                         name_of);

TEST_F(StreamCopy, AnEmptySnapshotNeedsNoQuestion) {
  begin(1);
  ByteModel model;
  model.bytes = 1ull << 40;
  const ModelImage image = put(model);
  copy_and_compare(image, observed());
  EXPECT_EQ(observer_.wanted_nodes.size(), 0u);
}

TEST_F(StreamCopy, WhatAnUnrelatedSnapshotHasIsNotSent) {
  begin(2);
  ByteModel one;
  one.bytes = 20 * kChunkBytes;
  for (uint64_t chunk = 0; chunk < 10; chunk++)
    one.write(chunk * kChunkBytes, std::vector<uint8_t>(kChunkBytes, uint8_t(chunk + 1)));
  // The same chunks elsewhere, and one that is new.
  ByteModel other;
  other.bytes = 300 * kChunkBytes;
  for (uint64_t chunk = 0; chunk < 11; chunk++)
    other.write((chunk + 150) * kChunkBytes, std::vector<uint8_t>(kChunkBytes, uint8_t(chunk + 1)));
  copy_and_compare(put(one));
  copy_and_compare(put(other), observed());
  EXPECT_EQ(observer_.wanted_chunks, std::vector<uint64_t>({160}));
}

// ---- deltas

TEST_F(StreamCopy, BlocksThatChangedTravelAndAreStoredAsDeltas) {
  begin(3);
  ByteModel base;
  base.bytes = 32ull << 20;
  for (uint64_t at = 0; at < base.bytes; at += kChunkBytes) {
    std::vector<uint8_t> data(kChunkBytes);
    for (size_t word = 0; word < data.size(); word += sizeof(uint64_t)) {
      const uint64_t value = prng_.next();
      std::memcpy(&data[word], &value, sizeof value);
    }
    base.write(at, data);
  }
  const ModelImage base_image = put(base);
  copy_and_compare(base_image);
  ByteModel next = base;
  std::set<uint64_t> changed;
  while (changed.size() < 82)  // 1 %
    changed.insert(prng_.below(base.bytes / kBlockBytes));
  for (const uint64_t block : changed) {
    ByteModel::Block data = base.content(block);
    for (uint8_t& byte : data)
      byte = uint8_t(prng_.next());
    next.write(block * kBlockBytes, data);
  }
  const ModelImage image = put(next);
  CopyOptions options = observed();
  options.base = &base_image.manifest;
  copy_and_compare(image, std::move(options));
  EXPECT_EQ(observer_.frames[Wire::kRaw] + observer_.frames[Wire::kLz4], 0u);
  EXPECT_EQ(observer_.frames[Wire::kDelta] + observer_.frames[Wire::kDeltaRaw],
            difference(image, next.bytes, base_image, base.bytes).chunks.size());
  EXPECT_LE(observer_.bytes, changed.size() * kBlockBytes * 11 / 10);
  EXPECT_GT(deltas_stored(), 0u);
}

class StreamCopyDeltas : public StreamCopy, public testing::WithParamInterface<int> {};

// A line of snapshots, each a delta on the one before, in both stores or neither as it comes.
TEST_P(StreamCopyDeltas, ALineOfSnapshotsArrivesInWhateverFormItIsStored) {
  begin(3300 + uint64_t(GetParam()));
  ByteModel model;
  model.bytes = 70 * kChunkBytes + kBlockBytes;
  scribble(model, prng_, 20);
  std::vector<ModelImage> images = {put(model)};
  copy_and_compare(images[0]);
  uint64_t as_delta = 0;
  for (int i = 0; i < 6 && !HasFailure(); i++) {
    const ByteModel before = model;
    if (prng_.chance(80)) {
      change_blocks(model, prng_, prng_.between(1, 40));
    } else {
      scribble(model, prng_, 3);
    }
    images.push_back(put(model, prng_.chance(60) ? &before : nullptr));
    if (prng_.chance(25)) continue;  // never copied
    CopyOptions options = observed();
    for (size_t base = images.size() - 1; base-- > 0 && !options.base;) {
      const auto held = far_->present(std::span(&images[base].root, 1));
      if ((*held)[0] && prng_.chance(70)) options.base = &images[base].manifest;
    }
    copy_and_compare(images.back(), std::move(options));
    as_delta += observer_.frames[Wire::kDelta] + observer_.frames[Wire::kDeltaRaw];
  }
  if (seed_ == 3300) {
    EXPECT_GT(as_delta, 0u);
  }
}
INSTANTIATE_TEST_SUITE_P(StreamCopies, StreamCopyDeltas, testing::Range(0, 12));

// ---- interrupted

TEST_F(StreamCopy, ResumesAfterABreakAtAnyMessageAndAsksForNothingTwice) {
  begin(4);
  ByteModel model;
  model.bytes = 300ull << 20;
  scribble(model, prng_, 120);
  const ModelImage image = put(model);
  for (uint64_t break_at = 0;; break_at++) {
    MemoryFolder folder;
    auto opened = open_store(folder.path());
    ASSERT_OK(opened);
    far_ = *std::move(opened);
    CopyOptions options = observed();
    options.pump.messages_max = break_at;
    const auto first = copy(*near_, *far_, image.manifest, std::move(options));
    if (first) {
      EXPECT_GT(break_at, 6u);
      break;
    }
    const auto closed = closed_below(*far_, folder.path());
    ASSERT_OK(closed);
    const std::multiset<Hash> sent = observer_.sent;
    const auto second = copy(*near_, *far_, image.manifest, observed());
    ASSERT_OK(second);
    for (const auto& [index, id] : image.chunks) {
      EXPECT_LE(sent.count(id) + observer_.sent.count(id), 1u)
          << "chunk " << index << " was sent twice, broken at message " << break_at;
    }
    const auto stored = stored_snapshot(*far_, image.root);
    ASSERT_OK(stored);
    EXPECT_EQ(*stored, image.chunks);
    ASSERT_OK(verify_packs(*far_, folder.path()));
    ASSERT_OK(closed_below(*far_, folder.path()));
  }
}

TEST_F(StreamCopy, ASourceThatCannotGiveAChunkFailsTheCopyAndTheRestIsKept) {
  begin(5);
  ByteModel model;
  model.bytes = 70 * kChunkBytes;
  scribble(model, prng_, 40);
  const ModelImage image = put(model);
  const std::string pack = packs_of(near_folder_.path(), 'd').front();
  const auto entries = read_directory(pack, *parse_pack_name(fs::path(pack).filename()));
  const DirectoryEntry& victim = (*entries)[entries->size() / 2];
  flip_bit(pack, victim.offset + sizeof(FrameHeader));
  const auto failed = copy(*near_, *far_, image.manifest, observed());
  EXPECT_TRUE(fails_with(failed, Code::kRemoteUnavailable, "kCorrupt"));
  ASSERT_OK(closed_below(*far_, far_folder_.path()));
  flip_bit(pack, victim.offset + sizeof(FrameHeader));
  const uint64_t sent = observer_.sent.size();
  copy_and_compare(image, observed());
  EXPECT_LT(observer_.sent.size(), sent);
}

// ---- who is given what

TEST_F(StreamCopy, ADeltaWithoutAnAgreedBaseIsRefused) {
  begin(6);
  ByteModel base;
  base.bytes = 4 * kChunkBytes;
  base.write(0, random_bytes(prng_, 4 * kChunkBytes));
  ByteModel next = base;
  next.write(kChunkBytes, std::vector<uint8_t>(kBlockBytes, 0x77));
  const ModelImage base_image = put(base);
  const ModelImage image = put(next);
  CopyOptions options;
  options.base_at_source = &base_image.manifest;
  EXPECT_TRUE(fails_with(copy(*near_, *far_, image.manifest, std::move(options)), Code::kProtocol,
                         "no base was agreed on"));
}

TEST_F(StreamCopy, ATreeThatDoesNotFitItsVolumeIsRefused) {
  begin(7);
  ByteModel model;
  model.bytes = 64 * kChunkBytes;
  scribble(model, prng_, 30);
  model.write(60 * kChunkBytes, std::vector<uint8_t>(kBlockBytes, 1));
  const ModelImage image = put(model);
  const Manifest smaller = make_manifest(50 * kChunkBytes, {}, image.tree_root);
  EXPECT_TRUE(fails_with(copy(*near_, *far_, smaller), Code::kProtocol, "past the end"));
  const Manifest taller = make_manifest(65 * kChunkBytes, {}, image.tree_root);
  EXPECT_TRUE(fails_with(copy(*near_, *far_, taller), Code::kProtocol, "not what its parent says"));
  EXPECT_EQ((*far_->present(std::span(&image.tree_root, 1)))[0], false);
}

TEST_F(StreamCopy, SaysHowFarItIs) {
  begin(8);
  ByteModel model;
  model.bytes = (300ull << 20) + kBlockBytes;
  scribble(model, prng_, 60);
  const ModelImage image = put(model);
  SnapshotSource source(*near_, *read_manifest(image.manifest));
  const auto receiver = TreeIngest::open(*far_, default_keys(), image.manifest, {});
  ASSERT_OK(receiver);
  uint64_t before = 0;
  bool rose = true;
  PumpOptions options;
  options.meddler = [&](Way, Message message) {
    const Progress progress = (*receiver)->progress();
    rose = rose && progress.done_bytes >= before && progress.total_bytes == model.bytes;
    before = progress.done_bytes;
    return std::vector<Message>{std::move(message)};
  };
  ASSERT_OK(outcome_of(pump(source, **receiver, std::move(options))));
  EXPECT_TRUE(rose);
  EXPECT_LT(before, model.bytes);
  EXPECT_EQ((*receiver)->progress().done_bytes, model.bytes);
}

// ---- restores from what is stored as deltas

TEST_F(StreamCopy, AVolumeIsRestoredFromChunksThatAreStoredAsDeltas) {
  begin(9);
  ByteModel base;
  base.bytes = 70 * kChunkBytes + kBlockBytes;
  scribble(base, prng_, 30);
  put(base);
  ByteModel model = base;
  change_blocks(model, prng_, 20);
  const ModelImage image = put(model, &base);
  PullPool pool{2};
  ASSERT_OK(pool.open());
  const auto restored = pool.restore(image.manifest, model.bytes);
  ASSERT_OK(restored);
  auto receiver = pool.hydration(restored->snapshot, Lane::kBackground);
  ASSERT_OK(receiver);
  ASSERT_OK(hydrate(**receiver, *near_, image.manifest));
  receiver->reset();
  Guest(*pool, restored->volume, model, seed_).compare_all();
}

}  // namespace
}  // namespace ashlar::test
