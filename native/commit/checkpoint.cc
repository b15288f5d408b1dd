// Checkpoint: exactly the state at its mark, written beside the old one, made current by the flip
// of a superblock. It never stops the world: the mark is taken under the append lock, each map lock
// is passed once, and what is dirty at the mark is frozen because later changes copy it.
#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "base/clock.h"
#include "base/failpoint.h"
#include "codec/crc32c.h"
#include "commit/pool.h"
#include "commit/superblock.h"

namespace ashlar {
namespace {

using Crcs = WrittenCrcs::Table;

void patch_page(Page& page, const Crcs& crcs) {
  if (page.level == 0) return;
  for (MapEntry& entry : page.entries)
    WrittenCrcs::patch(entry, crcs);
}

Bytes bytes_of(const Page& page) {
  return {reinterpret_cast<const uint8_t*>(page.entries.data()), kBlockBytes};
}

// Everything a checkpoint takes at its mark.
struct Marked {
  Journal::Mark mark;
  Table<VolumeRow>::Mark volumes;
  Table<LineageRow>::Mark lineages;
  Table<CutRow>::Mark cuts;
  Table<OriginRow>::Mark origins;
  Table<AttachmentRow>::Mark attachments;
  Table<CloneRow>::Mark clones;
  Table<TombstoneRow>::Mark tombstones;
  Table<DeadTreeRow>::Mark dead_trees;
  std::vector<HeadPtr> heads;
  LineageId next_lineage = 0;
  uint64_t next_dead_tree = 0;
};

Marked take_mark(Journal& journal, PoolState& state) {
  std::lock_guard append(journal.append_lock());
  Marked marked;
  marked.mark = journal.mark();
  marked.volumes = state.volumes.mark();
  marked.lineages = state.lineages.mark();
  marked.cuts = state.cuts.mark();
  marked.origins = state.origins.mark();
  marked.attachments = state.attachments.mark();
  marked.clones = state.clones.mark();
  marked.tombstones = state.tombstones.mark();
  marked.dead_trees = state.dead_trees.mark();
  for (const auto& [lineage, head] : state.heads)
    marked.heads.push_back(head);
  marked.next_lineage = state.next_lineage;
  marked.next_dead_tree = state.next_dead_tree;
  return marked;
}

// The rows of volumes whose root moved, without a record that says so.
void take_roots(Marked& marked) {
  std::unordered_map<LineageId, MapEntry> roots;
  for (const HeadPtr& head : marked.heads) {
    std::lock_guard lock(head->map_lock);
    roots[head->lineage] = head->root_at(marked.mark.generation);
  }
  for (size_t slot = 0; slot < marked.volumes.rows.size(); slot++) {
    VolumeRow& row = marked.volumes.rows[slot];
    if (is_free(row)) continue;
    const auto root = roots.find(row.lineage);
    CHECK(root != roots.end());
    if (row.root == root->second) continue;
    row.root = root->second;
    marked.volumes.changed.insert(slot / Table<VolumeRow>::kRowsPerPage);
  }
}

template <typename Row>
void patch_rows(typename Table<Row>::Mark& mark, const Crcs& crcs) {
  for (size_t slot = 0; slot < mark.rows.size(); slot++) {
    Row& row = mark.rows[slot];
    if (is_free(row)) continue;
    const uint32_t before = row.root.crc;
    WrittenCrcs::patch(row.root, crcs);
    if (row.root.crc != before) mark.changed.insert(slot / Table<Row>::kRowsPerPage);
  }
}

template <typename Row>
void patch_live_rows(Table<Row>& table, const Crcs& crcs) {
  for (size_t slot = 0; slot < table.rows().size(); slot++) {
    const Row& row = table[slot];
    if (is_free(row) || !row.root.mapped()) continue;
    const auto found = crcs.find(row.root.block());
    if (found != crcs.end() && row.root.crc != found->second)
      table.edit(slot).root.crc = found->second;
  }
}

// One block, where it lies in memory.
struct BlockPart {
  PoolBlock block;
  const void* bytes;
};

Result<void> write_blocks(Device& device, std::vector<BlockPart> blocks) {
  std::sort(blocks.begin(), blocks.end(),
            [](const BlockPart& a, const BlockPart& b) { return a.block < b.block; });
  std::vector<iovec> parts;
  for (size_t first = 0; first < blocks.size();) {
    parts.clear();
    size_t last = first;
    while (last < blocks.size() && blocks[last].block == blocks[first].block + (last - first)) {
      parts.push_back({const_cast<void*>(blocks[last].bytes), kBlockBytes});
      last++;
    }
    TRY(device.write(blocks[first].block * kBlockBytes, parts));
    first = last;
  }
  return {};
}

}  // namespace

Result<void> Pool::checkpoint() {
  std::lock_guard lock(checkpoint_mutex_);
  return timed_checkpoint();
}

// Requires checkpoint_mutex_.
Result<void> Pool::timed_checkpoint() {
  const uint64_t since_ns = monotonic_ns();
  TRY(checkpoint_locked(superblock_));
  checkpoint_times_.add(monotonic_ns() - since_ns);
  return {};
}

// Pages dirtied since the mark may be copies of frozen ones, with CRCs of children that were not
// known then. A page is changed only under the map lock of the lineage that made it. What is copied
// from here on, from places passed or not, takes its CRCs from written_crcs().
void Pool::patch_later_pages(const Crcs& crcs, uint64_t generation) {
  std::map<LineageId, HeadPtr> heads;
  {
    std::lock_guard append(journal_->append_lock());
    heads = state_->heads;
    patch_live_rows(state_->cuts, crcs);
    patch_live_rows(state_->dead_trees, crcs);
  }
  // Whoever copied a frozen page before its CRCs were filled in has entered the copy by then.
  for (const auto& [lineage, head] : heads) {
    std::lock_guard lock(head->map_lock);
    WrittenCrcs::patch(head->root, crcs);
    WrittenCrcs::patch(head->marked_root, crcs);
  }
  for (const PagePtr& page : pages_->dirty_after(generation)) {
    if (page->level == 0) continue;
    const auto head = heads.find(page->lineage);
    std::unique_lock<std::mutex> lock;
    if (head != heads.end()) lock = std::unique_lock(head->second->map_lock);
    patch_page(*page, crcs);
  }
}

Result<void> Pool::checkpoint_locked(Superblock next) {
  if (journal_->failed()) return journal_->failure();
  const auto failed = [&](Error reason) {
    journal_->fail(reason);
    return reason;
  };
  Marked marked = take_mark(*journal_, *state_);
  const uint64_t generation = marked.mark.generation;
  take_roots(marked);

  // Map pages, leaves first, so that every parent gets its children's CRCs.
  std::vector<PagePtr> frozen = pages_->dirty_until(generation);
  std::sort(frozen.begin(), frozen.end(),
            [](const PagePtr& a, const PagePtr& b) { return a->level < b->level; });
  Crcs crcs;
  for (const PagePtr& page : frozen) {
    patch_page(*page, crcs);
    crcs[page->block] = crc32c(bytes_of(*page));
  }
  patch_rows<VolumeRow>(marked.volumes, crcs);
  patch_rows<CutRow>(marked.cuts, crcs);
  patch_rows<DeadTreeRow>(marked.dead_trees, crcs);

  // Tables and bitmap: allocate until no further bitmap page changes.
  std::vector<uint64_t> groups = space_->fold(generation);
  const auto allocate = [&] { return space_->allocate_for_checkpoint(generation, &groups); };
  const auto release = [&](PoolBlock block) {
    space_->free_for_checkpoint(block, generation, &groups);
  };
  const auto relocate = [&](auto& table, auto& mark) {
    table.tree.resize(mark.rows.size() / std::decay_t<decltype(table)>::kRowsPerPage);
    for (const uint64_t page : mark.changed)
      table.tree.relocate(page, allocate, release);
  };
  relocate(state_->volumes, marked.volumes);
  relocate(state_->lineages, marked.lineages);
  relocate(state_->cuts, marked.cuts);
  relocate(state_->origins, marked.origins);
  relocate(state_->attachments, marked.attachments);
  relocate(state_->clones, marked.clones);
  relocate(state_->tombstones, marked.tombstones);
  relocate(state_->dead_trees, marked.dead_trees);
  if (bitmap_pages(next.capacity_blocks) > space_tree_.pages()) {
    space_tree_.resize(bitmap_pages(next.capacity_blocks));
    groups.push_back(0);  // a tree that became higher has a root that must lead to what there is
  }
  while (!groups.empty()) {
    std::vector<uint64_t> changed;
    changed.swap(groups);
    for (const uint64_t group : changed)
      space_tree_.relocate(group, allocate, release);
  }

  std::vector<BlockWrite> writes;
  const auto finish = [&](auto& table, const auto& mark, TreeIndex index) {
    using TableType = std::decay_t<decltype(table)>;
    auto blocks = table.tree.finish([&](uint64_t page) { return TableType::payload(mark, page); });
    writes.insert(writes.end(), std::make_move_iterator(blocks.begin()),
                  std::make_move_iterator(blocks.end()));
    next.trees[index] = table.tree.root();
  };
  finish(state_->volumes, marked.volumes, kTreeVolumes);
  finish(state_->lineages, marked.lineages, kTreeLineages);
  finish(state_->cuts, marked.cuts, kTreeCuts);
  finish(state_->origins, marked.origins, kTreeOrigins);
  finish(state_->attachments, marked.attachments, kTreeAttachments);
  finish(state_->clones, marked.clones, kTreeClones);
  finish(state_->tombstones, marked.tombstones, kTreeTombstones);
  finish(state_->dead_trees, marked.dead_trees, kTreeDeadTrees);
  auto bitmap = space_tree_.finish([&](uint64_t group) {
    return PageTree::Payload{space_->disk_image(group), space_->disk_free(group)};
  });
  writes.insert(writes.end(), std::make_move_iterator(bitmap.begin()),
                std::make_move_iterator(bitmap.end()));
  next.trees[kTreeSpace] = space_tree_.root();
  next.version = kPoolVersion;
  next.checkpoint_generation = generation;
  next.size_blocks =
      space_->size_blocks();  // this checkpoint may itself stand on what was just grown
  next.journal_position = marked.mark.replay_from.position;
  next.journal_sequence = marked.mark.replay_from.sequence;
  next.next_lineage = marked.next_lineage;
  next.next_dead_tree = marked.next_dead_tree;

  // Frozen pages are written where they lie: nobody changes them any more.
  std::vector<BlockPart> blocks;
  for (const PagePtr& page : frozen)
    blocks.push_back({page->block, page->entries.data()});
  for (const BlockWrite& write : writes)
    blocks.push_back({write.block, write.image.data()});
  if (auto written = write_blocks(*device_, std::move(blocks)); !written)
    return failed(std::move(written).error());
  if (auto synced = device_->sync(); !synced) return failed(std::move(synced).error());
  FAILPOINT(kSuperblockFlip);
  if (auto flipped = write_superblock(*device_, next); !flipped)
    return failed(std::move(flipped).error());

  superblock_ = next;
  durable_generation_ = generation;
  journal_->checkpointed(marked.mark.replay_from, generation);
  pages_->written_crcs().open(crcs);
  patch_later_pages(crcs, generation);
  pages_->written_crcs().close();
  pages_->clean(frozen);
  grace_.wait();
  FAILPOINT(kSpaceRelease);
  space_->release(generation);
  growth_failed_ = false;
  return {};
}

}  // namespace ashlar
