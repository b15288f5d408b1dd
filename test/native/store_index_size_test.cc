// Index and filters take at most 64 MiB of memory a TiB of unique data: measured on a part of its
// entries, the part that grows scaled up, the caches as they are. ASHLAR_TEST_SCALE=56 is the TiB.
#include "support/store_world.h"

namespace ashlar::test {
namespace {

constexpr uint64_t kChunksPerTiB = (1ull << 40) / kChunkBytes;
constexpr uint64_t kEntriesPerPack = 1000;

TEST(StoreIndexSize, FitsMemoryAtATiB) {
  const TempFolder folder;
  const auto index = Index::open(folder.path() + "/index");
  ASSERT_OK(index);
  const uint64_t empty_bytes = (*index)->sizes().memory_bytes;
  // Fewer stay in a memtable, and then there is no filter to measure.
  const uint64_t packs = std::max<uint64_t>(test_scale(300), 300);
  Prng prng(1);
  std::vector<DirectoryEntry> entries(kEntriesPerPack);
  std::vector<Hash> sample;
  for (uint64_t pack = 1; pack <= packs; pack++) {
    for (uint64_t i = 0; i < kEntriesPerPack; i++) {
      DirectoryEntry& entry = entries[i];
      for (size_t at = 0; at < entry.id.size(); at += sizeof(uint64_t)) {
        const uint64_t word = prng.next();
        std::memcpy(&entry.id[at], &word, sizeof word);
      }
      entry.kind = FrameKind::kLz4;
      entry.offset = 32 + i * 65000;
      entry.stored_bytes = uint32_t(30000 + prng.below(30000));
      entry.plain_bytes = kChunkBytes;
    }
    sample.push_back(entries[pack % kEntriesPerPack].id);
    ASSERT_OK((*index)->add_pack({PackKind::kData, 1, pack}, entries));
  }
  const auto found = (*index)->find_all(sample);
  ASSERT_OK(found);
  for (const auto& at : *found)
    ASSERT_TRUE(at.has_value());
  const IndexSizes sizes = (*index)->sizes();
  const uint64_t count = packs * kEntriesPerPack;
  ASSERT_EQ((*index)->totals().chunks, count);
  // The caches are 16 MiB of blocks and two memtables of 8 MiB with their filters, whatever the
  // size.
  const uint64_t caches = 32ull << 20;
  const uint64_t growing = sizes.table_bytes * kChunksPerTiB / count;
  std::printf(
      "%llu entries: tables' filters and indexes %llu bytes, all memory %llu (empty: %llu), "
      "disk %llu; a TiB: %llu MiB and caches of %llu MiB\n",
      static_cast<unsigned long long>(count), static_cast<unsigned long long>(sizes.table_bytes),
      static_cast<unsigned long long>(sizes.memory_bytes),
      static_cast<unsigned long long>(empty_bytes), static_cast<unsigned long long>(sizes.bytes),
      static_cast<unsigned long long>(growing >> 20),
      static_cast<unsigned long long>(caches >> 20));
  EXPECT_GT(sizes.table_bytes, count / 2) << "no filter was loaded: nothing was measured";
  EXPECT_LE(sizes.memory_bytes - sizes.table_bytes, caches);
  EXPECT_LE(growing + caches, 64ull << 20);
}

}  // namespace
}  // namespace ashlar::test
