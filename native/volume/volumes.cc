#include "volume/volumes.h"

#include <algorithm>
#include <cstring>

#include "base/clock.h"
#include "base/failpoint.h"
#include "volume/order_parts.h"

namespace ashlar {

Volumes::Volumes(Pool& pool) : pool_(pool), hydrators_(pool) {}

// A record that touches no live map: appended and applied under one hold of the append lock,
// synced.
Result<void> Volumes::append_control(Bytes record, const std::function<void(uint64_t)>& apply) {
  {
    auto admission = TRY(pool_.admit(record.size(), 0, Space::Purpose::kMetadata));
    std::lock_guard append(pool_.journal().append_lock());
    apply(pool_.journal().append(record));
  }
  return pool_.sync();
}

// Orders run one at a time, each until it is durable or the journal has failed; so what stands in
// the tables is durable unless it has.
Result<void> Volumes::answer_again() const {
  const Journal& journal = pool_.journal();
  return journal.failed() ? Result<void>(pool_.read_only()) : Result<void>();
}

Result<void> Volumes::refuse_tombstone(const Id& id) {
  std::lock_guard append(pool_.journal().append_lock());
  if (!std::as_const(pool_.state()).tombstone(id)) return {};
  return error(Code::kTombstone, to_string(id) + " was deleted before; use a new id");
}

Result<void> Volumes::create(const CreateVolume& order) {
  std::lock_guard ordering(orders_mutex_);
  if (order.bytes == 0 || order.bytes % kBlockBytes != 0 || order.bytes > (64ull << 40)) {
    return error(Code::kInvalidArgument, "a volume has 4 KiB to 64 TiB in blocks of 4 KiB, not " +
                                             std::to_string(order.bytes) + " bytes");
  }
  TRY(refuse_tombstone(order.id));
  PoolState& state = pool_.state();
  VolumeRecord record;
  OriginRecord origin;
  {
    std::lock_guard append(pool_.journal().append_lock());
    const PoolState& seen = state;
    if (const VolumeRow* row = seen.volume(order.id)) {
      const LineageRow* lineage = seen.lineage(row->lineage);
      const CutRow* cut = seen.cut_at(lineage->parent, lineage->branch_epoch);
      const bool same_cut = order.cut ? cut && cut->snapshot == *order.cut : lineage->parent == 0;
      if (row->bytes < order.bytes || !same_cut) return id_reused("volume", order.id);
      return answer_again();
    }
    record.header = {RecordType::kVolume, 0, 0, sizeof record};
    record.id = order.id;
    record.bytes = order.bytes;
    if (order.cut) {
      const CutRow* cut = seen.cut(*order.cut);
      if (!cut || cut->flags & (kCutHidden | kCutBookmark | kCutDropping)) {
        return error(Code::kSnapshotNotFound,
                     "no cut of snapshot " + to_string(*order.cut) + " is held here");
      }
      if (cut->bytes > order.bytes) {
        return error(Code::kCapacityBelowMinimum, "the snapshot has " + std::to_string(cut->bytes) +
                                                      " bytes, the volume only " +
                                                      std::to_string(order.bytes));
      }
      record.source = uint32_t(VolumeSource::kCut);
      record.cut = *order.cut;
    } else if (order.origin) {
      const uint64_t origin_bytes = TRY(bytes_of_origin(*order.origin));
      if (origin_bytes > order.bytes) {
        return error(Code::kCapacityBelowMinimum,
                     "the snapshot has " + std::to_string(origin_bytes) +
                         " bytes, the volume only " + std::to_string(order.bytes));
      }
      record.source = uint32_t(VolumeSource::kOrigin);
      origin = origin_record(*order.origin);
      record.origin = uint32_t(origin.slot);
    }
  }
  {
    auto admission = TRY(pool_.admit(sizeof record + sizeof origin, 8, Space::Purpose::kMetadata));
    std::lock_guard append(pool_.journal().append_lock());
    if (order.cut) {  // the background may have begun to drop it
      const CutRow* cut = std::as_const(state).cut(*order.cut);
      if (!cut || cut->flags & (kCutDropping | kCutBookmark)) {
        return error(Code::kSnapshotNotFound,
                     "the cut of " + to_string(*order.cut) + " is being dropped");
      }
    }
    record.lineage = state.next_lineage;
    if (order.origin) append_origin(origin);
    const uint64_t generation = pool_.journal().append(bytes_of(record));
    state.apply_volume(record, generation);
  }
  return pool_.sync();
}

OriginRecord Volumes::origin_record(const CreateVolume::Origin& origin) const {
  const auto& rows = pool_.state().origins.rows();
  const auto slot_where = [&](auto wanted) {
    return size_t(std::find_if(rows.begin(), rows.end(), wanted) - rows.begin());
  };
  size_t slot =
      slot_where([&](const OriginRow& row) { return row.used && row.snapshot == origin.snapshot; });
  if (slot == rows.size()) slot = slot_where([](const OriginRow& row) { return !row.used; });
  OriginRecord record;
  record.header = {RecordType::kOrigin, 0, 0, sizeof record};
  record.slot = slot;
  record.row.snapshot = origin.snapshot;
  record.row.used = 1;
  record.row.pin = origin.pin;
  record.row.manifest = origin.manifest;
  return record;
}

// Unless it is there; nobody else takes slots or frees them while an order runs.
void Volumes::append_origin(const OriginRecord& record) {
  const auto& rows = pool_.state().origins.rows();
  if (record.slot < rows.size() && rows[record.slot].used) return;
  pool_.journal().append(bytes_of(record));
  pool_.state().apply_origin(record);
}

Result<uint64_t> bytes_of_origin(const CreateVolume::Origin& origin) {
  uint64_t bytes = 0;  // at offset 24 of the manifest (DESIGN 6)
  std::memcpy(&bytes, origin.manifest.data() + 24, sizeof bytes);
  if (std::memcmp(origin.manifest.data(), "ASHLMAN1", 8) != 0 || bytes == 0) {
    return error(Code::kInvalidArgument, "the origin's manifest is not one");
  }
  return bytes;
}

Result<void> Volumes::grow(const Id& volume, uint64_t bytes) {
  std::lock_guard ordering(orders_mutex_);
  const auto open = TRY(open_volume(volume));
  if (bytes % kBlockBytes != 0 || bytes > (64ull << 40)) {
    return error(Code::kInvalidArgument, "a volume's size is a multiple of 4 KiB up to 64 TiB");
  }
  if (bytes < open->size_bytes()) {
    return error(Code::kCapacityShrink, "volume " + to_string(volume) + " has " +
                                            std::to_string(open->size_bytes()) +
                                            " bytes and cannot shrink to " + std::to_string(bytes));
  }
  if (bytes == open->size_bytes()) return answer_again();
  ResizeRecord record;
  record.header = {RecordType::kResize, 0, 0, sizeof record};
  record.lineage = open->head()->lineage;
  record.bytes = bytes;
  {
    auto admission = TRY(pool_.admit(sizeof record, 8, Space::Purpose::kMetadata));
    std::lock_guard map(open->head()->map_lock);
    std::lock_guard append(pool_.journal().append_lock());
    const uint64_t generation = pool_.journal().append(bytes_of(record));
    pool_.state().apply_resize(*open->head(), record, generation);
  }
  return pool_.sync();
}

Result<void> Volumes::remove(const Id& volume) {
  std::lock_guard ordering(orders_mutex_);
  HeadPtr head;
  {
    std::lock_guard append(pool_.journal().append_lock());
    const PoolState& seen = pool_.state();
    if (seen.tombstone(volume)) return answer_again();
    if (seen.has_attachment(volume)) {
      return error(Code::kVolumeInUse,
                   "volume " + to_string(volume) + " has an attachment; detach it");
    }
    head = seen.head_of(volume);
  }
  IdRecord record;
  record.header = {RecordType::kVolumeDelete, 0, 0, sizeof record};
  record.id = volume;
  FAILPOINT(kVolumeDelete);
  if (!head) {
    return append_control(bytes_of(record), [&](uint64_t generation) {
      pool_.state().apply_volume_delete(record, generation);
    });
  }
  TRY(append_delete(head, bytes_of(record), [&](uint64_t generation) {
    pool_.state().apply_volume_delete(record, generation);
  }));
  std::lock_guard lock(mutex_);
  open_.erase(volume);
  return {};
}

Result<void> Volumes::append_delete(const HeadPtr& head, Bytes record,
                                    const std::function<void(uint64_t)>& apply) {
  const auto hydrator = hydrators_.of(*head);
  for (;;) {
    auto admission = TRY(pool_.admit(record.size(), 4u * head->height, Space::Purpose::kMetadata));
    std::optional<Missing> missing;
    {
      std::lock_guard map(head->map_lock);
      std::vector<PagePtr> held;
      missing = ExtentMap::require(pool_.pages(), head->root, head->height, 0,
                                   entry_blocks(head->height), &head->floor, &held);
      if (!missing) {
        std::lock_guard append(pool_.journal().append_lock());
        apply(pool_.journal().append(record));
      }
    }
    if (!missing) break;
    TRY(pool_.load(*missing));
  }
  if (hydrator) hydrator->wake_readers();  // those of this head have nothing to wait for
  TRY(pool_.sync());
  pool_.wake_keeper();
  return {};
}

Result<void> Volumes::attach(const Id& attachment, const Id& volume, const std::string& host,
                             bool read_only) {
  std::lock_guard ordering(orders_mutex_);
  TRY(refuse_tombstone(attachment));
  AttachmentRecord record;
  record.header = {RecordType::kAttachment, 0, 0, sizeof record};
  record.row.id = attachment;
  record.row.volume = volume;
  record.row.used = 1;
  record.row.read_only = read_only;
  if (host.size() > record.row.host.size()) {
    return error(Code::kInvalidArgument, "a host's name has at most 64 bytes");
  }
  std::copy(host.begin(), host.end(), record.row.host.begin());
  {
    std::lock_guard append(pool_.journal().append_lock());
    const PoolState& seen = pool_.state();
    if (const AttachmentRow* row = seen.attachment(attachment)) {
      const bool same = row->volume == volume && row->host == record.row.host &&
                        row->read_only == record.row.read_only;
      if (!same) return id_reused("attachment", attachment);
      return answer_again();
    }
    if (!seen.volume(volume)) {
      return error(Code::kVolumeNotFound, "no volume " + to_string(volume) + " in this pool");
    }
    const bool taken = seen.attachments.find([&](const AttachmentRow& row) {
      return row.volume == volume && row.host != record.row.host;
    });
    if (taken) {
      return error(Code::kVolumeAttached,
                   "volume " + to_string(volume) + " is attached to another host; detach it first");
    }
  }
  return append_control(bytes_of(record),
                        [&](uint64_t) { pool_.state().apply_attachment(record); });
}

Result<void> Volumes::begin_detach(const Id& attachment) {
  std::lock_guard lock(mutex_);
  detaching_.insert(attachment);
  return {};
}

Result<void> Volumes::finish_detach(const Id& attachment) {
  std::lock_guard ordering(orders_mutex_);
  AttachmentRecord record;
  record.header = {RecordType::kAttachment, kRemove, 0, sizeof record};
  record.row.id = attachment;
  {
    std::lock_guard append(pool_.journal().append_lock());
    const PoolState& seen = pool_.state();
    if (seen.tombstone(attachment) && !seen.attachment(attachment)) return answer_again();
  }
  FAILPOINT(kDetach);
  TRY(append_control(bytes_of(record), [&](uint64_t) { pool_.state().apply_attachment(record); }));
  std::lock_guard lock(mutex_);
  detaching_.erase(attachment);
  return {};
}

Result<void> Volumes::forget_tombstone(const Id& id) {
  std::lock_guard ordering(orders_mutex_);
  TombstoneRecord record;
  record.header = {RecordType::kTombstone, kRemove, 0, sizeof record};
  record.row.id = id;
  {
    std::lock_guard append(pool_.journal().append_lock());
    if (!std::as_const(pool_.state()).tombstone(id)) return answer_again();
  }
  FAILPOINT(kTombstoneForget);
  return append_control(bytes_of(record), [&](uint64_t) { pool_.state().apply_tombstone(record); });
}

Result<void> Volumes::release_origins() {
  std::lock_guard ordering(orders_mutex_);
  std::vector<Id> stale_cuts;
  std::vector<uint64_t> unused;
  {
    std::lock_guard append(pool_.journal().append_lock());
    const PoolState& state = pool_.state();
    for (size_t slot = 0; slot < state.origins.rows().size(); slot++) {
      if (is_free(state.origins[slot])) continue;
      if (!state.origin_in_use(uint32_t(slot))) unused.push_back(slot);
      if (state.volumes.find([&](const VolumeRow& row) { return row.origin == slot + 1; }))
        continue;
      for (const CutRow& row : state.cuts.rows()) {
        const bool idle = !(row.flags & (kCutBookmark | kCutDropAsked)) && row.flags & kCutSealed;
        if (is_free(row) || row.origin != slot + 1 || !idle || state.has_clone(row)) continue;
        if (state.cut(row.snapshot) == &row) stale_cuts.push_back(row.snapshot);
      }
    }
  }
  // The region releases its pin as soon as it does not see the origin any more: what was filled
  // from it must be durable by then.
  if (!unused.empty()) TRY(pool_.sync());
  for (const uint64_t slot : unused) {
    OriginRecord record;
    record.header = {RecordType::kOrigin, kRemove, 0, sizeof record};
    record.slot = slot;
    FAILPOINT(kOriginRelease);
    std::shared_ptr<Hydrator> hydrator;
    TRY(append_control(bytes_of(record), [&](uint64_t) {
      hydrator = hydrators_.at(uint32_t(slot));
      pool_.state().apply_origin(record);
    }));
    hydrator->wake_readers();
  }
  for (const Id& snapshot : stale_cuts)
    TRY(drop_keeping_bookmark(snapshot));
  return {};
}

Volumes::View Volumes::view() {
  View view;
  {
    std::lock_guard append(pool_.journal().append_lock());
    const PoolState& state = pool_.state();
    each_row(state.volumes, [&](size_t slot, const VolumeRow& row) {
      if (row.hidden) return;
      VolumeView at{slot, row, state.heads.at(row.lineage), std::nullopt, 0, 0};
      if (row.origin != 0) at.origin_snapshot = state.origins[row.origin - 1].snapshot;
      view.volumes.push_back(std::move(at));
    });
    each_row(state.cuts, [&](size_t slot, const CutRow& row) {
      if (row.flags & kCutOrigin) return;
      const auto head = state.heads.find(row.lineage);
      const bool there = head != state.heads.end();
      view.cuts.push_back({slot, row, there ? std::optional(head->second->volume) : std::nullopt});
    });
    each_row(state.origins, [&](size_t slot, const OriginRow& row) {
      view.origins.push_back({slot, row});
    });
    each_row(state.attachments, [&](size_t slot, const AttachmentRow& row) {
      view.attachments.push_back({slot, row, false});
    });
    each_row(state.tombstones, [&](size_t slot, const TombstoneRow& row) {
      view.tombstones.push_back({slot, row});
    });
  }
  for (VolumeView& volume : view.volumes) {
    const auto hydrator = hydrators_.of(*volume.head);
    if (!hydrator) continue;
    volume.hydrated_bytes = hydrator->done_bytes(*volume.head);
    volume.hydration_total_bytes = hydrator->origin_bytes();
  }
  view_clones(view);
  std::lock_guard lock(mutex_);
  for (AttachmentView& attachment : view.attachments)
    attachment.detaching = detaching_.contains(attachment.row.id);
  return view;
}

std::vector<uint64_t> Volumes::cut_pauses_ns() const {
  std::lock_guard lock(mutex_);
  return {cut_pauses_ns_.begin(), cut_pauses_ns_.end()};
}

Result<Volumes::OriginView> Volumes::origin(const Id& snapshot) {
  OriginView view;
  std::lock_guard append(pool_.journal().append_lock());
  const auto& rows = std::as_const(pool_.state()).origins.rows();
  for (size_t slot = 0; slot < rows.size(); slot++) {
    if (!rows[slot].used || rows[slot].snapshot != snapshot) continue;
    view.manifest = rows[slot].manifest;
    view.hydrator = hydrators_.at(uint32_t(slot));
  }
  if (!view.hydrator) {
    return error(Code::kSnapshotNotFound, "nothing here is restored from " + to_string(snapshot));
  }
  return view;
}

std::vector<Volumes::UsedVolume> Volumes::used_volumes() const {
  std::lock_guard lock(mutex_);
  std::vector<UsedVolume> used;
  for (const auto& [id, volume] : open_)
    used.push_back({id, volume});
  return used;
}

Result<std::shared_ptr<Volume>> Volumes::open_volume(const Id& id) {
  HeadPtr head;
  {
    std::lock_guard append(pool_.journal().append_lock());
    head = std::as_const(pool_.state()).head_of(id);
  }
  if (!head) return error(Code::kVolumeNotFound, "no volume " + to_string(id) + " in this pool");
  std::lock_guard lock(mutex_);
  auto& place = open_[id];
  if (!place) place = std::make_shared<Volume>(pool_, head, hydrators_);
  return place;
}

Result<Export> Volumes::find_export(const std::string& name) {
  const auto unknown = [&] {
    return error(Code::kAttachmentNotFound, "no attachment \"" + name.substr(0, 80) + "\" here");
  };
  const auto id = parse_id(name);
  if (!id) return unknown();
  {
    std::lock_guard lock(mutex_);
    if (detaching_.contains(*id)) {
      return error(Code::kShuttingDown, "attachment " + name + " is being detached");
    }
  }
  AttachmentRow row;
  {
    std::lock_guard append(pool_.journal().append_lock());
    const AttachmentRow* found = std::as_const(pool_.state()).attachment(*id);
    if (!found) return unknown();
    row = *found;
  }
  auto volume = TRY(open_volume(row.volume));
  return Export{name, std::move(volume), row.read_only != 0};
}

std::vector<std::string> Volumes::list_exports() {
  std::vector<std::string> names;
  std::lock_guard append(pool_.journal().append_lock());
  for (const AttachmentRow& row : pool_.state().attachments.rows()) {
    if (!is_free(row)) names.push_back(to_string(row.id));
  }
  return names;
}

}  // namespace ashlar
