// PoolState: the records of a pool (volumes, lineages, cuts, origins, attachments, clones,
// tombstones, dead trees) and the heads they describe. Changed only by apply_* functions, each for
// one journal record, so that replay does what was done: they depend on nothing but the state and
// the record.
//
// Thread: guarded by the journal's append lock; the parts of a Head also by its map lock. Replay is
// single-threaded.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "commit/head.h"
#include "pool/table.h"

namespace ashlar {

using HeadPtr = std::shared_ptr<Head>;

constexpr uint8_t kDropStart = 1;         // flag of DROP: the background begins to free
constexpr uint8_t kDropKeepBookmark = 2;  // flag of DROP: the cut stays known as (lineage, epoch)

struct PoolState {
  PoolState(PageCache& page_cache, Space& free_space) : pages(page_cache), space(free_space) {}

  PageCache& pages;
  Space& space;

  Table<VolumeRow> volumes;
  Table<LineageRow> lineages;
  Table<CutRow> cuts;
  Table<OriginRow> origins;
  Table<AttachmentRow> attachments;
  Table<CloneRow> clones;
  Table<TombstoneRow> tombstones;
  Table<DeadTreeRow> dead_trees;
  LineageId next_lineage = 1;
  uint64_t next_dead_tree = 1;

  std::map<LineageId, HeadPtr> heads;
  // Where the row of a dead tree is, and the generation in which it came to be: it may be walked
  // once that checkpoint is durable, because only then do its pages have blocks that replay would
  // find too. By id, which is in order of time: nobody looks for one among all rows.
  struct DeadTree {
    size_t slot = 0;
    uint64_t since = 0;
  };
  std::map<uint64_t, DeadTree> dead_index;
  std::map<LineageId, uint64_t> drops;  // under way: which dead tree, one at a time

  // ---- reading ----
  HeadPtr head_of(const Id& volume) const;
  // Not the hidden ones of clones: those are known by lineage only.
  const VolumeRow* volume(const Id& id) const;
  // The cut of a snapshot, with its blocks: the one that is not going, where there are several.
  // Bookmarks with the same id may stand beside it: its own, and those of lineages that were
  // restored from the snapshot.
  const CutRow* cut(const Id& snapshot) const;
  // As cut(); what it has left where its blocks are gone.
  const CutRow* cut_or_bookmark(const Id& snapshot) const;
  const CutRow* cut_at(LineageId lineage, Epoch epoch) const;
  // The row of that snapshot whose drop may begin: asked to go, and nothing depends on it.
  bool may_drop(const CutRow& row) const;
  const CutRow* droppable_cut(const Id& snapshot) const;
  // The epoch in which `snapshot` was the content that `cut` grew out of; everything that differs
  // is born after it. Nothing unless the snapshot is an ancestor of the cut, or the cut itself
  // (I7).
  std::optional<Epoch> base_epoch(const CutRow& cut, const Id& snapshot) const;
  const CloneRow* clone(const Id& id) const;
  bool has_clone(const CutRow& cut) const;
  const AttachmentRow* attachment(const Id& id) const;
  const TombstoneRow* tombstone(const Id& id) const;
  const LineageRow* lineage(LineageId id) const;
  bool has_attachment(const Id& volume) const;
  // Neighbours with blocks, in the lineage; null when there is none.
  const CutRow* cut_before(const CutRow& cut) const;
  const CutRow* cut_after(const CutRow& cut) const;
  const CutRow* newest_cut(LineageId lineage) const;
  const DeadTreeRow* dead_tree(uint64_t id) const;
  // The oldest that may be walked when that generation is durable, but for those put aside.
  const DeadTreeRow* oldest_dead_tree(uint64_t durable_generation,
                                      const std::map<uint64_t, std::string>& aside) const;
  bool trees_wait_for(uint64_t durable_generation) const;
  const DeadTreeRow* drop_under_way(LineageId lineage) const;
  bool has_branches(const CutRow& cut) const;
  bool origin_in_use(uint32_t slot) const;
  Epoch epoch_before(const CutRow& cut) const;

  // ---- records of the map: under the head's map lock, with its pages required ----
  MapChange change_of(Head& head, uint64_t generation);
  void apply_write(Head& head, const WriteRecord& record, const uint32_t* crcs,
                   uint64_t generation);
  void apply_fill(Head& head, const WriteRecord& record, const uint32_t* crcs, uint64_t generation);
  void apply_erase(Head& head, const EraseRecord& record, uint64_t generation);

  // ---- records of control: under the append lock and the map locks of the heads they touch ----
  void apply_volume(const VolumeRecord& record, uint64_t generation);
  void apply_resize(Head& head, const ResizeRecord& record, uint64_t generation);
  void apply_volume_delete(const IdRecord& record, uint64_t generation);
  void apply_cut(const CutRecord& record, const CutMember* members);
  void apply_cut_state(const CutStateRecord& record);
  void apply_drop(const IdRecord& record, uint64_t generation);
  void apply_free_step(const FreeStepRecord& record, const FreedRun* runs, uint64_t generation);
  void apply_origin(const OriginRecord& record);
  void apply_attachment(const AttachmentRecord& record);
  void apply_tombstone(const TombstoneRecord& record);
  // Readying one requires the hidden head's map lock; removing one that is not available, its pages
  // too.
  void apply_clone(const CloneRecord& record, uint64_t generation);

  // Requires the head's map lock when it is live.
  void refresh_floor(Head& head);
  // All dead trees stand on a durable checkpoint: as the table says.
  void index_dead_trees();
  HeadPtr make_head(const VolumeRow& row);

 private:
  void add_dead_tree(DeadTreeRow row, uint64_t generation);
  void remove_dead_tree(uint64_t id);
  void add_tombstone(const Id& id, TombstoneKind kind);
  void delete_head(HeadPtr head, uint64_t generation);
  void add_cut(Head& head, const Id& snapshot, uint64_t captured_ns, uint32_t flags);
  void begin_clone(const CloneRecord& record, uint64_t generation);
  void ready_clone(const CloneRecord& record);
  void remove_clone(const Id& id, uint64_t generation);
  void add_origin_bookmark(LineageId lineage, const OriginRow& origin);
  CutRow* editable(const CutRow* row);
  void forget_unused_lineages();
};

}  // namespace ashlar
