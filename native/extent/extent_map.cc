#include "extent/extent_map.h"

#include <algorithm>
#include <functional>

namespace ashlar {
namespace {

bool page_is_current(const MapChange& change, const MapEntry& entry, const Page& page) {
  return entry.owner() == change.epoch && page.generation == change.generation &&
         page.lineage == change.lineage;
}

void free_block(MapChange& change, const MapEntry& entry, uint64_t end_block) {
  if (!entry.mapped() || entry.owner() <= change.floor.at(end_block)) return;
  // reversible: it waits for a checkpoint, whose release has a failpoint
  change.space.note_freed({entry.block(), 1}, change.generation);
}

// The page below `entry`, which stands for the page of `level` at [begin, …), made changeable:
// itself when it is of this epoch and generation, else a copy in a new block.
Page& writable(MapChange& change, MapEntry& entry, uint8_t level, uint64_t begin) {
  if (entry.mapped()) {
    const PagePtr old = change.pages.find(entry.block());
    CHECK(old != nullptr);  // require() held it
    if (page_is_current(change, entry, *old)) return *old;
    const PoolBlock block = change.space.allocate_page();
    change.space.note_mapped({block, 1}, change.generation);
    change.pages_made++;
    const PagePtr copy = change.pages.make(block, level, change.lineage, change.generation);
    copy_entries(copy->entries, old->entries);
    if (level > 0) change.pages.written_crcs().complete(copy->entries);
    free_block(change, entry, begin + entry_blocks(uint8_t(level + 1)));
    entry = make_entry(State::kMapped, block, entry.birth(), change.epoch);
    return *copy;
  }
  const PoolBlock block = change.space.allocate_page();
  change.space.note_mapped({block, 1}, change.generation);
  change.pages_made++;
  const PagePtr fresh = change.pages.make(block, level, change.lineage, change.generation);
  fresh->entries.fill(entry);
  entry = make_entry(State::kMapped, block, entry.birth(), change.epoch);
  return *fresh;
}

// Calls `leaf(entry, block)` for every block of [first, end), on changeable pages, and keeps the
// births and owners of the way up. `birth` is what the changed entries may carry at most.
template <typename Leaf>
void change_leaves(MapChange& change, MapEntry& entry, uint8_t level, uint64_t begin,
                   uint64_t first, uint64_t end, Epoch birth, Leaf& leaf) {
  if (level == 0) {
    leaf(entry, begin);
    return;
  }
  Page& page = writable(change, entry, uint8_t(level - 1), begin);
  entry = make_entry(State::kMapped, entry.block(), std::max(entry.birth(), birth), change.epoch);
  const uint64_t step = entry_blocks(uint8_t(level - 1));
  const uint64_t from = std::max(begin, first);
  for (uint64_t i = (from - begin) / step; i < kEntriesPerPage && begin + i * step < end; i++) {
    change_leaves(change, page.entries[i], uint8_t(level - 1), begin + i * step, first, end, birth,
                  leaf);
  }
}

std::optional<Missing> require_entry(PageCache& pages, const MapEntry& entry, uint8_t level,
                                     uint64_t begin, uint64_t first, uint64_t end,
                                     const Floor* erase_floor, std::vector<PagePtr>* held) {
  if (level == 0 || !entry.mapped()) return std::nullopt;
  const uint64_t past = begin + entry_blocks(level);
  if (erase_floor && first <= begin && past <= end && !erase_floor->straddles(begin, past)) {
    return std::nullopt;
  }
  PagePtr page = pages.find(entry.block());
  if (!page) return Missing{entry.block(), load_crc(entry), uint8_t(level - 1)};
  const uint64_t step = entry_blocks(uint8_t(level - 1));
  const uint64_t from = std::max(begin, first);
  for (uint64_t i = (from - begin) / step; i < kEntriesPerPage && begin + i * step < end; i++) {
    if (auto missing = require_entry(pages, page->entries[i], uint8_t(level - 1), begin + i * step,
                                     first, end, erase_floor, held)) {
      return missing;
    }
  }
  held->push_back(std::move(page));
  return std::nullopt;
}

void erase_entry(MapChange& change, MapEntry& entry, uint8_t level, uint64_t begin, uint64_t first,
                 uint64_t end, uint8_t flags, std::vector<DeadSubtree>* dead) {
  // The same hole already: no byte changes, so nothing is born. A host that trims all its free
  // space every night would have it listed in every difference otherwise.
  const bool keep = (flags & kFlagZeroKeep) != 0;
  if (entry.state() == State::kHole && entry.zero_keep() == keep) return;
  const uint64_t past = begin + entry_blocks(level);
  const bool whole = first <= begin && past <= end && !change.floor.straddles(begin, past);
  const MapEntry hole = make_entry(State::kHole, 0, change.epoch, change.epoch, 0, flags);
  if (level == 0) {
    free_block(change, entry, past);
    entry = hole;
    return;
  }
  if (whole) {
    if (entry.mapped()) {
      dead->push_back({entry, begin, uint8_t(level - 1), change.floor.at(past)});
    }
    entry = hole;
    return;
  }
  Page& page = writable(change, entry, uint8_t(level - 1), begin);
  entry = make_entry(State::kMapped, entry.block(), change.epoch, change.epoch);
  const uint64_t step = entry_blocks(uint8_t(level - 1));
  const uint64_t from = std::max(begin, first);
  for (uint64_t i = (from - begin) / step; i < kEntriesPerPage && begin + i * step < end; i++) {
    erase_entry(change, page.entries[i], uint8_t(level - 1), begin + i * step, first, end, flags,
                dead);
  }
}

}  // namespace

uint8_t height_for(uint64_t volume_bytes) {
  const uint64_t blocks = (volume_bytes + kBlockBytes - 1) / kBlockBytes;
  uint8_t height = 1;
  while (entry_blocks(height) < blocks)
    height++;
  return height;
}

std::optional<Missing> ExtentMap::require(PageCache& pages, const MapEntry& root, uint8_t height,
                                          uint64_t first, uint64_t count, const Floor* erase_floor,
                                          std::vector<PagePtr>* held) {
  return require_entry(pages, root, height, 0, first, first + count, erase_floor, held);
}

uint64_t ExtentMap::pages_needed(uint8_t height, uint64_t first, uint64_t count) {
  uint64_t pages = 0;
  for (uint8_t level = 1; level <= height; level++) {
    pages += (first + count - 1) / entry_blocks(level) - first / entry_blocks(level) + 1;
  }
  return pages;
}

void ExtentMap::assign(MapChange& change, MapEntry& root, uint8_t height, uint64_t first,
                       uint64_t count, PoolBlock physical, const uint32_t* crcs, Epoch birth) {
  CHECK(count > 0);
  auto leaf = [&](MapEntry& entry, uint64_t block) {
    free_block(change, entry, block + 1);
    const uint64_t i = block - first;
    entry = make_entry(State::kMapped, physical + i, birth, change.epoch, crcs[i]);
  };
  change_leaves(change, root, height, 0, first, first + count, birth, leaf);
  change.space.note_mapped({physical, count}, change.generation);
}

void ExtentMap::fill(MapChange& change, MapEntry& root, uint8_t height, uint64_t first,
                     uint64_t count, PoolBlock physical, const uint32_t* crcs, Epoch birth) {
  // Runs of remote blocks first: pages above what is local already must not be touched.
  std::vector<std::pair<uint64_t, uint64_t>> remote;
  const auto missing =
      lookup(change.pages, root, height, first, count,
             [&](uint64_t at, uint64_t blocks, const MapEntry& entry) {
               if (entry.state() != State::kRemote) return true;
               if (!remote.empty() && remote.back().first + remote.back().second == at) {
                 remote.back().second += blocks;
               } else {
                 remote.emplace_back(at, blocks);
               }
               return true;
             });
  CHECK(!missing);
  uint64_t done = first;
  const auto leave_unused = [&](uint64_t until) {
    if (physical == 0 || until == done) return;
    change.space.note_unused({physical + (done - first), until - done}, change.generation);
  };
  for (const auto& [at, blocks] : remote) {
    leave_unused(at);
    if (physical != 0) {
      assign(change, root, height, at, blocks, physical + (at - first), crcs + (at - first), birth);
    } else {
      // Zeros: whole subtrees become holes at once; nothing mapped lies inside, so nothing dies.
      MapChange zeros = change;
      std::vector<DeadSubtree> dead;
      const std::function<void(MapEntry&, uint8_t, uint64_t)> clear =
          [&](MapEntry& entry, uint8_t level, uint64_t begin) {
            const uint64_t past = begin + entry_blocks(level);
            if (level == 0 || (at <= begin && past <= at + blocks && !entry.mapped())) {
              entry = make_entry(State::kHole, 0, birth, change.epoch);
              return;
            }
            Page& page = writable(zeros, entry, uint8_t(level - 1), begin);
            entry = make_entry(State::kMapped, entry.block(), std::max(entry.birth(), birth),
                               change.epoch);
            const uint64_t step = entry_blocks(uint8_t(level - 1));
            const uint64_t from = std::max(begin, at);
            for (uint64_t i = (from - begin) / step;
                 i < kEntriesPerPage && begin + i * step < at + blocks; i++) {
              clear(page.entries[i], uint8_t(level - 1), begin + i * step);
            }
          };
      clear(root, height, 0);
      change.pages_made = zeros.pages_made;
    }
    done = at + blocks;
  }
  leave_unused(first + count);
}

void ExtentMap::erase(MapChange& change, MapEntry& root, uint8_t height, uint64_t first,
                      uint64_t count, uint8_t flags, std::vector<DeadSubtree>* dead) {
  CHECK(count > 0);
  erase_entry(change, root, height, 0, first, first + count, flags, dead);
}

void ExtentMap::raise(MapChange& change, MapEntry& root, uint8_t old_height, uint8_t new_height) {
  for (uint8_t height = old_height; height < new_height; height++) {
    if (!root.mapped()) {
      if (root.state() == State::kHole && root.birth() == 0) continue;
      if (root.state() == State::kRemote) continue;  // past the origin's size it reads as hole
    }
    const PoolBlock block = change.space.allocate_page();
    change.space.note_mapped({block, 1}, change.generation);
    change.pages_made++;
    const PagePtr page = change.pages.make(block, height, change.lineage, change.generation);
    page->entries.fill(MapEntry{});  // never written: birth 0
    page->entries[0] = root;
    change.pages.written_crcs().complete(page->entries[0]);
    root = make_entry(State::kMapped, block, root.birth(), change.epoch);
  }
}

}  // namespace ashlar
