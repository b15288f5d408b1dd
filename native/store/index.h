// The index: id -> where its frame lies, and of a delta its base. RocksDB; rebuildable from the
// packs' directories at any time, so it is never the only copy of a fact but one: which ids are
// quarantined, and those are found out again when they are read. A pack's entries and the note that
// it is indexed are one write. Of several copies of a chunk only the one named here is live.
//
// A delta never takes the place of a full chunk: others may lean on it, and depth stays 1.
//
// Thread: any. The implementation says which lock guards what.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/pack.h"

namespace ashlar {

struct Location {
  PackName pack;
  uint64_t offset = 0;
  uint32_t stored_bytes = 0;
  uint32_t plain_bytes = 0;
  FrameKind kind{};
  Hash base{};  // of a delta

  bool is(const PackName& other, uint64_t other_offset) const {
    return pack == other && offset == other_offset;
  }
  bool operator==(const Location&) const = default;
};

struct PackEntries {
  PackName pack;
  std::span<const DirectoryEntry> entries;  // borrowed
};

struct IndexTotals {
  uint64_t chunks = 0;
  uint64_t nodes = 0;
  uint64_t highest_generation = 0;  // of any record in a pack that was ever indexed
};

struct IndexSizes {
  uint64_t bytes = 0;         // on disk
  uint64_t table_bytes = 0;   // in memory: filters and table indexes, which grow with the store
  uint64_t memory_bytes = 0;  // with cached blocks and memtables
};

class Index {
 public:
  // An index of another version is thrown away: what opens it reads the packs again.
  static Result<std::unique_ptr<Index>> open(const std::string& path);
  // For looking only; writes fail.
  static Result<std::unique_ptr<Index>> open_read_only(const std::string& path);
  virtual ~Index() = default;

  virtual Result<std::optional<Location>> find(const Hash& id) = 0;
  // One answer an id, in order.
  virtual Result<std::vector<std::optional<Location>>> find_all(std::span<const Hash> ids) = 0;
  // Every entry, in the order of ids, until `visit` fails.
  using Visit = std::function<Result<void>(const Hash& id, const Location& at)>;
  virtual Result<void> each(const Visit& visit) = 0;

  // Ids whose entries come to the new pack are no longer quarantined. Records, which have no id of
  // their own, are left out. kNoSpace also while the disk has too little space left to be safe.
  virtual Result<void> add_pack(const PackName& pack, std::span<const DirectoryEntry> entries) = 0;
  // As add_pack, durable, but only for entries that still name the place in `from`, one an entry.
  virtual Result<void> move_to_pack(const PackName& pack, std::span<const DirectoryEntry> entries,
                                    std::span<const Location> from) = 0;
  // Removes those entries that still name their pack at the entry's offset: all of them in one
  // write, or none. Durable. How many.
  virtual Result<uint64_t> drop(std::span<const PackEntries> packs) = 0;
  Result<uint64_t> drop(const PackName& pack, std::span<const DirectoryEntry> entries) {
    const PackEntries one{pack, entries};
    return drop(std::span(&one, 1));
  }
  // The same of what is lost with its pack: the ids are quarantined in that write.
  virtual Result<uint64_t> lose(std::span<const PackEntries> packs) = 0;
  // The pack has no entries any more and its file is about to go. Durable.
  virtual Result<void> forget_pack(const PackName& pack) = 0;
  virtual Result<bool> has_pack(const PackName& pack) = 0;
  virtual Result<std::vector<PackName>> packs() = 0;

  // Durable; false when it was known. Look-ups here still find a quarantined id.
  virtual Result<bool> quarantine(const Hash& id) = 0;
  virtual Result<void> lift_quarantine(std::span<const Hash> ids) = 0;
  // Whether what its nodes and deltas lean on was never looked for: it was made anew, and the
  // process died before that was done.
  virtual Result<bool> may_have_gaps() = 0;
  virtual Result<void> gaps_were_found() = 0;
  virtual bool is_quarantined(const Hash& id) = 0;
  virtual std::vector<Hash> quarantined() = 0;

  virtual IndexTotals totals() = 0;
  virtual IndexSizes sizes() = 0;
};

inline bool is_full_chunk(FrameKind kind) {
  return kind == FrameKind::kRaw || kind == FrameKind::kLz4;
}
inline bool is_chunk(FrameKind kind) {
  return is_full_chunk(kind) || kind == FrameKind::kDelta;
}

}  // namespace ashlar
