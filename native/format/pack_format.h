// On-disk structures of a chunk store, little-endian. Byte tables: STORE.md here. They change only
// together with the golden vectors.
#pragma once

#include <cstddef>
#include <cstring>

#include "base/bytes.h"
#include "base/id.h"

namespace ashlar {

constexpr uint64_t kStoreMagic = 0x524f54534c485341;    // "ASHLSTOR"
constexpr uint64_t kPackMagic = 0x4b4341504c485341;     // "ASHLPACK"
constexpr uint64_t kFooterMagic = 0x544f4f464c485341;   // "ASHLFOOT"
constexpr uint64_t kRemovalMagic = 0x454e4f474c485341;  // "ASHLGONE"
constexpr uint32_t kFrameMagic = 0x4d415246;            // "FRAM"
constexpr uint32_t kStoreVersion = 1;

struct StoreHeader {
  uint64_t magic = kStoreMagic;
  uint32_t version = kStoreVersion;
  uint32_t zero = 0;
  std::array<char, 40> store_uuid{};
  std::array<char, 40> catalog_uuid{};
  uint64_t writer_epoch =
      0;  // raised by every open: a writer that wakes up too late names other packs
  uint32_t zero2 = 0;
  uint32_t crc = 0;
};
static_assert(sizeof(StoreHeader) == 112);

enum class PackKind : uint32_t { kData = 1, kNode = 2 };

struct PackHeader {
  uint64_t magic = kPackMagic;
  uint32_t version = kStoreVersion;
  uint32_t kind = 0;
  uint64_t writer_epoch = 0;
  uint64_t counter = 0;
};
static_assert(sizeof(PackHeader) == 32);

enum class FrameKind : uint8_t {
  kRaw = 1,
  kLz4 = 2,
  kDelta = 3,  // LZ4 of the changed blocks, on a full chunk as base
  kNode = 4,
  kManifest = 5,
  kRecord = 6,  // {generation, commit or delete, snapshot row}
};

struct FrameHeader {
  uint32_t magic = kFrameMagic;
  FrameKind kind{};
  uint8_t zero = 0;
  uint16_t block_map = 0;  // of a delta
  uint32_t stored_bytes = 0;
  uint32_t plain_bytes = 0;
  Hash id{};
  Hash base{};
  uint32_t zero2 = 0;
  uint32_t crc = 0;  // header with this field zero, then the stored bytes
};
static_assert(sizeof(FrameHeader) == 88 && offsetof(FrameHeader, id) == 16);

struct DirectoryEntry {
  Hash id{};
  Hash base{};
  uint64_t offset = 0;  // of the frame's header
  uint32_t stored_bytes = 0;
  uint32_t plain_bytes = 0;
  FrameKind kind{};
  std::array<uint8_t, 7> zero{};
};
static_assert(sizeof(DirectoryEntry) == 88);

struct PackFooter {  // the last 48 bytes
  uint64_t magic = kFooterMagic;
  uint32_t version = kStoreVersion;
  uint32_t entries = 0;
  uint64_t directory_offset = 0;
  uint64_t writer_epoch = 0;
  uint64_t counter = 0;
  uint32_t directory_crc = 0;
  uint32_t crc = 0;
};
static_assert(sizeof(PackFooter) == 48);

constexpr uint64_t kPackBytesMax = 64ull << 20;

// Packs that are none any more, though their files may still be there: they went in one step.
struct RemovalHeader {  // then the entries
  uint64_t magic = kRemovalMagic;
  uint32_t version = kStoreVersion;
  uint32_t entries = 0;
  uint32_t zero = 0;
  uint32_t crc = 0;  // header with this field zero, then the entries
};
static_assert(sizeof(RemovalHeader) == 24);

struct RemovalEntry {
  uint32_t kind = 0;
  uint32_t zero = 0;
  uint64_t writer_epoch = 0;
  uint64_t counter = 0;
};
static_assert(sizeof(RemovalEntry) == 24);

struct RecordBody {  // then the row's bytes
  uint64_t generation = 0;
  uint32_t kind = 0;  // 1 commit, 2 delete
  uint32_t row_bytes = 0;
};
static_assert(sizeof(RecordBody) == 16);
constexpr uint32_t kRecordCommit = 1;
constexpr uint32_t kRecordDelete = 2;

// The id of a record's frame: its generation, then zeros, so that the directory tells it. It is no
// identity, and the index has no entry for it.
inline Hash record_id(uint64_t generation) {
  Hash id{};
  std::memcpy(id.data(), &generation, sizeof generation);
  return id;
}
inline uint64_t record_generation(const Hash& id) {
  uint64_t generation = 0;
  std::memcpy(&generation, id.data(), sizeof generation);
  return generation;
}

}  // namespace ashlar
