// Golden bytes of every structure of a chunk store (native/format/STORE.md), of what the writer
// makes of them, and that what was written then is read now.
#include <fcntl.h>
#include <gtest/gtest.h>

#include "codec/crc32c.h"
#include "support/golden.h"
#include "support/store_world.h"

namespace ashlar::test {
namespace {

Hash hash_of(uint8_t first) {
  Hash hash;
  for (uint8_t i = 0; i < hash.size(); i++)
    hash[i] = uint8_t(first + i);
  return hash;
}

// CRC of a structure whose last field it is.
template <typename T>
uint32_t crc_before(const T& value, size_t bytes) {
  return crc32c(Bytes(reinterpret_cast<const uint8_t*>(&value), bytes));
}

const std::vector<uint8_t> kStored = {'s', 't', 'o', 'r', 'e', 'd'};
constexpr PackName kDataPack{PackKind::kData, 0x1122334455667788, 9};

StoreHeader golden_store_header() {
  StoreHeader header;
  const std::string uuid = "0f8fad5b-d9cb-469f-a165-70867728950e";
  std::copy(uuid.begin(), uuid.end(), header.store_uuid.begin());
  std::copy(kCatalog.begin(), kCatalog.end(), header.catalog_uuid.begin());
  header.writer_epoch = 0x1122334455667788;
  header.crc = crc_before(header, offsetof(StoreHeader, crc));
  return header;
}

PackHeader golden_pack_header(PackKind kind) {
  PackHeader header;
  header.kind = uint32_t(kind);
  header.writer_epoch = kDataPack.writer_epoch;
  header.counter = kDataPack.counter;
  return header;
}

FrameHeader golden_frame_header(FrameKind kind) {
  FrameHeader header;
  header.kind = kind;
  header.stored_bytes = uint32_t(kStored.size());
  header.plain_bytes = kChunkBytes;
  header.id = hash_of(0x10);
  if (kind == FrameKind::kDelta) {
    header.base = hash_of(0x40);
    header.block_map = 0x8003;  // the first two blocks and the last
  }
  std::vector<uint8_t> bytes(sizeof header);
  std::memcpy(bytes.data(), &header, sizeof header);
  bytes.insert(bytes.end(), kStored.begin(), kStored.end());
  header.crc = crc32c(bytes);
  return header;
}

DirectoryEntry golden_entry(FrameKind kind) {
  DirectoryEntry entry;
  entry.id = hash_of(0x10);
  if (kind == FrameKind::kDelta) entry.base = hash_of(0x40);
  entry.offset = sizeof(PackHeader);
  entry.stored_bytes = uint32_t(kStored.size());
  entry.plain_bytes = kChunkBytes;
  entry.kind = kind;
  return entry;
}

PackFooter golden_footer() {
  PackFooter footer;
  footer.entries = 1;
  footer.directory_offset = sizeof(PackHeader) + sizeof(FrameHeader) + kStored.size();
  footer.writer_epoch = kDataPack.writer_epoch;
  footer.counter = kDataPack.counter;
  footer.directory_crc = crc_before(golden_entry(FrameKind::kLz4), sizeof(DirectoryEntry));
  footer.crc = crc_before(footer, offsetof(PackFooter, crc));
  return footer;
}

// A whole data pack with one LZ4 frame: header, frame, directory, footer.
std::string golden_pack() {
  return hex_of(golden_pack_header(PackKind::kData)) +
         hex_of(golden_frame_header(FrameKind::kLz4)) + hex_of_bytes(kStored) +
         hex_of(golden_entry(FrameKind::kLz4)) + hex_of(golden_footer());
}

constexpr PackName kNodePack{PackKind::kNode, kDataPack.writer_epoch, kDataPack.counter};

// A list of one pack.
std::string golden_removal() {
  RemovalHeader header;
  header.entries = 1;
  const RemovalEntry entry{uint32_t(kNodePack.kind), 0, kNodePack.writer_epoch, kNodePack.counter};
  header.crc = crc32c(bytes_of_hex(hex_of(header) + hex_of(entry)));
  return hex_of(header) + hex_of(entry);
}

Golden examples() {
  Golden all;
  all["store_header"] = hex_of(golden_store_header());
  all["pack_header_data"] = hex_of(golden_pack_header(PackKind::kData));
  all["pack_header_node"] = hex_of(golden_pack_header(PackKind::kNode));
  all["frame_header_raw"] = hex_of(golden_frame_header(FrameKind::kRaw));
  all["frame_header_lz4"] = hex_of(golden_frame_header(FrameKind::kLz4));
  all["frame_header_delta"] = hex_of(golden_frame_header(FrameKind::kDelta));
  all["frame_header_node"] = hex_of(golden_frame_header(FrameKind::kNode));
  all["frame_header_manifest"] = hex_of(golden_frame_header(FrameKind::kManifest));
  all["frame_header_record"] = hex_of(golden_frame_header(FrameKind::kRecord));
  all["directory_entry"] = hex_of(golden_entry(FrameKind::kLz4));
  all["directory_entry_delta"] = hex_of(golden_entry(FrameKind::kDelta));
  all["pack_footer"] = hex_of(golden_footer());
  all["record_body"] = hex_of(RecordBody{0x1122334455667788, 2, 5});
  all["pack"] = golden_pack();
  all["removal"] = golden_removal();
  const std::string name = kDataPack.file_name();
  all["pack_name"] =
      hex_of_bytes(Bytes(reinterpret_cast<const uint8_t*>(name.data()), name.size()));
  return all;
}

TEST(StoreFormat, GoldenBytes) {
  expect_golden("store.txt", examples());
}

TEST(StoreFormat, TheWriterMakesTheGoldenPack) {
  const TempFolder folder;
  auto pack = PackWriter::create(folder.path(), kDataPack);
  ASSERT_OK(pack);
  ASSERT_OK(pack->append({FrameKind::kLz4, hash_of(0x10), kChunkBytes, kStored}));
  const auto directory = pack->seal();
  ASSERT_OK(directory);
  ASSERT_EQ(directory->size(), 1u);
  EXPECT_EQ(hex_of(directory->front()), read_golden("store.txt")["directory_entry"]);
  EXPECT_EQ(hex_of_bytes(read_file(folder.path() + "/" + kDataPack.file_name())),
            read_golden("store.txt")["pack"]);
}

TEST(StoreFormat, TheGoldenStoreIsRead) {
  Golden golden = read_golden("store.txt");
  const TempFolder folder;
  fs::create_directories(folder.path() + "/packs");
  write_file(folder.path() + "/STORE", bytes_of_hex(golden["store_header"]));
  const std::vector<uint8_t> name = bytes_of_hex(golden["pack_name"]);
  write_file(folder.path() + "/packs/" + std::string(name.begin(), name.end()),
             bytes_of_hex(golden["pack"]));
  const auto store = open_store(folder.path());
  ASSERT_OK(store);
  Frame frame;
  frame.kind = FrameKind::kLz4;
  frame.id = hash_of(0x10);
  frame.plain_bytes = kChunkBytes;
  frame.stored = kStored;
  EXPECT_TRUE(holds(**store, frame));
  // Opening raised the epoch and its CRC, and nothing else.
  StoreHeader expected = golden_store_header();
  expected.writer_epoch++;
  expected.crc = crc_before(expected, offsetof(StoreHeader, crc));
  EXPECT_EQ(hex_of_bytes(read_file(folder.path() + "/STORE")), hex_of(expected));
}

// The writer fills kind, lengths and id of all kinds; a record's body is in its frame.
TEST(StoreFormat, ARecordIsAFrameWithItsBody) {
  const TempFolder folder;
  const std::vector<uint8_t> row = {'r', 'o', 'w', '-', '1'};
  {
    const auto store = open_store(folder.path());
    ASSERT_OK(store);
    ASSERT_OK((*store)->append_record(0x1122334455667788, 2, row));
  }
  const std::vector<std::string> packs = packs_of(folder.path());
  ASSERT_EQ(packs.size(), 1u);
  const FrameHeader header = struct_at<FrameHeader>(packs[0], sizeof(PackHeader));
  EXPECT_EQ(header.kind, FrameKind::kRecord);
  EXPECT_EQ(header.id, record_id(0x1122334455667788));
  EXPECT_EQ(hex_of(header.id).substr(0, 18), "887766554433221100");
  EXPECT_EQ(header.stored_bytes, sizeof(RecordBody) + row.size());
  EXPECT_EQ(header.plain_bytes, header.stored_bytes);
  const RecordBody body = struct_at<RecordBody>(packs[0], sizeof(PackHeader) + sizeof(FrameHeader));
  EXPECT_EQ(hex_of(body), read_golden("store.txt")["record_body"]);
}

TEST(StoreFormat, TheGoldenRemovalIsWrittenAndCarriedOut) {
  const std::string golden = read_golden("store.txt")["removal"];
  const TempFolder folder;
  const std::string list = folder.path() + "/REMOVAL";
  { ASSERT_OK(open_store(folder.path())); }
  const std::string pack = folder.path() + "/packs/" + kNodePack.file_name();
  {
    const auto opened = StoreFolder::open_offline(folder.path());
    ASSERT_OK(opened);
    write_file(pack, {});
    ASSERT_EQ(opened->list_packs()->size(), 1u);
    const PackName packs[] = {kNodePack};
    ASSERT_OK(opened->begin_removal(packs));
    EXPECT_EQ(hex_of_bytes(read_file(list)), golden);
    EXPECT_TRUE(opened->list_packs()->empty());
  }
  // Its epoch is one that no store has seen: it is no pack any more.
  ASSERT_OK(open_store(folder.path()));
  EXPECT_FALSE(fs::exists(pack));
  EXPECT_FALSE(fs::exists(list));
}

TEST(StoreFormat, ARemovalThatIsDamagedIsNotCarriedOut) {
  const std::vector<uint8_t> golden = bytes_of_hex(read_golden("store.txt")["removal"]);
  const TempFolder folder;
  const std::string list = folder.path() + "/REMOVAL";
  { ASSERT_OK(open_store(folder.path())); }
  for (size_t bytes = 0; bytes < golden.size(); bytes++) {
    write_file(list, Bytes(golden).first(bytes));
    ASSERT_TRUE(fails_with(open_store(folder.path()), Code::kCorrupt, "store-rebuild-index"));
  }
  for (size_t at = 0; at < golden.size(); at++) {
    write_file(list, golden);
    flip_bit(list, at, int(at % 8));
    ASSERT_TRUE(fails_with(open_store(folder.path()), Code::kCorrupt, list));
  }
  fs::remove(list);
  ASSERT_OK(open_store(folder.path()));
}

TEST(StoreFormat, PackNames) {
  EXPECT_EQ((PackName{PackKind::kData, 0xab, 0x10}).file_name(),
            "d-00000000000000ab-0000000000000010.pack");
  EXPECT_EQ((PackName{PackKind::kNode, ~0ull, ~0ull}).file_name(),
            "n-ffffffffffffffff-ffffffffffffffff.pack");
  for (const char* text :
       {"d-00000000000000ab-0000000000000010.pack", "n-ffffffffffffffff-ffffffffffffffff.pack"}) {
    const auto name = parse_pack_name(text);
    ASSERT_TRUE(name.has_value()) << text;
    EXPECT_EQ(name->file_name(), text);
  }
  for (const char* text : {
           "",
           "d",
           "d-00000000000000ab-0000000000000010",
           "d-00000000000000ab-0000000000000010.pack.tmp",
           "d-00000000000000ab-0000000000000010.packs",
           "d-00000000000000AB-0000000000000010.pack",
           "d-ab-10.pack",
           "d-+0000000000000ab-0000000000000010.pack",
           "d- 0000000000000ab-0000000000000010.pack",
           "d-0x000000000000ab-0000000000000010.pack",
           "d-00000000000000ab-00000000000000100.pack",
           "x-00000000000000ab-0000000000000010.pack",
           "lost+found",
       }) {
    EXPECT_FALSE(parse_pack_name(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace ashlar::test
