// What a pool's records say; nothing here changes them.
#include <algorithm>

#include "commit/pool_state.h"

namespace ashlar {

HeadPtr PoolState::head_of(const Id& volume_id) const {
  const VolumeRow* row = volume(volume_id);
  if (!row) return nullptr;
  const auto found = heads.find(row->lineage);
  return found == heads.end() ? nullptr : found->second;
}

const VolumeRow* PoolState::volume(const Id& id) const {
  return volumes.find([&](const VolumeRow& row) { return row.id == id && !row.hidden; });
}

const CutRow* PoolState::cut(const Id& snapshot) const {
  const auto rank = [](const CutRow& row) {
    return row.flags & kCutDropping   ? 3
           : row.flags & kCutHidden   ? 2
           : row.flags & kCutKeepMark ? 1
                                      : 0;
  };
  const CutRow* best = nullptr;
  for (const CutRow& row : cuts.rows()) {
    if (is_free(row) || row.snapshot != snapshot || row.flags & kCutBookmark) continue;
    if (!best || rank(row) < rank(*best)) best = &row;
  }
  return best;
}

const CutRow* PoolState::cut_or_bookmark(const Id& snapshot) const {
  if (const CutRow* row = cut(snapshot)) return row;
  return cuts.find(
      [&](const CutRow& row) { return row.snapshot == snapshot && !(row.flags & kCutOrigin); });
}

const CutRow* PoolState::cut_at(LineageId lineage_id, Epoch epoch) const {
  return cuts.find(
      [&](const CutRow& row) { return row.lineage == lineage_id && row.epoch == epoch; });
}

bool PoolState::may_drop(const CutRow& row) const {
  return row.flags & kCutDropAsked && !(row.flags & (kCutDropping | kCutBookmark)) &&
         !drop_under_way(row.lineage) && !has_branches(row) && !has_clone(row);
}

const CutRow* PoolState::droppable_cut(const Id& snapshot) const {
  return cuts.find([&](const CutRow& row) { return row.snapshot == snapshot && may_drop(row); });
}

const CloneRow* PoolState::clone(const Id& id) const {
  return clones.find([&](const CloneRow& row) { return row.id == id; });
}

bool PoolState::has_clone(const CutRow& cut) const {
  return clones.find([&](const CloneRow& row) {
    return CloneState(row.state) == CloneState::kAvailable && row.lineage == cut.lineage &&
           row.epoch == cut.epoch;
  });
}

std::optional<Epoch> PoolState::base_epoch(const CutRow& cut, const Id& snapshot) const {
  LineageId at = cut.lineage;
  Epoch until = cut.epoch;
  for (;;) {
    std::optional<Epoch> newest;
    for (const CutRow& row : cuts.rows()) {
      if (is_free(row) || row.snapshot != snapshot || row.lineage != at) continue;
      if (row.epoch <= until && row.epoch > newest.value_or(0)) newest = row.epoch;
    }
    if (newest) return newest;
    const LineageRow* row = lineage(at);
    if (!row || row->parent == 0) return std::nullopt;
    at = row->parent;
    until = row->branch_epoch;
  }
}

const AttachmentRow* PoolState::attachment(const Id& id) const {
  return attachments.find([&](const AttachmentRow& row) { return row.id == id; });
}

const TombstoneRow* PoolState::tombstone(const Id& id) const {
  return tombstones.find([&](const TombstoneRow& row) { return row.id == id; });
}

const LineageRow* PoolState::lineage(LineageId id) const {
  return lineages.find([&](const LineageRow& row) { return row.id == id; });
}

bool PoolState::has_attachment(const Id& volume_id) const {
  return attachments.find([&](const AttachmentRow& row) { return row.volume == volume_id; });
}

const CutRow* PoolState::cut_before(const CutRow& cut) const {
  const CutRow* best = nullptr;
  for (const CutRow& row : cuts.rows()) {
    if (is_free(row) || row.lineage != cut.lineage || !has_blocks(row)) continue;
    if (row.epoch < cut.epoch && (!best || row.epoch > best->epoch)) best = &row;
  }
  return best;
}

const CutRow* PoolState::cut_after(const CutRow& cut) const {
  const CutRow* best = nullptr;
  for (const CutRow& row : cuts.rows()) {
    if (is_free(row) || row.lineage != cut.lineage || !has_blocks(row)) continue;
    if (row.epoch > cut.epoch && (!best || row.epoch < best->epoch)) best = &row;
  }
  return best;
}

const CutRow* PoolState::newest_cut(LineageId lineage_id) const {
  const CutRow* best = nullptr;
  for (const CutRow& row : cuts.rows()) {
    if (is_free(row) || row.lineage != lineage_id || !has_blocks(row)) continue;
    if (!best || row.epoch > best->epoch) best = &row;
  }
  return best;
}

const DeadTreeRow* PoolState::dead_tree(uint64_t id) const {
  const auto found = dead_index.find(id);
  return found == dead_index.end() ? nullptr : &dead_trees[found->second.slot];
}

const DeadTreeRow* PoolState::oldest_dead_tree(uint64_t durable_generation,
                                               const std::map<uint64_t, std::string>& aside) const {
  for (const auto& [id, dead] : dead_index) {
    if (dead.since > durable_generation) return nullptr;  // as are all younger ones
    if (!aside.contains(id)) return &dead_trees[dead.slot];
  }
  return nullptr;
}

bool PoolState::trees_wait_for(uint64_t durable_generation) const {
  return !dead_index.empty() && dead_index.rbegin()->second.since > durable_generation;
}

const DeadTreeRow* PoolState::drop_under_way(LineageId lineage_id) const {
  const auto found = drops.find(lineage_id);
  return found == drops.end() ? nullptr : dead_tree(found->second);
}

bool PoolState::has_branches(const CutRow& cut) const {
  return lineages.find([&](const LineageRow& row) {
    return row.parent == cut.lineage && row.branch_epoch == cut.epoch;
  });
}

bool PoolState::origin_in_use(uint32_t slot) const {
  return volumes.find([&](const VolumeRow& row) { return row.origin == slot + 1; }) ||
         cuts.find([&](const CutRow& row) { return row.origin == slot + 1; }) ||
         clones.find([&](const CloneRow& row) { return row.origin == slot + 1; });
}

Epoch PoolState::epoch_before(const CutRow& cut) const {
  if (const CutRow* before = cut_before(cut)) return before->epoch;
  const LineageRow* row = lineage(cut.lineage);
  return row ? row->branch_epoch : 0;
}

}  // namespace ashlar
