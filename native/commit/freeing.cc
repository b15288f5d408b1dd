// Freeing in the background: dead trees, one leaf a step, journaled with a cursor, so that a crash
// frees nothing twice. Two kinds of tree: what a head let go (freed by owner alone), and a cut
// being dropped (what the successor has stays). DESIGN 4, Freeing; reference/snapshots.md M12.
#include <cstring>
#include <utility>

#include "base/failpoint.h"
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

// Requires the append lock, and the map lock of the head when there is one.
Successor successor_of(const PoolState& state, const DeadTreeRow& dead, const HeadPtr& head) {
  if (dead.kind != 1) return {};
  const CutRow* dropped = state.cut_at(dead.lineage, dead.cut_epoch);
  CHECK(dropped != nullptr);
  if (const CutRow* after = state.cut_after(*dropped)) {
    return {true, after->root, height_for(after->bytes)};
  }
  if (head && !head->deleted) return {true, head->root, head->height};
  return {};
}

}  // namespace

// A cut that was asked to go and that nothing depends on any more.
std::optional<Pool::Drop> Pool::next_drop() {
  std::lock_guard append(journal_->append_lock());
  std::lock_guard pins(pins_mutex_);
  for (const CutRow& row : state_->cuts.rows()) {
    // Of several rows of one snapshot the first is found first, as by DROP itself.
    if (is_free(row) || !state_->may_drop(row)) continue;
    if (cut_pins_.contains(row.snapshot)) continue;
    const auto head = state_->heads.find(row.lineage);
    return Drop{row.snapshot, row.lineage, head == state_->heads.end() ? nullptr : head->second};
  }
  return std::nullopt;
}

// Begins the drop of one such cut.
bool Pool::start_drop() {
  const auto next = next_drop();
  if (!next) return false;
  const auto& [wanted, lineage, head] = *next;
  const auto admission = admit_maker(sizeof(IdRecord));
  if (!admission) return false;
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
  FAILPOINT(kDropBegin);
  const uint64_t generation =
      journal_->append(Bytes(reinterpret_cast<const uint8_t*>(&record), sizeof record));
  state_->apply_drop(record, generation);
  return true;
}

// Requires the append lock.
const CutRow* Pool::oldest_cache() const {
  const CutRow* oldest = nullptr;
  for (const CutRow& row : state_->cuts.rows()) {
    const uint32_t going = kCutBookmark | kCutDropping | kCutDropAsked | kCutHidden;
    if (is_free(row) || row.flags & going || !(row.flags & kCutSealed)) continue;
    // With branches it would only be hidden.
    if (state_->has_clone(row) || state_->has_branches(row)) continue;
    if (!oldest || row.captured_ns < oldest->captured_ns) oldest = &row;
  }
  return oldest;
}

bool Pool::has_cache() {
  std::lock_guard append(journal_->append_lock());
  return oldest_cache() != nullptr;
}

bool Pool::drop_cache() {
  IdRecord record;
  record.header = {RecordType::kDrop, kDropKeepBookmark, 0, sizeof record};
  const auto admission = admit_maker(sizeof record);
  if (!admission) return false;
  std::lock_guard append(journal_->append_lock());
  const CutRow* oldest = oldest_cache();
  if (!oldest) return false;
  record.id = oldest->snapshot;
  FAILPOINT(kDropCache);
  const uint64_t generation =
      journal_->append(Bytes(reinterpret_cast<const uint8_t*>(&record), sizeof record));
  state_->apply_drop(record, generation);
  return true;
}

std::vector<std::string> Pool::problems() const {
  std::lock_guard lock(aside_mutex_);
  std::vector<std::string> lines;
  for (const auto& [tree, reason] : aside_)
    lines.push_back(reason);
  return lines;
}

// It stays dead and its blocks taken until the pool is repaired; the others go on.
void Pool::put_aside(uint64_t tree, const Error& reason) {
  std::lock_guard lock(aside_mutex_);
  aside_[tree] = name_ + ": what was deleted cannot be freed: " + reason.message +
                 "; stop the daemon and run `ashlar pool-check --repair`";
}

std::optional<DeadTreeRow> Pool::next_dead_tree() {
  std::lock_guard append(journal_->append_lock());
  std::lock_guard aside(aside_mutex_);
  const DeadTreeRow* next = state_->oldest_dead_tree(durable_generation_, aside_);
  return next ? std::optional(*next) : std::nullopt;
}

bool Pool::free_step() {
  std::lock_guard stepping(free_mutex_);
  if (start_drop()) return true;
  const auto dead = next_dead_tree();
  if (!dead) return false;
  // A leaf frees at most its 256 blocks and the pages above it.
  constexpr uint64_t kRunsMax = kEntriesPerPage + 8;
  const auto admission = admit_maker(sizeof(FreeStepRecord) + kRunsMax * sizeof(FreedRun));
  if (!admission) return false;
  PoolBlock unreadable = 0;
  for (;;) {
    const std::optional<Missing> missing = free_leaf_of(dead->id, kRunsMax);
    if (!missing) return true;
    const auto loaded = load(*missing);
    if (loaded) continue;
    // A checkpoint may have moved the page since its entry was read: the step looks once more.
    if (unreadable == missing->block) {
      put_aside(dead->id, loaded.error());
      return true;
    }
    unreadable = missing->block;
  }
}

// Frees the next leaf of the tree, with its record; or says which page it needs first.
std::optional<Missing> Pool::free_leaf_of(uint64_t tree, uint64_t runs_max) {
  HeadPtr head;
  {
    std::lock_guard append(journal_->append_lock());
    const DeadTreeRow* row = state_->dead_tree(tree);
    const auto found =
        row && row->kind == 1 ? state_->heads.find(row->lineage) : state_->heads.end();
    if (found != state_->heads.end()) head = found->second;
  }
  std::unique_lock<std::mutex> map;
  if (head) map = std::unique_lock(head->map_lock);
  std::lock_guard append(journal_->append_lock());
  const DeadTreeRow* dead = state_->dead_tree(tree);
  if (!dead) return std::nullopt;
  Walk walk(*pages_, *dead);
  if (auto missing = walk.run(successor_of(*state_, *dead, head))) return missing;
  CHECK(walk.step.runs.size() <= runs_max);
  FreeStepRecord record;
  const auto runs = std::as_bytes(std::span(walk.step.runs));
  record.header = {RecordType::kFreeStep, 0, 0, uint32_t(sizeof record + runs.size())};
  record.tree = tree;
  record.cursor = walk.step.cursor;
  record.runs = uint32_t(walk.step.runs.size());
  record.finished = walk.step.cursor >= dead->first_block + entry_blocks(uint8_t(dead->level + 1));
  std::vector<uint8_t> bytes(sizeof record);
  std::memcpy(bytes.data(), &record, sizeof record);
  for (const std::byte byte : runs)
    bytes.push_back(uint8_t(byte));
  FAILPOINT(kFreeStep);
  const uint64_t generation = journal_->append(bytes);
  state_->apply_free_step(record, walk.step.runs.data(), generation);
  return std::nullopt;
}

}  // namespace ashlar
