// The index is mended from the packs at every open, and rebuilt where it was lost: everything is
// readable again, and a pack that is not whole is refused with its own code instead of half read.
#include "support/filled_store.h"

namespace ashlar::test {
namespace {

using StoreMend = FilledStore;

// ---- packs the index does not know

TEST_F(StoreMend, ForeignPackIsRefused) {
  drop_index(folder());
  const std::string pack = packs_of(folder())[0];
  const std::vector<uint8_t> whole = read_file(pack);
  write_file(pack, std::vector<uint8_t>(whole.size(), 'x'));
  expect_refused(Code::kForeignFile, "not a pack");
  write_file(pack, whole);
  expect_opens_with_everything();
}

TEST_F(StoreMend, PackOfANewerVersionIsRefused) {
  drop_index(folder());
  const std::string pack = packs_of(folder())[0];
  PackHeader header = struct_at<PackHeader>(pack, 0);
  header.version = kStoreVersion + 1;
  put_struct(pack, 0, header);
  put_footer(pack, [](PackFooter& footer) { footer.version++; });
  expect_refused(Code::kNewerFormat, "pack: written by a newer version");
  header.version = kStoreVersion;
  put_struct(pack, 0, header);
  put_footer(pack, [](PackFooter& footer) { footer.version--; });
  expect_opens_with_everything();
}

TEST_F(StoreMend, EveryTruncationOfAPackIsRefused) {
  drop_index(folder());
  const std::string pack = packs_of(folder(), 'n')[0];
  const std::vector<uint8_t> whole = read_file(pack);
  for (size_t bytes = 0; bytes < whole.size(); bytes += bytes + 100 < whole.size() ? 37 : 1) {
    SCOPED_TRACE(bytes);
    write_file(pack, Bytes(whole).first(bytes));
    expect_refused(Code::kCorrupt, ".pack: ");
  }
  write_file(pack, whole);
  expect_opens_with_everything();
}

TEST_F(StoreMend, APackWithATailIsRefused) {
  drop_index(folder());
  const std::string pack = packs_of(folder(), 'd')[0];
  std::vector<uint8_t> bytes = read_file(pack);
  bytes.push_back(0);
  write_file(pack, bytes);
  expect_refused(Code::kCorrupt, ".pack: the footer is damaged");
}

// At a length that fits as many frames as are left: the next one begins where a directory would.
TEST_F(StoreMend, APackCutOffWhereItsFirstFramesFitIsRefused) {
  const std::string pack = packs_of(folder(), 'd')[0];
  const std::vector<uint8_t> whole = read_file(pack);
  const FrameHeader first = struct_at<FrameHeader>(pack, sizeof(PackHeader));
  const size_t bytes = sizeof(PackHeader) + sizeof first + first.stored_bytes +
                       sizeof(DirectoryEntry) + sizeof(PackFooter);
  drop_index(folder());
  write_file(pack, Bytes(whole).first(bytes));
  expect_refused(Code::kCorrupt, "pack: its frames are not whole");
}

TEST_F(StoreMend, AFlippedBitBesideAPacksFramesHarmsNothing) {
  const std::string pack = packs_of(folder(), 'd')[0];
  const std::vector<uint8_t> whole = read_file(pack);
  const PackFooter footer = struct_at<PackFooter>(pack, whole.size() - sizeof(PackFooter));
  const uint64_t end_of_directory = whole.size() - sizeof(PackFooter);
  for (uint64_t offset = 0; offset < whole.size();
       offset += offset >= footer.directory_offset && offset + 11 < end_of_directory ? 11 : 1) {
    if (offset == sizeof(PackHeader)) offset = footer.directory_offset;
    SCOPED_TRACE(offset);
    drop_index(folder());
    flip_bit(pack, offset, int(offset % 8));
    expect_opens_with_everything();
    write_file(pack, whole);
    if (HasFailure()) return;
  }
}

// Nothing is left that says whose frames these are.
TEST_F(StoreMend, AHeaderAndAFooterThatAreBothDamagedAreRefused) {
  const std::string pack = packs_of(folder(), 'd')[0];
  drop_index(folder());
  for (const uint64_t offset : {3u, 9u, 13u, 18u, 26u}) {
    SCOPED_TRACE(offset);
    flip_bit(pack, offset, 1);
    flip_bit(pack, fs::file_size(pack) - 20);
    expect_refused(offset < 8    ? Code::kForeignFile
                   : offset < 12 ? Code::kNewerFormat
                                 : Code::kCorrupt,
                   ".pack: ");
    flip_bit(pack, offset, 1);
    flip_bit(pack, fs::file_size(pack) - 20);
  }
  expect_opens_with_everything();
}

// CRCs that hold say nothing about numbers that make no sense.
TEST_F(StoreMend, AFooterThatPointsOutsideItsPackIsNotFollowed) {
  const std::string pack = packs_of(folder(), 'd')[0];
  const std::vector<uint8_t> whole = read_file(pack);
  drop_index(folder());
  const std::function<void(PackFooter&)> changes[] = {
      // Wraps around to exactly the size of the file: 378 GB of directory.
      [&](PackFooter& footer) {
        footer.entries = ~0u;
        footer.directory_offset = whole.size() - sizeof(PackFooter) - uint64_t(~0u) * 88;
      },
      [](PackFooter& footer) { footer.entries++; },
      [](PackFooter& footer) { footer.entries = 0; },
      [](PackFooter& footer) { footer.directory_offset += sizeof(DirectoryEntry); },
      [](PackFooter& footer) { footer.directory_offset = ~0ull; },
      // Begins in the pack's header.
      [&](PackFooter& footer) {
        footer.entries = uint32_t((whole.size() - sizeof(PackFooter)) / 88);
        footer.directory_offset = whole.size() - sizeof(PackFooter) - footer.entries * 88ull;
      },
  };
  for (const auto& change : changes) {
    drop_index(folder());
    put_footer(pack, change);
    expect_opens_with_everything();
    write_file(pack, whole);
  }
}

// A pack under another's name: its own chunks would be lost without a word.
TEST_F(StoreMend, APackInAnothersPlaceIsRefused) {
  const std::vector<std::string> packs = packs_of(folder(), 'd');
  const std::vector<uint8_t> whole = read_file(packs[0]);
  drop_index(folder());
  write_file(packs[0], read_file(packs[1]));
  expect_refused(Code::kCorrupt, ".pack: ");
  write_file(packs[0], whole);
  PackName name = *parse_pack_name(fs::path(packs[0]).filename());
  name.kind = PackKind::kNode;
  const std::string as_node = folder() + "/packs/" + name.file_name();
  write_file(as_node, whole);
  expect_refused(Code::kCorrupt, ".pack: ");
  fs::remove(as_node);
  expect_opens_with_everything();
}

// ---- the index

TEST_F(StoreMend, ALostIndexIsRebuilt) {
  for (int round = 0; round < 2; round++) {
    drop_index(folder());
    expect_opens_with_everything();
    expect_opens_with_everything();
  }
}

// The process died between the pack's name and the index.
TEST_F(StoreMend, APackTheIndexDoesNotKnowIsMended) {
  const PackName name{PackKind::kData, 3, 50};
  auto pack = PackWriter::create(folder() + "/packs", name);
  ASSERT_OK(pack);
  const Frame frame = make_frame(FrameKind::kRaw, 500, 3000);
  ASSERT_OK(pack->append(frame.view()));
  ASSERT_OK(pack->seal());
  frames_.push_back(frame);
  expect_opens_with_everything();
}

TEST_F(StoreMend, AnOldIndexIsMended) {
  const TempFolder backup;
  copy_store(folder() + "/index", backup.path() + "/index");
  for (uint64_t session = 0; session < 3; session++) {
    const auto store = open_store(folder());
    ASSERT_OK(store);
    const std::vector<Frame> frames = some_frames(100 + 10 * session);
    ASSERT_OK(put_all(**store, frames));
    frames_.insert(frames_.end(), frames.begin(), frames.end());
  }
  copy_store(backup.path() + "/index", folder() + "/index");
  expect_opens_with_everything();
}

// Packs are never changed, so an index that knows a pack does not read it again.
TEST_F(StoreMend, AnIndexedPackIsNotReadAgain) {
  const std::string pack = packs_of(folder(), 'd')[0];
  flip_bit(pack, 20);
  flip_bit(pack, fs::file_size(pack) - 1);
  expect_opens_with_everything();
  drop_index(folder());
  expect_refused(Code::kCorrupt, ".pack: the header is damaged");
}

TEST_F(StoreMend, AnEmptyPackIsAPack) {
  auto pack = PackWriter::create(folder() + "/packs", {PackKind::kNode, 3, 50});
  ASSERT_OK(pack);
  ASSERT_OK(pack->seal());
  expect_opens_with_everything();
}

TEST_F(StoreMend, ASealedPackIsNotWrittenAgain) {
  const PackName name{PackKind::kData, 3, 50};
  auto pack = PackWriter::create(folder() + "/packs", name);
  ASSERT_OK(pack);
  frames_.push_back(make_frame(FrameKind::kRaw, 500, 3000));
  ASSERT_OK(pack->append(frames_.back().view()));
  ASSERT_OK(pack->seal());
  const std::string path = folder() + "/packs/" + name.file_name();
  const std::vector<uint8_t> whole = read_file(path);
  EXPECT_FALSE(pack->seal());
  EXPECT_TRUE(read_file(path) == whole);
  expect_opens_with_everything();
}

TEST_F(StoreMend, TheWriterNeverReplacesAPack) {
  const std::string existing = packs_of(folder())[0];
  const std::vector<uint8_t> whole = read_file(existing);
  const auto pack =
      PackWriter::create(folder() + "/packs", *parse_pack_name(fs::path(existing).filename()));
  EXPECT_TRUE(fails_with(pack, Code::kCorrupt, "exists"));
  EXPECT_TRUE(read_file(existing) == whole);
}

}  // namespace
}  // namespace ashlar::test
