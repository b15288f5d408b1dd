// Cuts as a node is asked for them (DESIGN 9): taken, sealed, dropped.
#include <algorithm>

#include "base/clock.h"
#include "base/failpoint.h"
#include "volume/order_parts.h"

namespace ashlar {
namespace {

constexpr size_t kPausesKept = 4096;

}  // namespace

Result<std::vector<CutRow>> Volumes::cut(const CutOrder& order) {
  std::lock_guard ordering(orders_mutex_);
  if (order.members.empty() || order.members.size() > 64) {
    return error(Code::kInvalidArgument, "a cut has 1 to 64 volumes");
  }
  std::vector<HeadPtr> heads;
  std::vector<CutRow> done;
  const auto rows_of = [&] {
    std::vector<CutRow> rows;
    const PoolState& seen = pool_.state();
    for (const CutOrder::Member& member : order.members) {
      // A clone of the snapshot may hold an image under the same id.
      const HeadPtr head = seen.head_of(member.volume);
      const CutRow* row = !head ? nullptr : seen.cuts.find([&](const CutRow& at) {
        return at.snapshot == member.snapshot && at.lineage == head->lineage;
      });
      if (!row) row = seen.cut_or_bookmark(member.snapshot);
      if (row) rows.push_back(*row);
    }
    return rows;
  };
  for (const CutOrder::Member& member : order.members)
    TRY(refuse_tombstone(member.snapshot));
  {
    std::lock_guard append(pool_.journal().append_lock());
    const PoolState& seen = pool_.state();
    done = rows_of();
    for (size_t i = 0; i < order.members.size(); i++) {
      const CutOrder::Member& member = order.members[i];
      const HeadPtr head = seen.head_of(member.volume);
      if (done.size() == order.members.size()) {
        if (head && head->lineage != done[i].lineage) return id_reused("cut", member.snapshot);
        continue;
      }
      if (!head) return error(Code::kVolumeNotFound, "no volume " + to_string(member.volume));
      if (head->epoch >= kEpochMax) {
        return error(Code::kQuotaExceeded,
                     "volume " + to_string(member.volume) +
                         " has used up its snapshots; copy it to a new volume");
      }
      heads.push_back(head);
    }
    if (!done.empty() && done.size() < order.members.size()) {
      return id_reused("cut group", order.group);
    }
  }
  if (!done.empty()) {
    TRY(answer_again());
    return done;
  }
  CutRecord record;
  std::vector<CutMember> members(order.members.size());
  std::vector<uint8_t> bytes(sizeof record + members.size() * sizeof(CutMember));
  record.header = {RecordType::kCut, 0, 0, uint32_t(bytes.size())};
  record.group = order.group;
  record.members = uint32_t(members.size());
  auto admission = TRY(pool_.admit(bytes.size(), 0, Space::Purpose::kMetadata));
  std::vector<HeadPtr> sorted = heads;
  std::sort(sorted.begin(), sorted.end(),
            [](const HeadPtr& a, const HeadPtr& b) { return a->lineage < b->lineage; });
  if (std::adjacent_find(sorted.begin(), sorted.end()) != sorted.end()) {
    return error(Code::kInvalidArgument, "a volume stands twice in the cut");
  }
  uint64_t held_from_ns = 0;
  {
    // From the first lock taken to the last released is the longest anybody can have waited.
    std::vector<std::unique_lock<std::mutex>> locks;
    for (const HeadPtr& head : sorted) {
      locks.emplace_back(head->map_lock);
      if (locks.size() == 1) held_from_ns = monotonic_ns();
      if (head->deleted)
        return error(Code::kVolumeNotFound, "volume " + to_string(head->volume) + " is gone");
    }
    std::lock_guard append(pool_.journal().append_lock());
    record.captured_ns = wall_clock_ns();
    for (size_t i = 0; i < members.size(); i++) {
      members[i] = {heads[i]->lineage, order.members[i].snapshot, heads[i]->epoch};
    }
    std::memcpy(bytes.data(), &record, sizeof record);
    std::memcpy(bytes.data() + sizeof record, members.data(), members.size() * sizeof(CutMember));
    pool_.journal().append(bytes);
    pool_.state().apply_cut(record, members.data());
  }
  const uint64_t pause_ns = monotonic_ns() - held_from_ns;
  TRY(pool_.sync());
  {
    std::lock_guard lock(mutex_);
    cut_pauses_ns_.push_back(pause_ns);
    if (cut_pauses_ns_.size() > kPausesKept) cut_pauses_ns_.pop_front();
  }
  std::lock_guard append(pool_.journal().append_lock());
  return rows_of();
}

Result<void> Volumes::sealed(const Id& snapshot, const Hash& root) {
  std::lock_guard ordering(orders_mutex_);
  CutStateRecord record;
  record.header = {RecordType::kCutState, 0, 0, sizeof record};
  record.snapshot = snapshot;
  record.set = kCutSealed;
  record.merkle_root = root;
  LineageId lineage = 0;
  Epoch epoch = 0;
  {
    std::lock_guard append(pool_.journal().append_lock());
    const CutRow* row = std::as_const(pool_.state()).cut_or_bookmark(snapshot);
    if (!row) return answer_again();  // dropped before: nothing to remember
    if (row->flags & kCutSealed) {
      if (row->merkle_root != root) return id_reused("sealed cut", snapshot);
      return answer_again();
    }
    lineage = row->lineage;
    epoch = row->epoch;
  }
  TRY(append_control(bytes_of(record), [&](uint64_t) { pool_.state().apply_cut_state(record); }));
  return drop_superseded(lineage, epoch);
}

// Sealed cuts are caches; the newest of a volume stays, older ones leave a bookmark.
Result<void> Volumes::drop_superseded(LineageId lineage, Epoch newest_sealed) {
  std::vector<Id> older;
  {
    std::lock_guard append(pool_.journal().append_lock());
    for (const CutRow& row : pool_.state().cuts.rows()) {
      if (is_free(row) || row.lineage != lineage || row.epoch >= newest_sealed) continue;
      if (std::as_const(pool_.state()).has_clone(row)) continue;
      if (row.flags & (kCutBookmark | kCutDropAsked) || !(row.flags & kCutSealed)) continue;
      if (std::as_const(pool_.state()).cut(row.snapshot) != &row) continue;
      older.push_back(row.snapshot);
    }
  }
  for (const Id& snapshot : older)
    TRY(drop_keeping_bookmark(snapshot));
  return {};
}

Result<void> Volumes::drop_keeping_bookmark(const Id& snapshot) {
  IdRecord record;
  record.header = {RecordType::kDrop, kDropKeepBookmark, 0, sizeof record};
  record.id = snapshot;
  FAILPOINT(kCutSupersede);
  TRY(append_control(bytes_of(record),
                     [&](uint64_t generation) { pool_.state().apply_drop(record, generation); }));
  pool_.wake_keeper();
  return {};
}

Result<void> Volumes::drop_cut(const Id& snapshot) {
  std::lock_guard ordering(orders_mutex_);
  {
    std::lock_guard append(pool_.journal().append_lock());
    if (std::as_const(pool_.state()).tombstone(snapshot)) return answer_again();
  }
  IdRecord record;
  record.header = {RecordType::kDrop, 0, 0, sizeof record};
  record.id = snapshot;
  FAILPOINT(kCutDrop);
  TRY(append_control(bytes_of(record),
                     [&](uint64_t generation) { pool_.state().apply_drop(record, generation); }));
  pool_.wake_keeper();
  return {};
}

}  // namespace ashlar
