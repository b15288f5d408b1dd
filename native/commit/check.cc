// Check: a full walk of all roots against the allocator (I5). Every block that a root reaches must
// be marked used, nothing else may be; a block that two places own is fatal. Pages and blocks that
// cuts, heads and branches share are reached once, and so is their data.
#include <bit>

#include "base/failpoint.h"
#include "commit/data_check.h"
#include "commit/pool.h"

namespace ashlar {
namespace {

class Reach {
 public:
  // `data`: absent when only the maps are looked at.
  Reach(Pool& pool, DataCheck* data)
      : pool_(pool), data_(data), reached_((pool.space().size_blocks() + 63) / 64) {}

  // True when it was not reached before. Out of range is a problem, reported once.
  bool mark(PoolBlock block, std::vector<std::string>* problems) {
    if (block / 64 >= reached_.size()) {
      problems->push_back("a map names block " + std::to_string(block) + " past the pool's end");
      return false;
    }
    uint64_t& word = reached_[block / 64];
    const uint64_t bit = 1ull << (block % 64);
    const bool fresh = !(word & bit);
    word |= bit;
    return fresh;
  }
  const std::vector<uint64_t>& words() const { return reached_; }

  struct Scope {
    std::string whose;      // empty: what is on its way to be freed, whose data nobody reads
    Epoch owner_floor = 0;  // blocks with owners up to here belong to somebody else
    bool only_own = false;
    uint64_t cursor = 0;  // what ends left of it is gone
  };

  Result<void> tree(const MapEntry& entry, uint8_t level, uint64_t begin, const Scope& scope,
                    std::vector<std::string>* problems) {
    const uint64_t end = begin + entry_blocks(level);
    if (!entry.mapped() || end <= scope.cursor) return {};
    if (scope.only_own && entry.owner() <= scope.owner_floor) return {};
    // A page reached before was walked before, unless a dead tree's cursor hid parts of it: those
    // are walked last, so that a page first met there is its own.
    if (!mark(entry.block(), problems)) return {};
    if (level == 0) {
      if (data_ && !scope.whose.empty()) data_->add(entry, scope.whose, begin, problems);
      return {};
    }
    PagePtr page = pool_.pages().find(entry.block());
    if (!page) {
      auto loaded = pool_.pages().load(entry.block(), load_crc(entry), uint8_t(level - 1));
      if (!loaded) {
        problems->push_back(loaded.error().message);
        return {};
      }
      page = *loaded;
    }
    const uint64_t step = entry_blocks(uint8_t(level - 1));
    for (uint64_t i = 0; i < kEntriesPerPage; i++) {
      const MapEntry& below = page->entries[i];
      if (below.birth() > entry.birth()) {
        problems->push_back("page " + std::to_string(entry.block()) +
                            " holds a birth above its parent's");
      }
      TRY(tree(below, uint8_t(level - 1), begin + i * step, scope, problems));
    }
    return {};
  }

 private:
  Pool& pool_;
  DataCheck* const data_;
  std::vector<uint64_t> reached_;
};

}  // namespace

Result<PoolReport> Pool::check(bool repair, CheckDepth depth) {
  PoolReport report;
  auto* problems = &report.problems;
  DataCheck data(*device_);
  Reach reach(*this, depth == CheckDepth::kData ? &data : nullptr);
  for (PoolBlock block = 0; block < superblock_.ring_first + superblock_.ring_blocks; block++) {
    reach.mark(block, problems);
  }
  const auto once = [&](const PageTree& tree, const char* name) {
    for (const PoolBlock block : tree.blocks()) {
      if (!reach.mark(block, problems)) {
        problems->push_back(std::string("block ") + std::to_string(block) + " of the " + name +
                            " tree is used twice");
      }
    }
  };
  once(space_tree_, "free space");
  once(state_->volumes.tree, "volume");
  once(state_->lineages.tree, "lineage");
  once(state_->cuts.tree, "cut");
  once(state_->origins.tree, "origin");
  once(state_->attachments.tree, "attachment");
  once(state_->clones.tree, "clone");
  once(state_->tombstones.tree, "tombstone");
  once(state_->dead_trees.tree, "dead");

  for (const auto& [lineage, head] : state_->heads) {
    const std::string whose = "volume " + to_string(head->volume);
    TRY(reach.tree(head->root, head->height, 0, {.whose = whose}, problems));
  }
  for (const CutRow& row : state_->cuts.rows()) {
    if (is_free(row) || row.flags & (kCutBookmark | kCutDropping)) continue;
    const std::string whose = "snapshot " + to_string(row.snapshot);
    TRY(reach.tree(row.root, height_for(row.bytes), 0, {.whose = whose}, problems));
  }
  for (const DeadTreeRow& row : state_->dead_trees.rows()) {
    if (is_free(row)) continue;
    TRY(reach.tree(row.root, uint8_t(row.level + 1), row.first_block,
                   {{}, row.owner_floor, true, row.cursor}, problems));
  }
  data.finish(problems);
  report.data_blocks = data.checked_blocks();

  for (uint64_t group = 0; group < space_->groups(); group++) {
    const std::vector<uint64_t> used = space_->live_image(group);
    for (uint64_t i = 0; i < used.size(); i++) {
      const uint64_t index = group * used.size() + i;
      const uint64_t reached = index < reach.words().size() ? reach.words()[index] : 0;
      report.used_blocks += uint64_t(std::popcount(reached));
      const uint64_t leaked = used[i] & ~reached;
      report.leaked_blocks += uint64_t(std::popcount(leaked));
      for (uint64_t bits = reached & ~used[i]; bits != 0; bits &= bits - 1) {
        problems->push_back("block " +
                            std::to_string(index * 64 + uint64_t(std::countr_zero(bits))) +
                            " is in use but marked free");
      }
      if (!repair) continue;
      for (uint64_t bits = leaked; bits != 0; bits &= bits - 1) {
        const PoolBlock block = index * 64 + uint64_t(std::countr_zero(bits));
        std::lock_guard append(journal_->append_lock());
        FAILPOINT(kRepairFree);
        space_->note_freed({block, 1}, journal_->generation());
      }
    }
  }
  if (report.leaked_blocks > 0 && !repair) {
    problems->push_back(std::to_string(report.leaked_blocks) +
                        " blocks are marked used but nothing reaches them; --repair frees them");
  }
  if (repair && report.leaked_blocks > 0) TRY(checkpoint());
  return report;
}

}  // namespace ashlar
