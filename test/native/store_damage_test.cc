// Damage under a chunk store: what is read is right or it is an error, never other bytes, and an
// error of one chunk is no error of another.
// Replay: ASHLAR_TEST_SEED=<seed> build/check/ashlar_tests
// --gtest_filter='StoreDamage.*:*StoreRandomDamage*'
#include <fcntl.h>

#include <set>

#include "support/filled_store.h"

namespace ashlar::test {
namespace {

// Several frames in one data and one node pack of an open store.
class StoreDamage : public testing::Test {
 protected:
  void SetUp() override {
    for (uint64_t i = 0; i < 6; i++)
      frames_.push_back(make_frame(i % 2 ? FrameKind::kRaw : FrameKind::kLz4, i, 60 + 30 * i));
    for (uint64_t i = 0; i < 3; i++)
      frames_.push_back(make_frame(FrameKind::kNode, i, 100));
    auto opened = open_store(temp_.path());
    ASSERT_OK(opened);
    store_ = *std::move(opened);
    ASSERT_OK(put_all(*store_, frames_));
    pack_ = packs_of(temp_.path(), 'd')[0];
    const auto directory = read_directory(pack_, *parse_pack_name(fs::path(pack_).filename()));
    ASSERT_OK(directory);
    directory_ = *directory;
  }

  // The frames of these ids cannot be read and are quarantined, all others are as they were.
  void expect_corrupt(const std::set<Hash>& ids, std::string_view words) {
    for (const Frame& frame : frames_) {
      if (!ids.contains(frame.id)) {
        EXPECT_TRUE(holds(*store_, frame));
        continue;
      }
      EXPECT_TRUE(fails_with(store_->read(frame.id), Code::kCorrupt, words));
      const auto present = store_->present(std::span(&frame.id, 1));
      ASSERT_OK(present);
      EXPECT_FALSE((*present)[0]) << "something could still lean on it";
    }
    const std::vector<Hash> quarantined = store_->quarantined();
    EXPECT_EQ(std::set<Hash>(quarantined.begin(), quarantined.end()), ids);
  }
  // The file is whole again: a fresh copy ends the quarantine.
  void put_again(const std::set<Hash>& ids) {
    std::vector<Frame> frames;
    for (const Frame& frame : frames_) {
      if (ids.contains(frame.id)) frames.push_back(frame);
    }
    ASSERT_OK(put_all(*store_, frames));
    expect_corrupt({}, "");
  }
  // As if nothing had been found out.
  void reset() {
    const std::vector<Hash> ids = store_->quarantined();
    ASSERT_OK(store_->index().lift_quarantine(ids));
  }
  void reopen() {
    store_.reset();
    auto opened = open_store(temp_.path());
    ASSERT_OK(opened);
    store_ = *std::move(opened);
  }

  TempFolder temp_;
  std::vector<Frame> frames_;
  std::unique_ptr<ChunkStore> store_;
  std::string pack_;
  std::vector<DirectoryEntry> directory_;
};

TEST_F(StoreDamage, AFlippedBitHarmsItsChunkAlone) {
  ASSERT_EQ(directory_.size(), 6u);
  for (const DirectoryEntry& entry : directory_) {
    const uint64_t end = entry.offset + sizeof(FrameHeader) + entry.stored_bytes;
    for (uint64_t offset = entry.offset; offset < end; offset++) {
      SCOPED_TRACE(offset);
      flip_bit(pack_, offset, int(offset % 8));
      expect_corrupt({entry.id}, to_hex(entry.id));
      flip_bit(pack_, offset, int(offset % 8));
      reset();
      if (HasFailure()) return;
    }
  }
  flip_bit(pack_, directory_[2].offset + 90);
  expect_corrupt({directory_[2].id}, "is damaged");
  reopen();  // remembered
  EXPECT_EQ(store_->quarantined(), std::vector<Hash>{directory_[2].id});
  expect_corrupt({directory_[2].id}, "is damaged");
  drop_index(temp_.path());
  reopen();  // forgotten, and found out again
  EXPECT_TRUE(store_->quarantined().empty());
  expect_corrupt({directory_[2].id}, "is damaged");
  EXPECT_EQ(store_->take_damage_reports().size(), 1u);
  EXPECT_TRUE(store_->take_damage_reports().empty()) << "reported twice";
  put_again({directory_[2].id});
  reopen();
  expect_corrupt({}, "");
}

TEST_F(StoreDamage, APackCutShortKeepsWhatIsBefore) {
  const std::vector<uint8_t> whole = read_file(pack_);
  for (size_t kept = 0; kept <= directory_.size(); kept++) {
    SCOPED_TRACE(kept);
    std::set<Hash> lost;
    for (size_t i = kept; i < directory_.size(); i++)
      lost.insert(directory_[i].id);
    const uint64_t end = kept < directory_.size()
                             ? directory_[kept].offset + directory_[kept].stored_bytes
                             : whole.size() - 1;
    write_file(pack_, Bytes(whole).first(end));
    expect_corrupt(lost, "is cut off");
    reset();
  }
}

TEST_F(StoreDamage, AMissingPackIsNotAMissingChunk) {
  fs::remove(pack_);
  reopen();
  std::set<Hash> lost;
  for (const DirectoryEntry& entry : directory_)
    lost.insert(entry.id);
  expect_corrupt(lost, "the pack is missing");
  reopen();
  expect_corrupt(lost, "the pack is missing");
  put_again(lost);
}

// Whole frames in the wrong place: their CRC holds, but they are not what was asked for.
TEST_F(StoreDamage, AnotherChunksFrameIsNotServed) {
  const std::vector<uint8_t> whole = read_file(pack_);
  // Same length, as after a write that went astray.
  const Frame stray = make_frame(FrameKind::kLz4, 900, directory_[2].stored_bytes);
  const TempFolder elsewhere;
  auto other = PackWriter::create(elsewhere.path(), {PackKind::kData, 1, 1});
  ASSERT_OK(other);
  ASSERT_OK(other->append(stray.view()));
  ASSERT_OK(other->seal());
  const std::vector<uint8_t> from =
      read_file(elsewhere.path() + "/" + PackName{PackKind::kData, 1, 1}.file_name());
  std::vector<uint8_t> bytes = whole;
  std::copy_n(from.begin() + sizeof(PackHeader), sizeof(FrameHeader) + stray.stored.size(),
              bytes.begin() + ptrdiff_t(directory_[2].offset));
  write_file(pack_, bytes);
  expect_corrupt({directory_[2].id}, to_hex(directory_[2].id));
}

// ---- random damage

class RandomDamage {
 public:
  explicit RandomDamage(uint64_t seed) : prng_(seed) {}

  void build() {
    for (uint64_t session = 0; session < 5; session++) {
      const auto store = open_store(intact());
      ASSERT_OK(store);
      std::vector<Frame> frames;
      for (uint64_t i = 0; i < prng_.between(2, 9); i++) {
        const FrameKind kinds[] = {FrameKind::kRaw, FrameKind::kLz4, FrameKind::kNode};
        frames.push_back(
            make_frame(kinds[prng_.below(3)], 100 * session + i, prng_.between(1, 3000)));
      }
      ASSERT_OK(put_all(**store, frames));
      ASSERT_OK((*store)->append_record(session, 1, frames[0].stored));
      frames_.insert(frames_.end(), frames.begin(), frames.end());
    }
  }

  void round() {
    copy_store(intact(), damaged());
    log_.clear();
    header_harmed_ = index_harmed_ = packs_harmed_ = packs_lost_ = false;
    if (prng_.chance(50)) {
      drop_index(damaged());
      log_ += "index removed; ";
    }
    for (uint64_t i = 0; i < prng_.between(1, 3); i++)
      harm();
    SCOPED_TRACE(log_);
    examine();
    if (!index_harmed_ || header_harmed_ || packs_harmed_) return;
    drop_index(damaged());
    const auto rebuilt = open_store(damaged());
    ASSERT_OK(rebuilt);
    for (const Frame& frame : frames_)
      ASSERT_TRUE(holds(**rebuilt, frame));
  }

 private:
  std::string intact() const { return temp_.path() + "/intact"; }
  std::string damaged() const { return temp_.path() + "/damaged"; }

  std::vector<std::string> files_below(const std::string& folder) {
    std::vector<std::string> files;
    std::error_code ignored;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder, ignored)) {
      if (entry.is_regular_file() && entry.path().filename() != "LOCK")
        files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end());
    return files;
  }

  void harm() {
    const uint64_t dice = prng_.below(100);
    std::vector<std::string> files;
    if (dice < 10) {
      files = {damaged() + "/STORE"};
      header_harmed_ = true;
    } else if (dice < 45) {
      files = files_below(damaged() + "/index");
      index_harmed_ = true;
    }
    if (files.empty()) {
      files = files_below(damaged() + "/packs");
      packs_harmed_ = true;
    }
    if (files.empty() || !fs::exists(files[0])) return;
    const std::string& file = files[prng_.below(files.size())];
    const std::string& other = files[prng_.below(files.size())];
    log_ += fs::path(file).filename().string() + " ";
    if (prng_.chance(8)) return replace(file, other);
    std::vector<uint8_t> bytes = read_file(file);
    change(bytes);
    write_file(file, bytes);
  }

  void replace(const std::string& file, const std::string& other) {
    packs_lost_ |= packs_harmed_;
    if (file == other) {
      log_ += "removed; ";
      fs::remove(file);
      return;
    }
    log_ += "swapped with " + fs::path(other).filename().string() + "; ";
    fs::rename(file, file + ".swap");
    fs::rename(other, file);
    fs::rename(file + ".swap", other);
  }

  void change(std::vector<uint8_t>& bytes) {
    const uint64_t size = bytes.size();
    const uint64_t at = size ? prng_.below(size) : 0;
    switch (size ? prng_.below(5) : 4) {
      case 0:
      case 1: {
        const uint64_t count = prng_.between(1, 4);
        log_ += std::to_string(count) + " bits from " + std::to_string(at) + "; ";
        for (uint64_t i = 0; i < count; i++)
          bytes[(at + i * i * 7) % size] ^= uint8_t(1 << prng_.below(8));
        return;
      }
      case 2: {
        const uint64_t count = std::min(size - at, prng_.between(1, 600));
        const bool zero = prng_.chance(50);
        log_ += std::to_string(count) + " bytes at " + std::to_string(at) + "; ";
        for (uint64_t i = 0; i < count; i++)
          bytes[at + i] = zero ? 0 : uint8_t(prng_.next());
        return;
      }
      case 3:
        log_ += "cut at " + std::to_string(at) + "; ";
        bytes.resize(at);
        return;
      case 4:
        log_ += "longer; ";
        for (uint64_t i = prng_.between(1, 300); i > 0; i--)
          bytes.push_back(prng_.chance(50) ? 0 : uint8_t(prng_.next()));
        return;
    }
  }

  void expect_typed(const Error& error, bool opening) {
    const bool refused =
        error.code == Code::kCorrupt ||
        (opening && (error.code == Code::kForeignFile || error.code == Code::kNewerFormat)) ||
        (index_harmed_ && error.code == Code::kDeviceFailed) ||
        (!opening && packs_lost_ && error.code == Code::kNotFound);
    EXPECT_TRUE(refused) << code_name(error.code) << ": " << error.message;
    EXPECT_FALSE(error.message.empty());
  }

  void examine() {
    const auto opened = open_store(damaged());
    if (!opened) return expect_typed(opened.error(), true);
    ChunkStore& store = **opened;
    for (const Frame& frame : frames_) {
      const auto got = store.read(frame.id);
      if (!got) {
        expect_typed(got.error(), false);
        continue;
      }
      ASSERT_TRUE(got->bytes == frame.stored) << "wrong bytes of " << to_hex(frame.id);
      ASSERT_EQ(got->kind, frame.kind);
      ASSERT_EQ(got->plain_bytes, frame.plain_bytes);
    }
    // It takes what comes new.
    const Frame fresh = make_frame(FrameKind::kRaw, 1'000'000, 500);
    const auto put = put_all(store, {fresh});
    if (put) {
      EXPECT_TRUE(holds(store, fresh));
    } else {
      expect_typed(put.error(), false);
    }
  }

  Prng prng_;
  TempFolder temp_;
  std::vector<Frame> frames_;
  std::string log_;
  bool header_harmed_ = false;
  bool index_harmed_ = false;
  bool packs_harmed_ = false;
  bool packs_lost_ = false;
};

class StoreRandomDamage : public testing::TestWithParam<uint64_t> {};
TEST_P(StoreRandomDamage, GivesTheRightBytesOrAnError) {
  const uint64_t seed = test_seed(3000 + GetParam());
  std::printf("[ SEED     ] %llu\n", static_cast<unsigned long long>(seed));
  SCOPED_TRACE("seed " + std::to_string(seed) +
               "; replay: ASHLAR_TEST_SEED=" + std::to_string(seed));
  RandomDamage run(seed);
  run.build();
  for (uint64_t i = 0; i < test_scale(60) && !HasFailure(); i++)
    run.round();
}
INSTANTIATE_TEST_SUITE_P(StoreSeeds, StoreRandomDamage, testing::Range<uint64_t>(0, 4));

}  // namespace
}  // namespace ashlar::test
