// How far ahead a receiver asks: 8 MiB of what comes, be that whole chunks or small ones.
#include "codec/lz4.h"
#include "seal/image.h"
#include "support/pull_world.h"

namespace ashlar::test {
namespace {

constexpr uint64_t kChunks = 8192;

// Every chunk has its own content; `noisy` ones do not pack.
std::vector<uint8_t> chunk(uint64_t index, bool noisy) {
  Prng prng(index + 1);
  std::vector<uint8_t> bytes(kChunkBytes);
  for (size_t at = 0; at < (noisy ? kChunkBytes : kBlockBytes); at += sizeof(uint64_t)) {
    const uint64_t word = prng.next();
    std::memcpy(&bytes[at], &word, sizeof word);
  }
  return bytes;
}

// The most chunks that were asked for and had not come while `answered` of them came one by one.
size_t most_under_way(bool noisy, size_t answered) {
  MemoryFolder folder;
  const auto store = open_store(folder.path());
  EXPECT_OK(store);
  Ingest ingest(**store, default_keys(), {kChunks * kChunkBytes, {}, false});
  std::vector<ListEntry> list;
  for (uint64_t i = 0; i < kChunks; i++) {
    Hash id{uint8_t(i), uint8_t(i >> 8)};
    if (i < answered) id = chunk_id(default_keys(), chunk(i, noisy));
    list.push_back({i, id});
  }
  std::vector<uint8_t> message;
  append_frame(
      message, Wire::kList, 0, Hash{},
      Bytes(reinterpret_cast<const uint8_t*>(list.data()), list.size() * sizeof(ListEntry)));
  EXPECT_OK(ingest.give(message));
  size_t under_way = 0;
  size_t most = 0;
  for (uint64_t next = 0; next < answered; next++) {
    if (under_way < 32) {
      const auto asked = ingest.take();
      EXPECT_OK(asked);
      const auto frames = parse_frames(**asked);
      EXPECT_OK(frames);
      under_way += wire_numbers((*frames)[0]).size();
      most = std::max(most, under_way);
    }
    std::vector<uint8_t> answer;
    const std::vector<uint8_t> plain = chunk(next, noisy);
    const auto packed = lz4_compress(plain);
    append_frame(answer, packed ? Wire::kLz4 : Wire::kRaw, next, list[next].id,
                 packed ? *packed : plain);
    EXPECT_OK(ingest.give(answer));
    under_way--;
  }
  return most;
}

TEST(AskAhead, WholeChunksAreEightMebibytes) {
  EXPECT_EQ(most_under_way(true, 300), (8u << 20) / kChunkBytes);
}

TEST(AskAhead, SmallOnesAreMore) {
  const size_t most = most_under_way(false, 1500);
  EXPECT_GT(most, 1000u);  // a little more than 4 KiB each
  EXPECT_LE(most, 2048u);
}

}  // namespace
}  // namespace ashlar::test
