// The extent map: one 16-byte entry for every 4 KiB of a volume, in pages of 256 at every level,
// under one root entry. Hole and remote may stand at any level for a whole subtree. Pages are
// copied on write: once a generation (so that a checkpoint sees the state at its mark) and once an
// epoch (so that a cut keeps its state).
//
// Nothing here does I/O: what is not in memory is answered as Missing; the caller loads it without
// the map lock and asks again. Mutators require that require() found everything under the same lock
// hold.
//
// Invariants: an inner entry's birth is at least every birth below it, its owner is the epoch in
// which the page below was copied; every changed entry, holes too, carries the current epoch as
// owner.
#pragma once

#include <optional>
#include <vector>

#include "base/check.h"
#include "pool/page_cache.h"
#include "pool/space.h"

namespace ashlar {

struct Missing {
  PoolBlock block = 0;
  uint32_t crc = 0;
  uint8_t level = 0;
};

// Levels of pages a volume of this size needs: 1 (1 MiB) to 5 (64 TiB needs 5).
uint8_t height_for(uint64_t volume_bytes);
// Blocks one entry of a page at `level` stands for: 1, 256, 65,536, …
constexpr uint64_t entry_blocks(uint8_t level) {
  return 1ull << (8 * level);
}

// Up to which owner blocks belong to somebody else (I4). While the newest cut is being dropped the
// answer depends on the place: left of the drop's cursor the cut is gone already.
struct Floor {
  Epoch above = 0;       // owners above this are the head's own
  Epoch left_above = 0;  // the same, left of the cursor
  uint64_t cursor = 0;
  Epoch at(uint64_t end_block) const { return end_block <= cursor ? left_above : above; }
  bool straddles(uint64_t first, uint64_t end) const {
    return left_above != above && first < cursor && cursor < end;
  }
};

// What every change of one head needs. Filled under the map lock for one apply.
struct MapChange {
  PageCache& pages;
  Space& space;
  LineageId lineage = 0;
  uint64_t generation = 0;
  Epoch epoch = 0;
  Floor floor;
  uint64_t pages_made = 0;  // out
};

// A subtree the head let go: to be freed in the background.
struct DeadSubtree {
  MapEntry root;
  uint64_t first_block = 0;
  uint8_t level = 0;  // of the page `root` points to
  Epoch floor = 0;
};

class ExtentMap {
 public:
  // `visit(first, count, entry)` for ascending runs that tile [first, first + count): a mapped
  // entry has count 1; holes and remotes come as they stand, clipped. It ends early when `visit`
  // says false.
  template <typename Visit>
  static std::optional<Missing> lookup(PageCache& pages, const MapEntry& root, uint8_t height,
                                       uint64_t first, uint64_t count, Visit&& visit) {
    bool going = true;
    return lookup_entry(pages, root, height, 0, first, first + count, visit, going);
  }
  // As lookup, but only subtrees born after `born_after`: the diff walk (DESIGN 4, one walk, three
  // uses). Entries visited may still be older: look at their birth.
  template <typename Visit>
  static std::optional<Missing> diff(PageCache& pages, const MapEntry& root, uint8_t height,
                                     uint64_t first, uint64_t count, Epoch born_after,
                                     Visit&& visit) {
    bool going = true;
    return lookup_entry(pages, root, height, 0, first, first + count, visit, going, born_after);
  }

  // All pages a change of [first, first + count) will touch are in memory; they are kept so while
  // `held` lives. For an erase (`erase_floor` given) subtrees inside the range are let go whole, so
  // their pages are not needed.
  static std::optional<Missing> require(PageCache& pages, const MapEntry& root, uint8_t height,
                                        uint64_t first, uint64_t count, const Floor* erase_floor,
                                        std::vector<PagePtr>* held);

  // Upper bound of pages that a change of the range makes.
  static uint64_t pages_needed(uint8_t height, uint64_t first, uint64_t count);

  // Maps [first, +count) to [physical, +count).
  static void assign(MapChange& change, MapEntry& root, uint8_t height, uint64_t first,
                     uint64_t count, PoolBlock physical, const uint32_t* crcs, Epoch birth);
  // The same for what is still remote; anything else keeps what it has, and the blocks set aside
  // for it wait like freed ones. `physical` 0 = zeros: holes.
  static void fill(MapChange& change, MapEntry& root, uint8_t height, uint64_t first,
                   uint64_t count, PoolBlock physical, const uint32_t* crcs, Epoch birth);
  // Holes; subtrees that lie inside the range are answered in `dead`.
  static void erase(MapChange& change, MapEntry& root, uint8_t height, uint64_t first,
                    uint64_t count, uint8_t flags, std::vector<DeadSubtree>* dead);
  // The root for a larger size. Keeps what it says about the old range.
  static void raise(MapChange& change, MapEntry& root, uint8_t old_height, uint8_t new_height);

 private:
  template <typename Visit>
  static std::optional<Missing> lookup_entry(PageCache& pages, const MapEntry& entry, uint8_t level,
                                             uint64_t begin, uint64_t first, uint64_t end,
                                             Visit& visit, bool& going, Epoch born_after = 0) {
    if (born_after > 0 && entry.birth() <= born_after) return std::nullopt;
    // `entry` stands for entry_blocks(level) blocks from `begin` on; [first, end) overlaps them.
    const uint64_t from = std::max(begin, first);
    const uint64_t to = std::min(begin + entry_blocks(level), end);
    if (level == 0 || !entry.mapped()) {
      going = visit(from, to - from, entry);
      return std::nullopt;
    }
    const PagePtr page = pages.find(entry.block());
    if (!page) return Missing{entry.block(), load_crc(entry), uint8_t(level - 1)};
    const uint64_t step = entry_blocks(uint8_t(level - 1));
    for (uint64_t i = (from - begin) / step; going && begin + i * step < to; i++) {
      if (auto missing = lookup_entry(pages, page->entries[i], uint8_t(level - 1), begin + i * step,
                                      first, end, visit, going, born_after)) {
        return missing;
      }
    }
    return std::nullopt;
  }
};

}  // namespace ashlar
