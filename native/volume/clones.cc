// Fast-restore clones (DESIGN 9): a clone names a cut that holds the whole snapshot. Where the pool
// has no such cut, a hidden volume is hydrated from the origin, or branches off a base and is
// filled with the difference; once it is full it becomes the cut, in one record. A crash anywhere
// leaves a row whose next step is taken again.
#include "base/clock.h"
#include "base/failpoint.h"
#include "codec/blake3.h"
#include "volume/order_parts.h"

namespace ashlar {
namespace {

// A clone built on a clone keeps it alive. So that what many of them have left behind can go at
// some time, every so many begin from nothing.
constexpr int kBaseDepthMax = 8;

bool building(const CloneRow& row) {
  return CloneState(row.state) != CloneState::kAvailable;
}

bool whole(const CutRow& cut) {
  return !(cut.flags & (kCutBookmark | kCutDropping)) && cut.origin == 0;
}

Error no_clone(const Id& id) {
  return error(Code::kNotFound, "no clone " + to_string(id) + " is being filled here");
}

}  // namespace

// Requires the append lock. A cut the hidden volume may branch off; null when it had better not.
const CutRow* Volumes::clone_base(const Id& base, uint64_t bytes) const {
  const PoolState& seen = pool_.state();
  const CutRow* cut = seen.cut(base);
  if (!cut || !whole(*cut) || cut->bytes > bytes) return nullptr;  // a volume does not shrink
  int depth = 0;
  for (LineageId at = cut->lineage; at != 0; depth++) {
    const LineageRow* row = seen.lineage(at);
    at = row ? row->parent : 0;
  }
  return depth < kBaseDepthMax ? cut : nullptr;
}

// Requires the append lock. How the clone begins: available, beside another of the same snapshot,
// from a base, or from nothing.
Result<CloneRecord> Volumes::begin_record(const CreateClone& order, uint64_t bytes) {
  const PoolState& seen = pool_.state();
  CloneRecord record;
  record.header = {RecordType::kClone, 0, 0, sizeof record};
  record.row.id = order.id;
  record.row.used = 1;
  record.row.snapshot = order.origin.snapshot;
  const CutRow* held = seen.cut(order.origin.snapshot);
  if (held && whole(*held)) {
    if (held->bytes != bytes) return id_reused("a cut of snapshot", order.origin.snapshot);
    record.row.state = uint32_t(CloneState::kAvailable);
    record.row.lineage = held->lineage;
    record.row.epoch = held->epoch;
    return record;
  }
  record.bytes = bytes;
  const CloneRow* twin = seen.clones.find(
      [&](const CloneRow& row) { return building(row) && row.snapshot == order.origin.snapshot; });
  if (twin) {
    record.row.state = twin->state;
    record.row.lineage = twin->lineage;
    record.row.origin = twin->origin;
    return record;
  }
  const bool based = order.base && clone_base(*order.base, bytes);
  record.row.state = uint32_t(based ? CloneState::kFilling : CloneState::kHydrating);
  record.row.lineage = seen.next_lineage;
  if (based) record.base = *order.base;
  record.row.origin = uint32_t(origin_record(order.origin).slot + 1);
  return record;
}

Result<void> Volumes::create_clone(const CreateClone& order) {
  std::lock_guard ordering(orders_mutex_);
  TRY(refuse_tombstone(order.id));
  const uint64_t bytes = TRY(bytes_of_origin(order.origin));
  {
    auto admission =
        TRY(pool_.admit(sizeof(CloneRecord) + sizeof(OriginRecord), 8, Space::Purpose::kMetadata));
    std::lock_guard append(pool_.journal().append_lock());
    const PoolState& seen = pool_.state();
    if (const CloneRow* row = seen.clone(order.id)) {
      if (row->snapshot != order.origin.snapshot) return id_reused("clone", order.id);
      return answer_again();
    }
    if (seen.volume(order.id)) return id_reused("volume", order.id);
    const CloneRecord record = TRY(begin_record(order, bytes));
    if (building(record.row)) append_origin(origin_record(order.origin));
    const uint64_t generation = pool_.journal().append(bytes_of(record));
    pool_.state().apply_clone(record, generation);
  }
  TRY(pool_.sync());
  pool_.wake_keeper();
  return {};
}

Result<void> Volumes::remove_clone(const Id& id) {
  std::lock_guard ordering(orders_mutex_);
  CloneRecord record;
  record.header = {RecordType::kClone, kRemove, 0, sizeof record};
  record.row.id = id;
  HeadPtr head;
  {
    std::lock_guard append(pool_.journal().append_lock());
    const PoolState& seen = pool_.state();
    if (seen.tombstone(id)) return answer_again();
    const CloneRow* row = seen.clone(id);
    if (row && building(*row)) head = seen.heads.at(row->lineage);
  }
  const auto apply = [&](uint64_t generation) { pool_.state().apply_clone(record, generation); };
  FAILPOINT(kCloneDelete);
  if (head) {
    TRY(append_delete(head, bytes_of(record), apply));
    std::lock_guard lock(mutex_);
    if (head->deleted) clone_targets_.erase(head->lineage);
    return {};
  }
  TRY(append_control(bytes_of(record), apply));
  pool_.wake_keeper();
  return {};
}

Result<std::shared_ptr<CloneTarget>> Volumes::clone_target(const Id& clone) {
  HeadPtr head;
  std::array<uint8_t, 80> manifest{};
  {
    std::lock_guard append(pool_.journal().append_lock());
    const PoolState& seen = pool_.state();
    const CloneRow* row = seen.clone(clone);
    if (!row || CloneState(row->state) != CloneState::kFilling) return no_clone(clone);
    head = seen.heads.at(row->lineage);
    manifest = seen.origins[row->origin - 1].manifest;
  }
  std::lock_guard lock(mutex_);
  auto& place = clone_targets_[head->lineage];
  if (!place) place = std::make_shared<CloneTarget>(pool_, head, hydrators_, manifest);
  return place;
}

Result<void> Volumes::finish_clones() {
  std::vector<std::pair<CloneRow, HeadPtr>> full;
  {
    std::lock_guard append(pool_.journal().append_lock());
    std::lock_guard lock(mutex_);
    for (const CloneRow& row : pool_.state().clones.rows()) {
      if (is_free(row) || !building(row)) continue;
      const HeadPtr& head = pool_.state().heads.at(row.lineage);
      const auto target = clone_targets_.find(row.lineage);
      const bool done = CloneState(row.state) == CloneState::kHydrating
                            ? head->origin == 0
                            : target != clone_targets_.end() && target->second->full();
      if (done) full.emplace_back(row, head);
    }
  }
  for (const auto& [row, head] : full)
    TRY(finish_clone(row, head));
  return {};
}

Result<void> Volumes::finish_clone(const CloneRow& row, const HeadPtr& head) {
  CloneRecord record;
  record.header = {RecordType::kClone, kCloneReady, 0, sizeof record};
  record.row = row;
  {
    auto admission = TRY(pool_.admit(sizeof record, 0, Space::Purpose::kMetadata));
    std::lock_guard map(head->map_lock);
    std::lock_guard append(pool_.journal().append_lock());
    if (head->deleted) return {};  // made available with another of the same snapshot
    record.captured_ns = wall_clock_ns();
    record.merkle_root =
        keyed_hash(derive_keys({}).manifest, pool_.state().origins[row.origin - 1].manifest);
    FAILPOINT(kCloneAvailable);
    const uint64_t generation = pool_.journal().append(bytes_of(record));
    pool_.state().apply_clone(record, generation);
  }
  TRY(pool_.sync());
  std::lock_guard lock(mutex_);
  clone_targets_.erase(row.lineage);
  return {};
}

Result<void> Volumes::settle() {
  {
    std::lock_guard ordering(orders_mutex_);
    TRY(finish_clones());
  }
  return release_origins();
}

void Volumes::view_clones(View& view) {
  struct Building {
    size_t index;
    HeadPtr head;
  };
  std::vector<Building> under_way;
  {
    std::lock_guard append(pool_.journal().append_lock());
    const PoolState& state = pool_.state();
    each_row(state.clones, [&](size_t slot, const CloneRow& row) {
      CloneView clone;
      clone.slot = slot;
      clone.row = row;
      if (building(row)) {
        clone.origin_snapshot = state.origins[row.origin - 1].snapshot;
        const HeadPtr& head = state.heads.at(row.lineage);
        clone.total_bytes = head->bytes;
        under_way.push_back({view.clones.size(), head});
      } else {
        clone.total_bytes = state.cut_at(row.lineage, row.epoch)->bytes;
        clone.done_bytes = clone.total_bytes;
        clone.full = true;
      }
      view.clones.push_back(clone);
    });
  }
  for (const auto& [index, head] : under_way) {
    CloneView& clone = view.clones[index];
    if (CloneState(clone.row.state) == CloneState::kHydrating) {
      const auto hydrator = hydrators_.of(*head);
      if (hydrator) clone.done_bytes = hydrator->done_bytes(*head);
      clone.full = head->origin == 0;
      if (clone.full) clone.done_bytes = clone.total_bytes;
      continue;
    }
    std::lock_guard lock(mutex_);
    const auto target = clone_targets_.find(clone.row.lineage);
    if (target == clone_targets_.end()) continue;
    clone.done_bytes = target->second->done_bytes();
    clone.full = target->second->full();
  }
}

}  // namespace ashlar
