// Open and recover. What comes out is a prefix of the acknowledged order that contains
// everything flushed; it ends with a synced checkpoint and a new journal generation before the
// first client I/O.
#include <algorithm>
#include <cstring>

#include "codec/crc32c.h"
#include "commit/create.h"
#include "commit/superblock.h"

namespace ashlar {
namespace {

// The newest valid superblock; the older one only when no batch knows of a newer checkpoint.
Result<Superblock> choose_superblock(Device& device, const std::string& name) {
  if (device.size_bytes() < kSuperblocks * kBlockBytes) {
    return error(Code::kForeignFile, name + ": too short to be a pool (" +
                                         std::to_string(device.size_bytes()) + " bytes)");
  }
  const ReadSlot a = TRY(read_slot(device, 0));
  const ReadSlot b = TRY(read_slot(device, 1));
  if (a.state == Slot::kNewer || b.state == Slot::kNewer) {
    return error(Code::kNewerFormat,
                 name + ": written by a newer version of Ashlar (pool format " +
                     std::to_string(std::max(a.superblock.version, b.superblock.version)) +
                     ", this one reads " + std::to_string(kPoolVersion) + ")");
  }
  if (a.state == Slot::kForeign && b.state == Slot::kForeign) {
    return error(Code::kForeignFile, name +
                                         ": it holds no Ashlar pool and was left untouched; only "
                                         "`ashlar pool-create` makes a pool of what is not an "
                                         "empty file");
  }
  if (a.state != Slot::kValid && b.state != Slot::kValid) {
    return error(Code::kCorrupt, name +
                                     ": both superblocks are damaged (if `ashlar pool-create` "
                                     "was interrupted here, repeat it)");
  }
  const bool both = a.state == Slot::kValid && b.state == Slot::kValid;
  const Superblock& newest =
      both
          ? (a.superblock.checkpoint_generation > b.superblock.checkpoint_generation ? a.superblock
                                                                                     : b.superblock)
          : (a.state == Slot::kValid ? a.superblock : b.superblock);
  if (!geometry_fits(newest))
    return error(Code::kCorrupt, name + ": the superblock is not plausible");
  if (newest.size_blocks * kBlockBytes > device.size_bytes()) {
    return error(Code::kCorrupt, name + ": truncated: " + std::to_string(device.size_bytes()) +
                                     " bytes of " +
                                     std::to_string(newest.size_blocks * kBlockBytes));
  }
  if (!both) {
    const uint64_t named = TRY(newest_checkpoint_named(device, newest));
    if (named > newest.checkpoint_generation) {
      return error(Code::kCorrupt, name + ": the superblock of checkpoint " +
                                       std::to_string(named) +
                                       " is damaged and the older one is out of date; run "
                                       "`ashlar pool-check`");
    }
  }
  return newest;
}

template <typename Record>
Result<Record> parse_record(Bytes bytes) {
  Record record;
  if (bytes.size() < sizeof record) return error(Code::kCorrupt, "journal: a record is too short");
  std::memcpy(static_cast<void*>(&record), bytes.data(), sizeof record);
  return record;
}

// The CRCs behind a WRITE or FILL; aligned, because records are.
Result<std::vector<uint32_t>> parse_crcs(const WriteRecord& record, Bytes bytes) {
  const bool zeros = record.header.type == RecordType::kFill && record.header.flags & kFillZeros;
  std::vector<uint32_t> crcs;
  if (zeros) return crcs;
  if (record.count == 0 || record.count > kBatchRecordsMax / 4 ||
      bytes.size() < sizeof record + record.count * 4) {
    return error(Code::kCorrupt, "journal: a write record is malformed");
  }
  crcs.resize(record.count);
  std::memcpy(crcs.data(), bytes.data() + sizeof record, record.count * 4);
  return crcs;
}

bool names_blocks(const RecordHeader& header) {
  return header.type == RecordType::kWrite ||
         (header.type == RecordType::kFill && !(header.flags & kFillZeros));
}

}  // namespace

Result<std::unique_ptr<Pool>> Pool::open(std::unique_ptr<Device> device, bool created,
                                         const std::string& name, const PoolOptions& options) {
  std::unique_ptr<Pool> pool(new Pool(std::move(device), name));
  if (created) TRY(create_pool(*pool->device_, name, options));
  TRY(pool->recover(options));
  if (options.background) TRY(pool->start_threads());
  return pool;
}

Result<void> Pool::recover(const PoolOptions& options) {
  superblock_ = TRY(choose_superblock(*device_, name_));
  pool_id_ = superblock_.pool_id;
  opened_generation_ = superblock_.checkpoint_generation;
  growth_blocks_ = superblock_.growth_blocks;
  durable_generation_ = superblock_.checkpoint_generation;
  space_ = std::make_unique<Space>(superblock_.capacity_blocks, superblock_.reserve_blocks);
  pages_ = std::make_unique<PageCache>(*device_, options.page_cache_bytes);
  dirty_page_bytes_max_ = options.dirty_page_bytes_max;
  state_ = std::make_unique<PoolState>(*pages_, *space_);
  TRY(load_tables());
  const RingGeometry ring{superblock_.ring_first, superblock_.ring_blocks};
  RingScan scan;
  if (!superblock_.clean) {
    scan = TRY(scan_ring(*device_, superblock_));
    if (scan.checkpoint_generation_max > superblock_.checkpoint_generation) {
      return error(Code::kCorrupt, name_ + ": the journal knows checkpoint " +
                                       std::to_string(scan.checkpoint_generation_max) +
                                       " but its superblock is gone; run `ashlar pool-check`");
    }
  }
  const uint64_t next_generation = superblock_.journal_generation + 1;
  journal_ = std::make_unique<Journal>(*device_, ring, superblock_.pool_id, next_generation,
                                       superblock_.checkpoint_generation + 1,
                                       superblock_.checkpoint_generation);
  TRY(replay(scan));
  {
    std::lock_guard lock(checkpoint_mutex_);
    Superblock next = superblock_;
    next.clean = 0;
    next.journal_generation = next_generation;
    TRY(checkpoint_locked(next));
  }
  state_->index_dead_trees();
  return {};
}

Result<void> Pool::load_tables() {
  const auto& trees = superblock_.trees;
  space_->set_size(superblock_.size_blocks);
  space_tree_ = TRY(PageTree::open(*device_, trees[kTreeSpace], "free space"));
  if (space_tree_.pages() != space_->groups()) {
    return error(Code::kCorrupt, name_ + ": the bitmap does not fit the pool's capacity");
  }
  space_->claim_fixed({0, superblock_.ring_first + superblock_.ring_blocks});
  for (uint64_t group = 0; group < space_tree_.pages(); group++) {
    if (!space_tree_.present(group)) continue;
    const BlockImage image = TRY(space_tree_.read(*device_, group));
    space_->load_group(group, image);
  }
  TRY(state_->volumes.open(*device_, trees[kTreeVolumes], "volume"));
  TRY(state_->lineages.open(*device_, trees[kTreeLineages], "lineage"));
  TRY(state_->cuts.open(*device_, trees[kTreeCuts], "cut"));
  TRY(state_->origins.open(*device_, trees[kTreeOrigins], "origin"));
  TRY(state_->attachments.open(*device_, trees[kTreeAttachments], "attachment"));
  TRY(state_->clones.open(*device_, trees[kTreeClones], "clone"));
  TRY(state_->tombstones.open(*device_, trees[kTreeTombstones], "tombstone"));
  TRY(state_->dead_trees.open(*device_, trees[kTreeDeadTrees], "dead"));
  state_->index_dead_trees();  // the heads' floors stand on it
  state_->next_lineage = superblock_.next_lineage;
  state_->next_dead_tree = superblock_.next_dead_tree;
  for (const VolumeRow& row : state_->volumes.rows()) {
    if (is_free(row)) continue;
    if (!state_->lineage(row.lineage)) {
      return error(Code::kCorrupt, name_ + ": volume " + to_string(row.id) + " has no lineage");
    }
    state_->make_head(row);
  }
  return {};
}

// Blocks the live journal names were handed out: nothing else may be put there while it is
// replayed.
void Pool::hold_named_blocks(const std::vector<ReplayBatch>& batches) {
  for (const ReplayBatch& batch : batches) {
    (void)for_each_record(batch.records,
                          [&](const RecordHeader& header, Bytes bytes) -> Result<void> {
                            if (header.type == RecordType::kGrow) {
                              const GrowRecord grow = TRY(parse_record<GrowRecord>(bytes));
                              if (grow.size_blocks > space_->size_blocks() &&
                                  grow.size_blocks * kBlockBytes <= device_->size_bytes()) {
                                space_->set_size(grow.size_blocks);
                              }
                            }
                            if (!names_blocks(header)) return {};
                            const WriteRecord record = TRY(parse_record<WriteRecord>(bytes));
                            if (record.physical + record.count <= space_->size_blocks()) {
                              space_->hold({record.physical, record.count});
                            }
                            return {};
                          });
  }
}

// Every block that the batch's records name carries the bytes it should.
Result<bool> Pool::blocks_hold(const ReplayBatch& batch) {
  bool hold = true;
  std::vector<uint8_t> data;
  TRY(for_each_record(batch.records, [&](const RecordHeader& header, Bytes bytes) -> Result<void> {
    if (!hold || !names_blocks(header)) return {};
    const WriteRecord record = TRY(parse_record<WriteRecord>(bytes));
    const std::vector<uint32_t> crcs = TRY(parse_crcs(record, bytes));
    if ((record.physical + record.count) * kBlockBytes > device_->size_bytes()) {
      hold = false;
      return {};
    }
    data.resize(record.count * kBlockBytes);
    TRY(device_->read_uncached(record.physical * kBlockBytes, data));
    for (uint64_t i = 0; i < record.count; i++) {
      hold = hold && crc32c(Bytes(data).subspan(i * kBlockBytes, kBlockBytes)) == crcs[i];
    }
    return {};
  }));
  return hold;
}

Result<void> Pool::replay(const RingScan& scan) {
  std::vector<ReplayBatch> batches = scan.batches;
  size_t kept = 0;
  while (kept < batches.size() && (batches[kept].durable || TRY(blocks_hold(batches[kept]))))
    kept++;
  batches.resize(kept);
  hold_named_blocks(batches);
  const uint64_t generation = superblock_.checkpoint_generation + 1;
  for (const ReplayBatch& batch : batches) {
    TRY(for_each_record(batch.records, [&](const RecordHeader& header, Bytes bytes) {
      return replay_record(header, bytes, generation);
    }));
  }
  return {};
}

Result<void> Pool::replay_clone(const CloneRecord& record, uint64_t generation) {
  const PoolState& seen = *state_;
  const CloneRow* row = seen.clone(record.row.id);
  const bool removed = record.header.flags & kRemove;
  const bool ready = record.header.flags & kCloneReady;
  const bool building = row && CloneState(row->state) != CloneState::kAvailable;
  const auto head = state_->heads.find(row ? row->lineage : record.row.lineage);
  const bool has_head = head != state_->heads.end();
  if ((ready && !building) || ((ready || removed) && building && !has_head)) {
    return error(Code::kCorrupt, "journal: a clone has no volume");
  }
  if (removed && building) {
    std::vector<PagePtr> held;
    TRY(require(*head->second, 0, entry_blocks(head->second->height), &head->second->floor, &held));
    state_->apply_clone(record, generation);
    return {};
  }
  if (!removed && !ready) {
    const bool available = CloneState(record.row.state) == CloneState::kAvailable;
    const bool in_turn = has_head || record.row.lineage == seen.next_lineage;
    const CutRow* held = seen.cut_at(record.row.lineage, record.row.epoch);
    const bool filling = CloneState(record.row.state) == CloneState::kFilling;
    if (row || (available ? !held : !in_turn) || (filling && !has_head && !seen.cut(record.base)) ||
        (!available && record.row.origin == 0)) {
      return error(Code::kCorrupt, "journal: a clone begins out of turn");
    }
  }
  state_->apply_clone(record, generation);
  return {};
}

// Every page of the range in memory; they are kept so while `held` lives.
Result<void> Pool::require(Head& head, uint64_t first, uint64_t count, const Floor* erase_floor,
                           std::vector<PagePtr>* held) {
  if (first + count > entry_blocks(head.height) || count == 0) {
    return error(Code::kCorrupt, "journal: a record passes the end of its volume");
  }
  for (;;) {
    held->clear();
    const auto missing =
        ExtentMap::require(*pages_, head.root, head.height, first, count, erase_floor, held);
    if (!missing) return {};
    TRY(load(*missing));
  }
}

Result<void> Pool::replay_record(const RecordHeader& header, Bytes bytes, uint64_t generation) {
  const auto head_at = [&](LineageId lineage) -> Result<HeadPtr> {
    const auto found = state_->heads.find(lineage);
    if (found != state_->heads.end()) return found->second;
    return error(Code::kCorrupt, "journal: a record names lineage " + std::to_string(lineage) +
                                     ", which has no volume");
  };
  std::vector<PagePtr> held;
  switch (header.type) {
    case RecordType::kWrite:
    case RecordType::kFill: {
      const WriteRecord record = TRY(parse_record<WriteRecord>(bytes));
      const std::vector<uint32_t> crcs = TRY(parse_crcs(record, bytes));
      if (!crcs.empty() && record.physical + record.count > space_->size_blocks()) {
        return error(Code::kCorrupt, "journal: a record passes the end of the pool: " +
                                         std::to_string(record.count) + " blocks at " +
                                         std::to_string(record.physical) + " of " +
                                         std::to_string(space_->size_blocks()));
      }
      // A volume deleted while the write was under way: nobody was promised anything.
      if (!state_->heads.contains(record.lineage)) {
        if (!crcs.empty()) space_->note_unused({record.physical, record.count}, generation);
        return {};
      }
      const HeadPtr head = TRY(head_at(record.lineage));
      TRY(require(*head, record.first, record.count, nullptr, &held));
      if (header.type == RecordType::kWrite) {
        state_->apply_write(*head, record, crcs.data(), generation);
      } else {
        state_->apply_fill(*head, record, crcs.data(), generation);
      }
      return {};
    }
    case RecordType::kErase: {
      const EraseRecord record = TRY(parse_record<EraseRecord>(bytes));
      const HeadPtr head = TRY(head_at(record.lineage));
      TRY(require(*head, record.first, record.count, &head->floor, &held));
      state_->apply_erase(*head, record, generation);
      return {};
    }
    case RecordType::kVolume: {
      const VolumeRecord record = TRY(parse_record<VolumeRecord>(bytes));
      if (record.lineage != state_->next_lineage) {
        return error(Code::kCorrupt, "journal: a volume's lineage is out of turn");
      }
      if (VolumeSource(record.source) == VolumeSource::kCut && !state_->cut(record.cut)) {
        return error(Code::kCorrupt, "journal: a volume's cut is unknown");
      }
      state_->apply_volume(record, generation);
      return {};
    }
    case RecordType::kResize: {
      const ResizeRecord record = TRY(parse_record<ResizeRecord>(bytes));
      state_->apply_resize(*TRY(head_at(record.lineage)), record, generation);
      return {};
    }
    case RecordType::kVolumeDelete: {
      const IdRecord record = TRY(parse_record<IdRecord>(bytes));
      if (const HeadPtr head = state_->head_of(record.id)) {
        TRY(require(*head, 0, entry_blocks(head->height), &head->floor, &held));
      }
      state_->apply_volume_delete(record, generation);
      return {};
    }
    case RecordType::kCut: {
      const CutRecord record = TRY(parse_record<CutRecord>(bytes));
      if (bytes.size() < sizeof record + record.members * sizeof(CutMember)) {
        return error(Code::kCorrupt, "journal: a cut record is too short");
      }
      std::vector<CutMember> members(record.members);
      if (record.members > 0) {
        std::memcpy(members.data(), bytes.data() + sizeof record,
                    record.members * sizeof(CutMember));
      }
      for (const CutMember& member : members) {
        if (TRY(head_at(member.lineage))->epoch != member.closed_epoch) {
          return error(Code::kCorrupt, "journal: a cut closes the wrong epoch");
        }
      }
      state_->apply_cut(record, members.data());
      return {};
    }
    case RecordType::kCutState:
      state_->apply_cut_state(TRY(parse_record<CutStateRecord>(bytes)));
      return {};
    case RecordType::kDrop: {
      const IdRecord record = TRY(parse_record<IdRecord>(bytes));
      if (header.flags & kDropStart && !state_->droppable_cut(record.id)) {
        return error(Code::kCorrupt, "journal: a drop starts out of turn");
      }
      state_->apply_drop(record, generation);
      return {};
    }
    case RecordType::kFreeStep: {
      const FreeStepRecord record = TRY(parse_record<FreeStepRecord>(bytes));
      if (bytes.size() < sizeof record + record.runs * sizeof(FreedRun) ||
          !state_->dead_tree(record.tree)) {
        return error(Code::kCorrupt, "journal: a freeing step is malformed");
      }
      std::vector<FreedRun> runs(record.runs);
      if (record.runs > 0) {
        std::memcpy(runs.data(), bytes.data() + sizeof record, record.runs * sizeof(FreedRun));
      }
      state_->apply_free_step(record, runs.data(), generation);
      return {};
    }
    case RecordType::kOrigin:
      state_->apply_origin(TRY(parse_record<OriginRecord>(bytes)));
      return {};
    case RecordType::kAttachment:
      state_->apply_attachment(TRY(parse_record<AttachmentRecord>(bytes)));
      return {};
    case RecordType::kTombstone:
      state_->apply_tombstone(TRY(parse_record<TombstoneRecord>(bytes)));
      return {};
    case RecordType::kClone: {
      const CloneRecord record = TRY(parse_record<CloneRecord>(bytes));
      TRY(replay_clone(record, generation));
      return {};
    }
    case RecordType::kGrow:
      return {};  // taken into account before
    case RecordType::kMove:
      break;
  }
  return error(Code::kCorrupt,
               "journal: unknown record type " + std::to_string(unsigned(header.type)));
}

}  // namespace ashlar
