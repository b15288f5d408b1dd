// Opening a chunk store: one process at a time; what is not a whole store of this catalog and
// version is refused with its own code and left as it was; what a killed writer leaves is removed.
#include <sys/resource.h>

#include "support/filled_store.h"

namespace ashlar::test {
namespace {

using StoreOpen = FilledStore;

// ---- one at a time

TEST_F(StoreOpen, TwiceIsInUse) {
  auto first = open_store(folder());
  ASSERT_OK(first);
  const uint64_t epoch = (*first)->writer_epoch();
  EXPECT_TRUE(fails_with(open_store(folder()), Code::kInUse, "another process"));
  EXPECT_TRUE(holds(**first, frames_[0]));
  first->reset();
  const auto again = open_store(folder());
  ASSERT_OK(again);
  EXPECT_EQ((*again)->writer_epoch(), epoch + 1);  // the refused one did not count
}

// ---- the header

TEST_F(StoreOpen, ForeignHeaderIsRefused) {
  const std::vector<uint8_t> whole = read_file(header_path());
  write_file(header_path(), {});
  expect_refused(Code::kForeignFile, "not an Ashlar chunk store");
  const std::string text = "[store]\nkind = something else entirely, and longer than the magic\n";
  write_file(header_path(), Bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
  expect_refused(Code::kForeignFile, "not an Ashlar chunk store");
  write_file(header_path(), std::vector<uint8_t>(4096));
  expect_refused(Code::kForeignFile, "not an Ashlar chunk store");
  write_file(header_path(), whole);
  expect_opens_with_everything();
}

TEST_F(StoreOpen, HeaderOfANewerVersionIsRefused) {
  for (const uint32_t version : {kStoreVersion + 1, kStoreVersion + 1000, ~0u}) {
    put_header([&](StoreHeader& header) { header.version = version; });
    expect_refused(Code::kNewerFormat, "newer version");
  }
  put_header([](StoreHeader& header) { header.version = kStoreVersion; });
  expect_opens_with_everything();
}

TEST_F(StoreOpen, EveryTruncationOfTheHeaderIsRefused) {
  const std::vector<uint8_t> whole = read_file(header_path());
  ASSERT_EQ(whole.size(), sizeof(StoreHeader));
  for (size_t bytes = 0; bytes < whole.size(); bytes++) {
    SCOPED_TRACE(bytes);
    write_file(header_path(), Bytes(whole).first(bytes));
    if (bytes < sizeof(StoreHeader::magic)) {
      expect_refused(Code::kForeignFile, "not an Ashlar chunk store");
    } else {
      expect_refused(Code::kCorrupt, "damaged");
    }
  }
  write_file(header_path(), whole);
  expect_opens_with_everything();
}

TEST_F(StoreOpen, EveryFlippedBitOfTheHeaderIsRefused) {
  for (uint64_t offset = 0; offset < sizeof(StoreHeader); offset++) {
    for (const int bit : {0, 3, 7}) {
      SCOPED_TRACE(std::to_string(offset) + "." + std::to_string(bit));
      flip_bit(header_path(), offset, bit);
      const bool version = offset >= 8 && offset < 12;
      if (offset < 8) {
        expect_refused(Code::kForeignFile, "not an Ashlar chunk store");
      } else if (version && (offset > 8 || bit > 0)) {
        expect_refused(Code::kNewerFormat, "newer version");
      } else {
        expect_refused(Code::kCorrupt, "damaged");
      }
      flip_bit(header_path(), offset, bit);
    }
  }
  expect_opens_with_everything();
}

TEST_F(StoreOpen, AnotherCatalogIsRefused) {
  const std::string other = "ffffffff-c54c-4a4b-8d3e-0c0f4cd4e9d1";
  const std::vector<uint8_t> header = read_file(header_path());
  const auto opened = ChunkStore::open(folder(), other);
  EXPECT_TRUE(fails_with(opened, Code::kFailedPrecondition, kCatalog));
  EXPECT_TRUE(fails_with(opened, Code::kFailedPrecondition, other));
  EXPECT_TRUE(read_file(header_path()) == header);
  EXPECT_TRUE(fails_with(ChunkStore::open(folder(), std::string(40, 'a')), Code::kInvalidArgument,
                         "36 characters"));
  expect_opens_with_everything();
}

// Its text is not ended by a zero: what follows it in the file is no part of it.
TEST_F(StoreOpen, ACatalogOfFortyCharactersIsAnotherCatalog) {
  put_header([](StoreHeader& header) {
    header.catalog_uuid.fill('x');
    header.writer_epoch = 0x4141414141414141;
  });
  const auto opened = open_store(folder());
  EXPECT_TRUE(
      fails_with(opened, Code::kFailedPrecondition, "catalog " + std::string(40, 'x') + ","));
}

// A store whose header is gone, or older than its packs (a restored backup), would name new packs
// like packs it has.
TEST_F(StoreOpen, AMissingOrOldHeaderIsRefused) {
  const std::vector<uint8_t> whole = read_file(header_path());
  for (int attempt = 0; attempt < 3; attempt++) {
    fs::remove(header_path());
    EXPECT_TRUE(fails_with(open_store(folder()), Code::kCorrupt, "STORE"));
    EXPECT_FALSE(fs::exists(header_path()));
  }
  write_file(header_path(), whole);
  put_header([](StoreHeader& header) { header.writer_epoch = 2; });
  for (int attempt = 0; attempt < 3; attempt++)
    expect_refused(Code::kCorrupt, "older than");
  put_header([](StoreHeader& header) { header.writer_epoch = 3; });
  expect_opens_with_everything();
}

TEST_F(StoreOpen, ALeftoverOfTheHeaderIsReplaced) {
  write_file(header_path() + ".tmp", std::vector<uint8_t>(1000, 'x'));
  expect_opens_with_everything();
  EXPECT_FALSE(fs::exists(header_path() + ".tmp"));
}

// ---- what lies around

TEST_F(StoreOpen, UnfinishedPacksAreRemovedAndStrangersIgnored) {
  const std::string packs = folder() + "/packs/";
  const std::string unfinished = PackName{PackKind::kData, 3, 77}.file_name() + ".tmp";
  write_file(packs + unfinished, std::vector<uint8_t>(5000, 'x'));
  write_file(packs + "README", std::vector<uint8_t>(10, 'x'));
  write_file(packs + "d-1-2.pack", std::vector<uint8_t>(10, 'x'));
  fs::create_directory(packs + "lost+found");
  for (const bool rebuild : {false, true}) {
    if (rebuild) drop_index(folder());
    expect_opens_with_everything();
    EXPECT_FALSE(fs::exists(packs + unfinished));
    EXPECT_TRUE(fs::exists(packs + "README"));
    EXPECT_TRUE(fs::exists(packs + "lost+found"));
    const auto store = open_store(folder());
    ASSERT_OK(store);
    const auto stats = (*store)->stats();
    ASSERT_OK(stats);
    EXPECT_EQ(stats->packs, 6u);
  }
}

TEST_F(StoreOpen, ARefusedOpenRemovesNothing) {
  const std::string unfinished =
      folder() + "/packs/" + PackName{PackKind::kData, 3, 77}.file_name() + ".tmp";
  write_file(unfinished, std::vector<uint8_t>(5000, 'x'));
  put_header([](StoreHeader& header) { header.version++; });
  expect_refused(Code::kNewerFormat, "newer version");
  EXPECT_TRUE(fs::exists(unfinished));
}

TEST_F(StoreOpen, FilesWhereFoldersShouldBeAreRefused) {
  drop_index(folder());
  write_file(folder() + "/index", std::vector<uint8_t>(10, 'x'));
  const auto opened = open_store(folder());
  ASSERT_FALSE(opened);
  EXPECT_EQ(opened.error().code, Code::kDeviceFailed);
  const TempFolder other;
  write_file(other.path() + "/packs", std::vector<uint8_t>(10, 'x'));
  EXPECT_TRUE(fails_with(open_store(other.path()), Code::kDeviceFailed, other.path()));
  fs::remove(other.path() + "/packs");
  fs::create_directory(other.path() + "/STORE");
  EXPECT_TRUE(fails_with(open_store(other.path()), Code::kDeviceFailed, "/STORE: read"));
  EXPECT_TRUE(fails_with(open_store("/proc/ashlar"), Code::kDeviceFailed, "/proc/ashlar"));
}

// ---- too few descriptors: every place where one is wanted gives an error in turn

TEST_F(StoreOpen, WithoutDescriptorsItFailsAndLaterOpens) {
  rlimit limit;
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &limit), 0);
  const rlimit usual = limit;
  const auto used =
      std::distance(fs::directory_iterator("/proc/self/fd"), fs::directory_iterator());
  for (uint64_t spare = 0; spare < 40; spare++) {
    SCOPED_TRACE(spare);
    limit.rlim_cur = rlim_t(used) + spare;
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &limit), 0);
    Error failure{Code::kInternal, "none"};
    {
      const auto opened = open_store(folder());
      if (!opened) failure = opened.error();
    }
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &usual), 0);
    if (failure.message != "none") {
      EXPECT_EQ(failure.code, Code::kDeviceFailed) << failure.message;
    }
  }
  expect_opens_with_everything();
}

}  // namespace
}  // namespace ashlar::test
