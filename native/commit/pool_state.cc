#include "commit/pool_state.h"

#include <algorithm>
#include <cstring>

namespace ashlar {

MapChange PoolState::change_of(Head& head, uint64_t generation) {
  head.begin_change(generation);
  return MapChange{pages, space, head.lineage, generation, head.epoch, head.floor};
}

void PoolState::apply_write(Head& head, const WriteRecord& record, const uint32_t* crcs,
                            uint64_t generation) {
  MapChange change = change_of(head, generation);
  ExtentMap::assign(change, head.root, head.height, record.first, record.count, record.physical,
                    crcs, record.birth);
}

void PoolState::apply_fill(Head& head, const WriteRecord& record, const uint32_t* crcs,
                           uint64_t generation) {
  MapChange change = change_of(head, generation);
  ExtentMap::fill(change, head.root, head.height, record.first, record.count, record.physical, crcs,
                  record.birth);
}

void PoolState::apply_erase(Head& head, const EraseRecord& record, uint64_t generation) {
  MapChange change = change_of(head, generation);
  std::vector<DeadSubtree> dead;
  const uint8_t flags = record.header.flags & kEraseZeroKeep ? kFlagZeroKeep : 0;
  ExtentMap::erase(change, head.root, head.height, record.first, record.count, flags, &dead);
  for (const DeadSubtree& subtree : dead) {
    DeadTreeRow row;
    row.root = subtree.root;
    row.first_block = subtree.first_block;
    row.level = subtree.level;
    row.owner_floor = subtree.floor;
    row.cursor = subtree.first_block;
    add_dead_tree(row, generation);
  }
}

void PoolState::add_dead_tree(DeadTreeRow row, uint64_t generation) {
  row.id = next_dead_tree++;
  pages.written_crcs().complete(row.root);
  dead_index[row.id] = {dead_trees.add(row), generation};
  if (row.kind == 1) drops[row.lineage] = row.id;
}

void PoolState::remove_dead_tree(uint64_t id) {
  const auto found = dead_index.find(id);
  const DeadTreeRow& row = dead_trees[found->second.slot];
  if (row.kind == 1) drops.erase(row.lineage);
  dead_trees.remove(found->second.slot);
  dead_index.erase(found);
}

void PoolState::index_dead_trees() {
  dead_index.clear();
  drops.clear();
  for (size_t slot = 0; slot < dead_trees.rows().size(); slot++) {
    const DeadTreeRow& row = dead_trees[slot];
    if (is_free(row)) continue;
    dead_index[row.id] = {slot, 0};
    if (row.kind == 1) drops[row.lineage] = row.id;
  }
}

void PoolState::add_tombstone(const Id& id, TombstoneKind kind) {
  if (!tombstone(id)) tombstones.add(TombstoneRow{id, uint32_t(kind)});
}

HeadPtr PoolState::make_head(const VolumeRow& row) {
  auto head = std::make_shared<Head>(row.lineage, row.id);
  head->root = row.root;
  head->marked_root = row.root;
  head->bytes = row.bytes;
  head->height = height_for(row.bytes);
  head->origin = row.origin;
  head->stall_ms = row.stall_ms;
  head->epoch = lineage(row.lineage)->head_epoch;
  heads[row.lineage] = head;
  refresh_floor(*head);
  return head;
}

void PoolState::apply_volume(const VolumeRecord& record, uint64_t generation) {
  CHECK(record.lineage == next_lineage);
  next_lineage++;
  LineageRow lineage_row;
  lineage_row.id = record.lineage;
  VolumeRow row;
  row.id = record.id;
  row.used = 1;
  row.lineage = record.lineage;
  row.bytes = record.bytes;
  row.stall_ms = 20'000;
  uint64_t source_bytes = record.bytes;
  switch (VolumeSource(record.source)) {
    case VolumeSource::kNone:
      lineage_row.head_epoch = 1;
      break;
    case VolumeSource::kCut: {
      const CutRow* source = cut(record.cut);
      CHECK(source != nullptr);
      lineage_row.parent = source->lineage;
      lineage_row.branch_epoch = source->epoch;
      lineage_row.head_epoch = source->epoch + 1;
      row.root = source->root;
      pages.written_crcs().complete(row.root);
      row.origin = source->origin;
      source_bytes = source->bytes;
      break;
    }
    case VolumeSource::kOrigin:
      // The remote entry is born at 1, the head lives in 2: a first incremental knows what is new.
      lineage_row.head_epoch = 2;
      row.root = make_entry(State::kRemote, record.origin, 1, 1);
      row.origin = record.origin + 1;
      add_origin_bookmark(record.lineage, origins[record.origin]);
      break;
  }
  lineages.add(lineage_row);
  const size_t slot = volumes.add(row);
  const HeadPtr head = make_head(volumes[slot]);
  head->changed_generation = generation;
  head->height = height_for(source_bytes);
  MapChange change = change_of(*head, generation);
  ExtentMap::raise(change, head->root, head->height, height_for(record.bytes));
  head->height = height_for(record.bytes);
}

void PoolState::add_origin_bookmark(LineageId lineage_id, const OriginRow& origin) {
  CutRow row;
  row.snapshot = origin.snapshot;
  row.used = 1;
  row.lineage = lineage_id;
  row.epoch = 1;
  row.flags = kCutBookmark | kCutOrigin;
  std::memcpy(&row.bytes, origin.manifest.data() + 24, sizeof row.bytes);
  cuts.add(row);
}

void PoolState::apply_resize(Head& head, const ResizeRecord& record, uint64_t generation) {
  MapChange change = change_of(head, generation);
  const uint8_t height = height_for(record.bytes);
  ExtentMap::raise(change, head.root, head.height, height);
  head.height = height;
  head.bytes = record.bytes;
  VolumeRow* row = volumes.find([&](const VolumeRow& at) { return at.id == head.volume; });
  CHECK(row != nullptr);
  row->bytes = record.bytes;
}

// The head's own blocks become dead trees; what its cuts hold stays theirs.
// By value: the caller may have found it in `heads`, from which it goes here.
void PoolState::delete_head(HeadPtr head, uint64_t generation) {
  EraseRecord erase;
  erase.count = entry_blocks(head->height);
  apply_erase(*head, erase, generation);
  head->deleted = true;
  // What erase made on the way (only where a drop's cursor divides a subtree) dies too.
  if (head->root.mapped()) {
    DeadTreeRow row;
    row.root = head->root;
    row.level = uint32_t(head->height - 1);
    row.owner_floor = head->floor.above;
    add_dead_tree(row, generation);
  }
  heads.erase(head->lineage);
  const VolumeRow* row =
      std::as_const(volumes).find([&](const VolumeRow& at) { return at.lineage == head->lineage; });
  volumes.remove(volumes.slot_of(row));
}

void PoolState::apply_volume_delete(const IdRecord& record, uint64_t generation) {
  if (const HeadPtr head = head_of(record.id)) delete_head(head, generation);
  add_tombstone(record.id, TombstoneKind::kVolume);
  forget_unused_lineages();
}

void PoolState::apply_cut(const CutRecord& record, const CutMember* members) {
  for (uint32_t i = 0; i < record.members; i++) {
    const CutMember& member = members[i];
    const HeadPtr head = heads.at(member.lineage);
    CHECK(head->epoch == member.closed_epoch);
    add_cut(*head, member.snapshot, record.captured_ns, 0);
  }
}

void PoolState::add_cut(Head& head, const Id& snapshot, uint64_t captured_ns, uint32_t flags) {
  CutRow row;
  row.snapshot = snapshot;
  row.used = 1;
  row.lineage = head.lineage;
  row.epoch = head.epoch;
  row.flags = flags;
  row.bytes = head.bytes;
  row.root = head.root;
  pages.written_crcs().complete(row.root);
  row.captured_ns = captured_ns;
  row.origin = head.origin;
  cuts.add(row);
  head.epoch++;
  LineageRow* lineage_row =
      lineages.find([&](const LineageRow& at) { return at.id == head.lineage; });
  CHECK(lineage_row != nullptr);
  lineage_row->head_epoch = head.epoch;
  refresh_floor(head);
}

void PoolState::apply_cut_state(const CutStateRecord& record) {
  CutRow* row = editable(cut_or_bookmark(record.snapshot));
  if (!row) return;
  row->flags |= record.set;
  if (record.set & kCutSealed) row->merkle_root = record.merkle_root;
}

CutRow* PoolState::editable(const CutRow* row) {
  return row ? &cuts.edit(cuts.slot_of(row)) : nullptr;
}

void PoolState::apply_drop(const IdRecord& record, uint64_t generation) {
  const uint8_t flags = record.header.flags;
  if (flags & kDropStart) {
    CutRow* row = editable(droppable_cut(record.id));
    CHECK(row != nullptr);
    row->flags |= kCutDropping;
    DeadTreeRow dead;
    dead.root = row->root;
    dead.level = uint32_t(height_for(row->bytes) - 1);
    dead.owner_floor = epoch_before(*row);
    dead.lineage = row->lineage;
    dead.cut_epoch = row->epoch;
    dead.kind = 1;
    const LineageId lineage_id = row->lineage;
    add_dead_tree(dead, generation);
    const auto head = heads.find(lineage_id);
    if (head != heads.end()) refresh_floor(*head->second);
    return;
  }
  if (flags & kDropKeepBookmark) {
    if (CutRow* row = editable(cut(record.id))) row->flags |= kCutDropAsked | kCutKeepMark;
    return;
  }
  add_tombstone(record.id, TombstoneKind::kCut);
  // What lineages were restored from stays their base, whatever becomes of the snapshot.
  for (size_t slot = 0; slot < cuts.rows().size(); slot++) {
    const CutRow& row = cuts[slot];
    if (is_free(row) || row.snapshot != record.id || row.flags & kCutOrigin) continue;
    if (!has_blocks(row)) {
      cuts.remove(slot);
      continue;
    }
    // Volumes are still made from what a clone keeps.
    const uint32_t hidden = has_clone(row) ? 0 : kCutHidden;
    CutRow& dropped = cuts.edit(slot);
    dropped.flags = (dropped.flags & ~kCutKeepMark) | kCutDropAsked | hidden;
  }
}

void PoolState::apply_free_step(const FreeStepRecord& record, const FreedRun* runs,
                                uint64_t generation) {
  for (uint32_t i = 0; i < record.runs; i++) {
    // reversible: it waits for a checkpoint, and its record has passed kFreeStep
    space.note_freed({runs[i].first, runs[i].count}, generation);
  }
  const DeadTreeRow* dead = dead_tree(record.tree);
  CHECK(dead != nullptr);
  dead_trees.edit(dead_trees.slot_of(dead)).cursor = record.cursor;
  const DeadTreeRow was = *dead;
  if (record.finished) {
    remove_dead_tree(record.tree);
    if (was.kind == 1) {
      CutRow* row = cuts.find(
          [&](const CutRow& at) { return at.lineage == was.lineage && at.epoch == was.cut_epoch; });
      CHECK(row != nullptr);
      if (row->flags & kCutKeepMark) {
        row->flags = (row->flags & ~(kCutDropping | kCutDropAsked)) | kCutBookmark;
        row->root = MapEntry{};
        row->origin = 0;
      } else {
        cuts.remove(cuts.slot_of(row));
      }
    }
  }
  if (was.kind == 1) {
    const auto head = heads.find(was.lineage);
    if (head != heads.end()) refresh_floor(*head->second);
    if (record.finished) forget_unused_lineages();
  }
}

void PoolState::apply_origin(const OriginRecord& record) {
  if (!(record.header.flags & kRemove)) {
    origins.put(record.slot, record.row);
    return;
  }
  // Nothing remote of it is left anywhere; replay may meet heads that did not know that yet.
  for (size_t slot = 0; slot < volumes.rows().size(); slot++) {
    if (volumes[slot].used && volumes[slot].origin == record.slot + 1) {
      volumes.edit(slot).origin = 0;
      const auto head = heads.find(volumes[slot].lineage);
      if (head != heads.end()) head->second->origin = 0;
    }
  }
  for (size_t slot = 0; slot < cuts.rows().size(); slot++) {
    if (cuts[slot].used && cuts[slot].origin == record.slot + 1) cuts.edit(slot).origin = 0;
  }
  origins.remove(record.slot);
}

void PoolState::apply_clone(const CloneRecord& record, uint64_t generation) {
  if (record.header.flags & kRemove) return remove_clone(record.row.id, generation);
  if (record.header.flags & kCloneReady) return ready_clone(record);
  begin_clone(record, generation);
}

void PoolState::begin_clone(const CloneRecord& record, uint64_t generation) {
  const CloneRow& row = record.row;
  clones.add(row);
  if (CloneState(row.state) == CloneState::kAvailable) {
    // What was superseded is wanted again; what its user dropped goes with the clone.
    CutRow& held = cuts.edit(cuts.slot_of(cut_at(row.lineage, row.epoch)));
    if (held.flags & kCutKeepMark) held.flags &= ~(kCutKeepMark | kCutDropAsked);
    held.flags &= ~kCutHidden;
    return;
  }
  const CutRow* held = cut(row.snapshot);
  if (held && has_blocks(*held) && !(held->flags & (kCutDropAsked | kCutDropping))) {
    // Partly remote: the clone replaces it.
    cuts.edit(cuts.slot_of(held)).flags |= kCutDropAsked | kCutKeepMark;
  }
  if (heads.contains(row.lineage)) return;
  VolumeRecord volume_record;
  volume_record.id = row.id;
  volume_record.bytes = record.bytes;
  volume_record.lineage = row.lineage;
  const bool filling = CloneState(row.state) == CloneState::kFilling;
  volume_record.source = uint32_t(filling ? VolumeSource::kCut : VolumeSource::kOrigin);
  volume_record.cut = record.base;
  volume_record.origin = row.origin - 1;
  apply_volume(volume_record, generation);
  volumes.find([&](const VolumeRow& at) { return at.lineage == row.lineage; })->hidden = 1;
}

// The head has nothing but what the cut holds, so it can go without a trace.
void PoolState::ready_clone(const CloneRecord& record) {
  const CloneRow was = *clone(record.row.id);
  const HeadPtr head = heads.at(was.lineage);
  const Epoch epoch = head->epoch;
  head->origin = 0;  // replay may not have known
  add_cut(*head, was.snapshot, record.captured_ns, kCutForClone | kCutSealed);
  cuts.find([&](const CutRow& row) { return row.lineage == was.lineage && row.epoch == epoch; })
      ->merkle_root = record.merkle_root;
  head->deleted = true;
  heads.erase(was.lineage);
  const VolumeRow* volume_row =
      std::as_const(volumes).find([&](const VolumeRow& at) { return at.lineage == was.lineage; });
  volumes.remove(volumes.slot_of(volume_row));
  for (size_t slot = 0; slot < clones.rows().size(); slot++) {
    const CloneRow& row = clones[slot];
    if (is_free(row) || row.lineage != was.lineage) continue;
    CloneRow& ready = clones.edit(slot);
    ready.state = uint32_t(CloneState::kAvailable);
    ready.epoch = epoch;
    ready.origin = 0;
  }
}

void PoolState::remove_clone(const Id& id, uint64_t generation) {
  const CloneRow* row = clone(id);
  add_tombstone(id, TombstoneKind::kClone);
  if (!row) return;
  const CloneRow was = *row;
  clones.remove(clones.slot_of(row));
  if (CloneState(was.state) != CloneState::kAvailable) {
    const bool shared =
        std::as_const(clones).find([&](const CloneRow& at) { return at.lineage == was.lineage; });
    if (!shared) delete_head(heads.at(was.lineage), generation);
    forget_unused_lineages();
    return;
  }
  const CutRow* held = cut_at(was.lineage, was.epoch);
  CHECK(held != nullptr);
  if (has_clone(*held)) return;
  CutRow& cut_row = cuts.edit(cuts.slot_of(held));
  if (cut_row.flags & (kCutForClone | kCutDropAsked)) {
    cut_row.flags |= kCutDropAsked | kCutHidden;
    return;
  }
  // A cache as it was before: only the newest sealed cut of a volume is one.
  const bool superseded = std::as_const(cuts).find([&](const CutRow& at) {
    return at.lineage == was.lineage && at.epoch > was.epoch && at.flags & kCutSealed;
  });
  if (superseded && cut_row.flags & kCutSealed) cut_row.flags |= kCutDropAsked | kCutKeepMark;
}

void PoolState::apply_attachment(const AttachmentRecord& record) {
  const AttachmentRow* row = attachment(record.row.id);
  if (record.header.flags & kRemove) {
    if (row) attachments.remove(attachments.slot_of(row));
    add_tombstone(record.row.id, TombstoneKind::kAttachment);
    return;
  }
  if (!row) attachments.add(record.row);
}

void PoolState::apply_tombstone(const TombstoneRecord& record) {
  const TombstoneRow* row = tombstone(record.row.id);
  if (record.header.flags & kRemove) {
    if (row) tombstones.remove(tombstones.slot_of(row));
  } else {
    add_tombstone(record.row.id, TombstoneKind(record.row.kind));
  }
}

// The newest cut with blocks guards what the head must not free. While that cut is being dropped,
// left of the cursor the one before it does.
void PoolState::refresh_floor(Head& head) {
  const LineageRow* lineage_row = lineage(head.lineage);
  CHECK(lineage_row != nullptr);
  Floor floor{lineage_row->branch_epoch, lineage_row->branch_epoch, 0};
  if (const CutRow* newest = newest_cut(head.lineage)) {
    floor = {newest->epoch, newest->epoch, 0};
    if (newest->flags & kCutDropping) {
      const DeadTreeRow* dead = drop_under_way(head.lineage);
      CHECK(dead != nullptr);
      floor.left_above = epoch_before(*newest);
      floor.cursor = dead->cursor;
    }
  }
  head.floor = floor;
}

// A lineage is needed while it has a head, cuts with blocks, or branches of its own.
void PoolState::forget_unused_lineages() {
  for (bool again = true; again;) {
    again = false;
    for (size_t slot = 0; slot < lineages.rows().size(); slot++) {
      const LineageRow& row = lineages[slot];
      if (is_free(row) || heads.contains(row.id) || newest_cut(row.id)) continue;
      const bool has_child =
          lineages.find([&](const LineageRow& at) { return at.parent == row.id; });
      if (has_child) continue;
      for (size_t at = 0; at < cuts.rows().size(); at++) {
        if (!is_free(cuts[at]) && cuts[at].lineage == row.id) cuts.remove(at);  // bookmarks
      }
      lineages.remove(slot);
      again = true;
    }
  }
}

}  // namespace ashlar
