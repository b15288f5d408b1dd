// Freeing in the background: dead trees, one leaf a step, journaled with a cursor, so that a crash
// frees nothing twice. Two kinds of tree: what a head let go (freed by owner alone), and a cut
// being dropped (what the successor has stays). DESIGN 4, Freeing; reference/snapshots.md M12.
#include <cstring>
#include <utility>

#include "commit/pool.h"

namespace ashlar {
namespace {

// What the successor of a dropped cut has at the same place; nothing for a dead subtree.
struct Successor {
  bool any = false;
  MapEntry root;
  uint8_t height = 0;
};

struct Step {
  std::vector<FreedRun> runs;
  uint64_t cursor = 0;
  bool freed_page = false;
};

class Walk {
 public:
  Walk(PageCache& pages, const DeadTreeRow& dead) : pages_(pages), dead_(dead) {
    step.cursor = dead.cursor;
  }

  // Moves the cursor to the end of the first leaf that has something to free, or of the tree.
  std::optional<Missing> run(const Successor& successor) {
    const uint8_t level = uint8_t(dead_.level + 1);
    MapEntry other = successor.root;
    bool has_other = successor.any;
    for (uint8_t height = successor.height; has_other && height > level; height--) {
      if (!other.mapped()) {
        has_other = false;
        break;
      }
      const PagePtr page = pages_.find(other.block());
      if (!page) return Missing{other.block(), load_crc(other), uint8_t(height - 1)};
      other = page->entries[0];
    }
    if (has_other && successor.height < level) has_other = false;  // cannot be: volumes only grow
    return visit(dead_.root, has_other ? &other : nullptr, level, dead_.first_block);
  }

  Step step;

 private:
  void free(PoolBlock block) {
    if (!step.runs.empty() && step.runs.back().first + step.runs.back().count == block) {
      step.runs.back().count++;
    } else {
      step.runs.push_back({block, 1});
    }
  }

  // `entry` stands for entry_blocks(level) blocks from `begin` on.
  std::optional<Missing> visit(const MapEntry& entry, const MapEntry* other, uint8_t level,
                               uint64_t begin) {
    const uint64_t end = begin + entry_blocks(level);
    if (end <= step.cursor) return std::nullopt;
    const bool shared = other && other->mapped() && other->block() == entry.block();
    if (!entry.mapped() || entry.owner() <= dead_.owner_floor || shared) {
      step.cursor = end;
      return std::nullopt;
    }
    const PagePtr page = pages_.find(entry.block());
    if (!page) return Missing{entry.block(), load_crc(entry), uint8_t(level - 1)};
    PagePtr other_page;
    if (other && other->mapped()) {
      other_page = pages_.find(other->block());
      if (!other_page) return Missing{other->block(), load_crc(*other), uint8_t(level - 1)};
    }
    if (level == 1) {
      free_leaf(*page, other_page.get());
    } else {
      const uint64_t step_blocks = entry_blocks(uint8_t(level - 1));
      const uint64_t from = step.cursor > begin ? (step.cursor - begin) / step_blocks : 0;
      for (uint64_t i = from; i < kEntriesPerPage; i++) {
        const MapEntry* below = other_page ? &other_page->entries[i] : nullptr;
        if (auto missing =
                visit(page->entries[i], below, uint8_t(level - 1), begin + i * step_blocks)) {
          return missing;
        }
        if (step.freed_page && i + 1 < kEntriesPerPage) return std::nullopt;
        if (step.freed_page && step.cursor < end) return std::nullopt;
      }
    }
    free(entry.block());
    step.cursor = end;
    step.freed_page = true;  // a page is enough for a step: its record stays small
    return std::nullopt;
  }

  void free_leaf(const Page& page, const Page* other) {
    for (uint64_t i = 0; i < kEntriesPerPage; i++) {
      const MapEntry& entry = page.entries[i];
      if (!entry.mapped() || entry.owner() <= dead_.owner_floor) continue;
      if (other && other->entries[i].mapped() && other->entries[i].block() == entry.block())
        continue;
      free(entry.block());
    }
  }

  PageCache& pages_;
  const DeadTreeRow& dead_;
};

}  // namespace

// Begins the drop of one cut that was asked to go and that nothing depends on any more.
Result<bool> Pool::start_drop() {
  Id wanted;
  LineageId lineage = 0;
  HeadPtr head;
  {
    std::lock_guard append(journal_->append_lock());
    std::lock_guard pins(pins_mutex_);
    for (const CutRow& row : state_->cuts.rows()) {
      // Of several rows of one snapshot the first is found first, as by DROP itself.
      if (is_free(row) || !state_->may_drop(row)) continue;
      if (cut_pins_.contains(row.snapshot)) continue;
      wanted = row.snapshot;
      lineage = row.lineage;
      const auto found = state_->heads.find(row.lineage);
      if (found != state_->heads.end()) head = found->second;
      break;
    }
  }
  if (wanted.is_nil()) return false;
  auto admission = TRY(admit(sizeof(IdRecord), 0, Space::Purpose::kMetadata));
  std::unique_lock<std::mutex> map;
  if (head) map = std::unique_lock(head->map_lock);
  std::lock_guard append(journal_->append_lock());
  std::lock_guard pins(pins_mutex_);
  const CutRow* row = std::as_const(*state_).droppable_cut(wanted);
  if (!row || row->lineage != lineage || cut_pins_.contains(wanted)) {
    return true;  // changed meanwhile: look again
  }
  IdRecord record;
  record.header = {RecordType::kDrop, kDropStart, 0, sizeof record};
  record.id = wanted;
  const uint64_t generation =
      journal_->append(Bytes(reinterpret_cast<const uint8_t*>(&record), sizeof record));
  state_->apply_drop(record, generation);
  return true;
}

Result<bool> Pool::drop_cache() {
  IdRecord record;
  record.header = {RecordType::kDrop, kDropKeepBookmark, 0, sizeof record};
  auto admission = TRY(admit(sizeof record, 0, Space::Purpose::kMetadata));
  std::lock_guard append(journal_->append_lock());
  const CutRow* oldest = nullptr;
  for (const CutRow& row : state_->cuts.rows()) {
    const uint32_t going = kCutBookmark | kCutDropping | kCutDropAsked | kCutHidden;
    if (is_free(row) || row.flags & going || !(row.flags & kCutSealed)) continue;
    // With branches it would only be hidden.
    if (state_->has_clone(row) || state_->has_branches(row)) continue;
    if (!oldest || row.captured_ns < oldest->captured_ns) oldest = &row;
  }
  if (!oldest) return false;
  record.id = oldest->snapshot;
  const uint64_t generation =
      journal_->append(Bytes(reinterpret_cast<const uint8_t*>(&record), sizeof record));
  state_->apply_drop(record, generation);
  return true;
}

Result<bool> Pool::free_step() {
  std::lock_guard stepping(free_mutex_);
  if (TRY(start_drop())) return true;
  DeadTreeRow dead;
  HeadPtr head;
  {
    std::lock_guard append(journal_->append_lock());
    for (const DeadTreeRow& row : state_->dead_trees.rows()) {
      if (is_free(row) || state_->dead_since.at(row.id) > durable_generation_) continue;
      dead = row;
      break;
    }
    if (dead.id == 0) return false;
    const auto found = state_->heads.find(dead.lineage);
    if (dead.kind == 1 && found != state_->heads.end()) head = found->second;
  }
  // A leaf frees at most its 256 blocks and the pages above it.
  constexpr uint64_t kRunsMax = kEntriesPerPage + 8;
  auto admission = TRY(
      admit(sizeof(FreeStepRecord) + kRunsMax * sizeof(FreedRun), 0, Space::Purpose::kCheckpoint));
  for (;;) {
    std::optional<Missing> missing;
    {
      std::unique_lock<std::mutex> map;
      if (head) map = std::unique_lock(head->map_lock);
      std::lock_guard append(journal_->append_lock());
      const DeadTreeRow* current =
          std::as_const(state_->dead_trees).find([&](const DeadTreeRow& row) {
            return row.id == dead.id;
          });
      if (!current) return true;
      dead = *current;
      Successor successor;
      if (dead.kind == 1) {
        const CutRow* dropped = std::as_const(state_->cuts).find([&](const CutRow& row) {
          return row.lineage == dead.lineage && row.epoch == dead.cut_epoch;
        });
        CHECK(dropped != nullptr);
        if (const CutRow* after = state_->cut_after(*dropped)) {
          successor = {true, after->root, height_for(after->bytes)};
        } else if (head && !head->deleted) {
          successor = {true, head->root, head->height};
        }
      }
      Walk walk(*pages_, dead);
      missing = walk.run(successor);
      if (!missing) {
        const uint64_t end = dead.first_block + entry_blocks(uint8_t(dead.level + 1));
        CHECK(walk.step.runs.size() <= kRunsMax);
        FreeStepRecord record;
        const auto runs = std::as_bytes(std::span(walk.step.runs));
        record.header = {RecordType::kFreeStep, 0, 0, uint32_t(sizeof record + runs.size())};
        record.tree = dead.id;
        record.cursor = walk.step.cursor;
        record.runs = uint32_t(walk.step.runs.size());
        record.finished = walk.step.cursor >= end;
        std::vector<uint8_t> bytes(sizeof record);
        std::memcpy(bytes.data(), &record, sizeof record);
        for (const std::byte byte : runs)
          bytes.push_back(uint8_t(byte));
        const uint64_t generation = journal_->append(bytes);
        state_->apply_free_step(record, walk.step.runs.data(), generation);
        return true;
      }
    }
    TRY(load(*missing));
  }
}

}  // namespace ashlar
