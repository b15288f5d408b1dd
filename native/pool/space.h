// Space: which blocks of a pool may be handed out. One bit a block, in groups of 128 MiB, twice:
//   taken  what may not be handed out now: in a map, handed out, or freed and waiting;
//   disk   what the checkpoint being built marks: exactly the blocks its roots reach.
// Between two marks the changes of the maps collect in a Delta: blocks that entered a map, blocks
// that left one. A block freed in a generation becomes allocatable only when that generation's
// checkpoint is durable and no reader is left (I2), so it can not enter and leave in the wrong
// order.
//
// Allocation sweeps: it takes free runs of at least 256 KiB first, so that a batch lands in one
// piece; then the caller may grow the file; then shorter runs are taken.
//
// The reserve is what data leaves to trims, deletes and checkpoints. It is made for the capacity
// that the pool began with; beyond that it grows with the blocks that exist, because those of a
// capacity that is only allowed cannot be set aside.
//
// Thread: all functions lock mutex_, a leaf lock; no I/O under it.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "format/pool_format.h"

namespace ashlar {

constexpr uint64_t reserve_for(uint64_t blocks) {
  return std::clamp<uint64_t>(blocks / 64, 128, 65'536);
}
// Of the bitmap of so many blocks.
constexpr uint64_t bitmap_pages(uint64_t blocks) {
  return (blocks + kBitmapBlocks - 1) / kBitmapBlocks;
}

struct PoolRun {
  PoolBlock first = 0;
  uint64_t count = 0;
  PoolBlock end() const { return first + count; }
};

class Space {
 public:
  // Who may go how deep: data stops at the reserve, pages of trims and deletes at half of it, a
  // checkpoint takes what there is.
  enum class Purpose : uint8_t { kData, kMetadata, kCheckpoint };

  Space(uint64_t capacity_blocks, uint64_t reserve_blocks);

  // ---- setting up (before any other thread) ----
  // Blocks [0, size) exist.
  void set_size(uint64_t size_blocks);
  // Blocks that belong to no map and never will: superblocks and ring. Taken, and on disk.
  void claim_fixed(PoolRun run);
  void load_group(uint64_t group, const std::array<uint8_t, kBlockBytes>& bitmap);
  // A block named by the live journal: taken, not on disk until its record is applied.
  void hold(PoolRun run);

  // ---- handing out ----
  // What somebody wants to have of it.
  struct Wanted {
    uint64_t blocks = 0;
    Purpose purpose = Purpose::kData;
  };
  // `count` blocks in as few runs as can be had, or nothing: then there is less than `count` above
  // the purpose's floor in the blocks that exist (see growth_wanted). Promised pages are left
  // alone.
  std::optional<std::vector<PoolRun>> allocate(uint64_t count, Purpose purpose, bool short_runs);
  // Sets `pages` aside for the changes of map pages that an admitted request will make.
  bool promise(uint64_t pages, Purpose purpose);
  void unpromise(uint64_t pages);
  // One block for a map page. Requires a promise that covers it (or a checkpoint's purpose).
  PoolBlock allocate_page();
  // Named by no record: allocatable again at once.
  void give_back(PoolRun run);

  // Requires: a durable checkpoint says so, and its bitmap is as long.
  void set_capacity(uint64_t capacity_blocks);

  // ---- what the maps did, by dirty generation ----
  void note_mapped(PoolRun run, uint64_t generation);
  void note_freed(PoolRun run, uint64_t generation);
  // Named by a record and in no map: waits like what was freed, because replay of the record needs
  // the block as it is (I2).
  void note_unused(PoolRun run, uint64_t generation);

  // ---- checkpoint of `generation` ----
  // Folds the generation's delta into the disk image. Returns the groups that changed.
  std::vector<uint64_t> fold(uint64_t generation);
  // A checkpoint's own pages: in the disk image at once; `freed` waits with the generation.
  PoolBlock allocate_for_checkpoint(uint64_t generation, std::vector<uint64_t>* groups_changed);
  void free_for_checkpoint(PoolBlock block, uint64_t generation,
                           std::vector<uint64_t>* groups_changed);
  std::array<uint8_t, kBlockBytes> disk_image(uint64_t group) const;
  uint32_t disk_free(uint64_t group) const;
  // The checkpoint is durable and its readers are gone: what waited is allocatable.
  void release(uint64_t generation);
  // How often blocks came back or were added. Read before an attempt, it says after its refusal
  // whether to look again.
  uint64_t arrivals() const;
  bool has_room(const Wanted& wanted) const;
  // Whether there would be room if nothing waited any more.
  bool waiting_would_do(const Wanted& wanted) const;

  // ---- sizes ----
  uint64_t size_blocks() const;
  uint64_t capacity_blocks() const { return capacity_blocks_; }
  uint64_t used_blocks() const;     // in maps or waiting
  uint64_t waiting_blocks() const;  // freed, not yet allocatable
  uint64_t free_blocks() const;     // allocatable in [0, size)
  // What data may have of those, and of so many more that could be added: without the reserve.
  uint64_t free_for_data(uint64_t more_blocks) const;
  uint64_t groups() const { return bitmap_pages(capacity_blocks_); }
  // The state a full walk of the live roots must equal (I5): the disk image and all open deltas.
  std::vector<uint64_t> live_image(uint64_t group) const;

 private:
  static constexpr uint64_t kWords = kBitmapBlocks / 64;
  static constexpr uint64_t kLongRunBlocks = 64;    // 256 KiB
  static constexpr uint64_t kOpenRunBlocks = 4096;  // at most this much is cut out at a time

  struct Group {
    std::array<uint64_t, kWords> taken{};
    std::array<uint64_t, kWords> disk{};
  };
  struct Delta {
    std::vector<PoolRun> mapped;
    std::vector<PoolRun> freed;
  };

  Group& group_of(PoolBlock block) { return *groups_[block / kBitmapBlocks]; }
  void set_taken(PoolRun run, bool taken);
  void set_disk(PoolRun run, bool used);
  std::optional<PoolRun> find_free(PoolBlock from, PoolBlock to, uint64_t shortest) const;
  bool refill(PoolRun& open, uint64_t shortest);
  uint64_t floor_of(Purpose purpose) const;
  bool above_floor(uint64_t count, Purpose purpose) const;
  uint64_t allocatable() const;

  void add_groups();

  std::atomic<uint64_t> capacity_blocks_;  // changed under the mutex

  mutable std::mutex mutex_;
  uint64_t reserve_blocks_;
  std::vector<std::unique_ptr<Group>> groups_;
  uint64_t size_blocks_ = 0;
  uint64_t free_blocks_ = 0;  // clear `taken` bits in [0, size)
  uint64_t waiting_blocks_ = 0;
  uint64_t promised_pages_ = 0;
  uint64_t arrivals_ = 0;
  PoolBlock sweep_ = 0;
  bool long_runs_ = true;  // false once a whole sweep found none; until blocks come back
  PoolRun open_data_;      // cut out: taken, but still allocatable
  PoolRun open_pages_;
  std::map<uint64_t, Delta> deltas_;
};

}  // namespace ashlar
