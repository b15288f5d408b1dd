// On-disk structures of a pool, little-endian. Byte tables and a worked example: README.md here.
// They change only together with the golden vectors in test/golden/pool.json.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include "base/bytes.h"
#include "base/id.h"

namespace ashlar {

static_assert(std::endian::native == std::endian::little, "structs are laid out little-endian");

constexpr uint64_t kPoolMagic = 0x4c4f4f504c485341;     // "ASHLPOOL"
constexpr uint64_t kJournalMagic = 0x4c4e524a4c485341;  // "ASHLJRNL"
// 2: a batch names the CRC of the one before it. Pools of version 1 are replayed, and become this.
constexpr uint32_t kPoolVersion = 2;
constexpr uint32_t kPoolVersionUnchained = 1;

constexpr uint64_t kEntriesPerPage = 256;
constexpr uint32_t kEpochMax = (1u << 24) - 1;
constexpr uint64_t kPoolBlocksMax = 1ull << 40;

using Epoch = uint32_t;  // 24 bits
using PoolBlock = uint64_t;
using LineageId = uint64_t;

// ---- map --------------------------------------------------------------------------------------

enum class State : uint8_t { kHole = 0, kMapped = 1, kRemote = 2 };
constexpr uint8_t kStateMask = 0x0f;
constexpr uint8_t kFlagZeroKeep = 0x80;  // a hole that a client asked to keep allocated

// 16 bytes: block 40 bits, birth 24, CRC32C 32, owner 24, state 8.
struct MapEntry {
  uint64_t block_and_birth = 0;
  uint32_t crc = 0;
  uint32_t owner_and_state = 0;

  // For remote: the index of the origin.
  uint64_t block() const { return block_and_birth & (kPoolBlocksMax - 1); }
  Epoch birth() const { return Epoch(block_and_birth >> 40); }
  Epoch owner() const { return owner_and_state & kEpochMax; }
  State state() const { return State(owner_and_state >> 24 & kStateMask); }
  bool zero_keep() const { return (owner_and_state >> 24 & kFlagZeroKeep) != 0; }
  bool mapped() const { return state() == State::kMapped; }

  bool operator==(const MapEntry&) const = default;
};
static_assert(sizeof(MapEntry) == 16 && offsetof(MapEntry, crc) == 8);

constexpr MapEntry make_entry(State state, uint64_t block, Epoch birth, Epoch owner,
                              uint32_t crc = 0, uint8_t flags = 0) {
  return MapEntry{block | uint64_t(birth) << 40, crc,
                  owner | uint32_t(uint8_t(state) | flags) << 24};
}

using EntryPage = std::array<MapEntry, kEntriesPerPage>;
static_assert(sizeof(EntryPage) == kBlockBytes);

// ---- page trees of the tables and the free-space bitmap
// ------------------------------------------

// Index entry of a table or bitmap tree. `count`: free blocks of a bitmap page's 128 MiB, or used
// records of a table page; of the subtree in inner pages.
struct IndexEntry {
  uint64_t block = 0;  // 0 = the page is absent (all free, or no records)
  uint32_t crc = 0;
  uint32_t count = 0;

  bool operator==(const IndexEntry&) const = default;
};
static_assert(sizeof(IndexEntry) == 16);
constexpr uint64_t kBitmapBlocks = kBlockBytes * 8;  // blocks one bitmap page speaks of

struct TreeRoot {
  IndexEntry root;
  uint64_t pages = 0;  // payload pages; the height follows
  uint64_t zero = 0;
};
static_assert(sizeof(TreeRoot) == 32);

enum TreeIndex : size_t {
  kTreeSpace,
  kTreeVolumes,
  kTreeLineages,
  kTreeCuts,
  kTreeOrigins,
  kTreeAttachments,
  kTreeClones,
  kTreeTombstones,
  kTreeDeadTrees,
  kTreeCount,
};

struct Superblock {
  uint64_t magic = kPoolMagic;
  uint32_t version = kPoolVersion;
  uint32_t block_bytes = kBlockBytes;
  std::array<uint8_t, 16> pool_id{};
  uint64_t checkpoint_generation = 0;
  uint64_t capacity_blocks = 0;
  uint64_t size_blocks = 0;  // written so far; the file may be longer after a crash
  uint64_t ring_first = 0;
  uint64_t ring_blocks = 0;
  uint64_t reserve_blocks = 0;
  uint64_t growth_blocks = 0;
  uint64_t journal_generation = 0;
  uint64_t journal_position = 0;  // block within the ring where replay starts
  uint64_t journal_sequence = 0;  // of the first batch to replay
  uint64_t next_lineage = 1;
  uint64_t next_dead_tree = 1;
  uint64_t clean = 0;  // 1: closed in order, nothing to replay
  std::array<TreeRoot, kTreeCount> trees{};
  std::array<uint8_t, 4092 - 136 - 32 * kTreeCount> zero{};
  uint32_t crc = 0;  // of the bytes before it
};
static_assert(sizeof(Superblock) == kBlockBytes);
static_assert(offsetof(Superblock, trees) == 136 && offsetof(Superblock, crc) == 4092);

// ---- table records
// -------------------------------------------------------------------------------

// 20 bytes on disk, as base/id.h.
static_assert(sizeof(Id) == 20);

// `used` is never zero in a live record; a zero record is a free slot.
struct VolumeRow {
  Id id;
  uint32_t used = 0;
  uint64_t lineage = 0;
  MapEntry root;
  uint64_t bytes = 0;
  uint32_t origin = 0;  // slot of the origin + 1, 0 = none or fully hydrated
  uint32_t hidden = 0;
  uint32_t stall_ms = 0;
  uint32_t zero = 0;
};
static_assert(sizeof(VolumeRow) == 72);

struct LineageRow {
  uint64_t id = 0;  // 0 = free slot
  uint64_t parent = 0;
  uint32_t branch_epoch = 0;
  uint32_t head_epoch = 0;
};
static_assert(sizeof(LineageRow) == 24);

constexpr uint32_t kCutHidden = 1;
constexpr uint32_t kCutSealed = 2;
constexpr uint32_t kCutBookmark = 4;    // no blocks left, only (lineage, epoch)
constexpr uint32_t kCutDropping = 8;    // a dead tree frees its blocks
constexpr uint32_t kCutDropAsked = 16;  // drop as soon as nothing depends on it
constexpr uint32_t kCutKeepMark = 32;   // the drop leaves a bookmark
constexpr uint32_t kCutOrigin = 64;     // a bookmark: the snapshot its lineage was restored from
constexpr uint32_t kCutForClone = 128;  // made for a clone: goes with the last one that names it

struct CutRow {
  Id snapshot;
  uint32_t used = 0;
  uint64_t lineage = 0;
  uint32_t epoch = 0;
  uint32_t flags = 0;
  uint64_t bytes = 0;
  MapEntry root;
  uint64_t captured_ns = 0;
  uint32_t origin = 0;  // as in VolumeRow
  uint32_t zero = 0;
  Hash merkle_root{};
};
static_assert(sizeof(CutRow) == 112);
inline bool has_blocks(const CutRow& cut) {
  return (cut.flags & kCutBookmark) == 0;
}

struct OriginRow {
  Id snapshot;
  uint32_t used = 0;
  Id pin;
  std::array<uint8_t, 80> manifest{};
  uint32_t zero = 0;
};
static_assert(sizeof(OriginRow) == 128);

struct AttachmentRow {
  Id id;
  Id volume;
  std::array<char, 64> host{};
  uint32_t used = 0;
  uint32_t read_only = 0;
};
static_assert(sizeof(AttachmentRow) == 112);

// A hidden volume becomes the cut that a clone is: hydrated from the origin, or filled with what
// differs from the base it branches off.
enum class CloneState : uint32_t { kHydrating = 1, kFilling = 2, kAvailable = 3 };
struct CloneRow {
  Id id;
  uint32_t used = 0;
  Id snapshot;
  uint32_t state = 0;
  uint64_t lineage = 0;  // of the cut; of the hidden volume until then
  uint32_t epoch = 0;    // of the cut, once it is available
  uint32_t origin = 0;   // as in VolumeRow, until it is available
};
static_assert(sizeof(CloneRow) == 64);

enum class TombstoneKind : uint32_t { kVolume = 1, kAttachment = 2, kCut = 3, kClone = 4 };
struct TombstoneRow {
  Id id;
  uint32_t kind = 0;  // 0 = free slot
};
static_assert(sizeof(TombstoneRow) == 24);

// A subtree that no head refers to any more (kind 0), or a cut being dropped (kind 1: what the
// successor shares stays). Blocks left of the cursor are done.
struct DeadTreeRow {
  uint64_t id = 0;  // 0 = free slot
  MapEntry root;
  uint64_t first_block = 0;  // logical block at which the tree begins
  uint32_t level = 0;        // of the root's page: 0 = leaf
  uint32_t owner_floor = 0;
  uint64_t cursor = 0;   // logical block, absolute
  uint64_t lineage = 0;  // kind 1
  uint32_t cut_epoch = 0;
  uint32_t kind = 0;
};
static_assert(sizeof(DeadTreeRow) == 64);

// ---- journal
// -------------------------------------------------------------------------------------

struct BatchHeader {
  uint64_t magic = kJournalMagic;
  std::array<uint8_t, 16> pool_id{};
  uint64_t journal_generation = 0;
  uint64_t sequence = 0;
  uint64_t checkpoint_generation = 0;
  // Together the highest sequence known synced, u64, in version 1.
  uint32_t unsynced = 0;      // sequence less the highest known synced when this got its place
  uint32_t previous_crc = 0;  // of the batch before, as it was sealed; 0: first of its generation
  uint32_t length = 0;        // bytes of records that follow
  uint32_t crc = 0;           // header with this field zero, then the records
};
static_assert(sizeof(BatchHeader) == 64);

enum class RecordType : uint8_t {
  kWrite = 1,
  kErase = 2,
  kFill = 3,
  kVolume = 4,
  kResize = 5,
  kVolumeDelete = 6,
  kCut = 7,
  kCutState = 8,
  kDrop = 9,
  kFreeStep = 10,
  kOrigin = 11,
  kAttachment = 12,
  kClone = 13,
  kTombstone = 14,
  kGrow = 15,
  kMove = 16,
};

// Precedes every record; `length` counts the whole record, a multiple of 8.
struct RecordHeader {
  RecordType type{};
  uint8_t flags = 0;
  uint16_t zero = 0;
  uint32_t length = 0;
};
static_assert(sizeof(RecordHeader) == 8);

constexpr uint8_t kEraseZeroKeep = 1;  // flag of kErase
constexpr uint8_t kFillZeros = 1;      // flag of kFill: holes, no blocks
constexpr uint8_t kRemove = 1;         // flag of kOrigin, kAttachment, kClone, kTombstone
constexpr uint8_t kCloneReady = 2;     // flag of kClone: its hidden volume becomes a cut

// WRITE and FILL; `count` CRCs follow (none for a FILL of zeros), padded to 8 bytes.
// A volume is named by its lineage, which is its own for life.
struct WriteRecord {
  RecordHeader header;
  uint64_t lineage = 0;
  uint64_t first = 0;     // logical block
  uint64_t physical = 0;  // pool block
  uint64_t count = 0;
  uint32_t birth = 0;
  uint32_t owner = 0;
};
static_assert(sizeof(WriteRecord) == 48);

struct EraseRecord {
  RecordHeader header;
  uint64_t lineage = 0;
  uint64_t first = 0;
  uint64_t count = 0;
  uint64_t epoch = 0;
};
static_assert(sizeof(EraseRecord) == 40);

enum class VolumeSource : uint32_t { kNone = 0, kCut = 1, kOrigin = 2 };
struct VolumeRecord {
  RecordHeader header;
  Id id;
  uint32_t source = 0;
  uint64_t lineage = 0;
  uint64_t bytes = 0;
  Id cut;               // source kCut
  uint32_t origin = 0;  // source kOrigin: slot
};
static_assert(sizeof(VolumeRecord) == 72);

struct ResizeRecord {
  RecordHeader header;
  uint64_t lineage = 0;
  uint64_t bytes = 0;
};

struct IdRecord {  // VOLUME_DELETE {volume}, DROP {snapshot}
  RecordHeader header;
  Id id;
  uint32_t zero = 0;
};
static_assert(sizeof(IdRecord) == 32);

struct CutMember {
  uint64_t lineage = 0;
  Id snapshot;
  uint32_t closed_epoch = 0;
};
static_assert(sizeof(CutMember) == 32);
struct CutRecord {  // then n CutMembers
  RecordHeader header;
  uint64_t captured_ns = 0;
  Id group;
  uint32_t members = 0;
};
static_assert(sizeof(CutRecord) == 40);

struct CutStateRecord {
  RecordHeader header;
  Id snapshot;
  uint32_t set = 0;  // kCut flags to add
  Hash merkle_root{};
};
static_assert(sizeof(CutStateRecord) == 64);

struct FreedRun {
  uint64_t first = 0;
  uint64_t count = 0;
};
struct FreeStepRecord {  // then n FreedRuns
  RecordHeader header;
  uint64_t tree = 0;
  uint64_t cursor = 0;
  uint32_t runs = 0;
  uint32_t finished = 0;
};
static_assert(sizeof(FreeStepRecord) == 32);

struct OriginRecord {
  RecordHeader header;
  uint64_t slot = 0;
  OriginRow row;
};
struct AttachmentRecord {
  RecordHeader header;
  AttachmentRow row;
};
// Begins a clone (with its hidden volume, unless it is available at once), makes it available, or
// removes it (with the hidden volume, or the claim on its cut).
struct CloneRecord {
  RecordHeader header;
  uint64_t captured_ns = 0;  // ready: of the cut
  uint64_t bytes = 0;        // begun: of the hidden volume
  Id base;                   // begun, filling: the cut it branches off
  uint32_t zero = 0;
  Hash merkle_root{};  // ready: of the snapshot
  CloneRow row;
};
static_assert(sizeof(CloneRecord) == 144);
struct TombstoneRecord {
  RecordHeader header;
  TombstoneRow row;
};
struct GrowRecord {
  RecordHeader header;
  uint64_t size_blocks = 0;
};
static_assert(sizeof(OriginRecord) == 144 && sizeof(AttachmentRecord) == 120);
static_assert(sizeof(TombstoneRecord) == 32 && sizeof(GrowRecord) == 16);

constexpr uint64_t kBatchRecordsMax = 256 * 1024;

}  // namespace ashlar
