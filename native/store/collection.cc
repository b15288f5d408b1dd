#include "store/collection.h"

#include <fcntl.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>
#include <utility>

#include "base/check.h"
#include "store/verify.h"

namespace ashlar {
namespace {

constexpr size_t kIdsAtOnce = 4096;
// Of packs below this size, so many are made one: a record or a small snapshot has its own.
constexpr uint64_t kSmallPackBytes = 4 << 20;
constexpr size_t kSmallPacksMax = 8;
// More than a part in so many of what is live may not stay dead: the store is to be at most 1.1
// times what is reachable.
constexpr uint64_t kDeadPart = 16;

constexpr uint64_t kFrameOverhead = sizeof(FrameHeader) + sizeof(DirectoryEntry);
constexpr uint64_t kPackOverhead = sizeof(PackHeader) + sizeof(PackFooter);

// Visits entry and what the index says of its id. Records, which it does not know, have nothing.
template <typename Visit>
Result<void> each_entry(Index& index, std::span<const DirectoryEntry> entries, Visit visit) {
  for (size_t first = 0; first < entries.size(); first += kIdsAtOnce) {
    const auto part = entries.subspan(first, std::min(kIdsAtOnce, entries.size() - first));
    std::vector<Hash> ids;
    for (const DirectoryEntry& entry : part)
      ids.push_back(entry.id);
    const auto found = TRY(index.find_all(ids));
    for (size_t i = 0; i < part.size(); i++)
      TRY(visit(part[i], part[i].kind == FrameKind::kRecord ? std::nullopt : found[i]));
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Collection>> Collection::begin(ChunkStore& store, const DomainKeys& keys,
                                                      std::span<const Manifest> roots,
                                                      std::shared_ptr<const Cancel> cancel) {
  std::unique_ptr<Collection> collection(new Collection(store, keys, cancel));
  // In this order: what is listed and belongs to nobody by now is wholly indexed.
  const std::vector<PackName> there = TRY(store.folder().list_packs());
  const std::set<PackName> running = store.session_packs();
  for (const PackName& pack : there) {
    if (!running.contains(pack)) collection->packs_.push_back(pack);
  }
  Mark mark(store, keys, std::move(cancel));
  for (const Manifest& root : roots)
    TRY(mark.add_root(root));
  TRY(mark.finish(there));
  TRY(collection->condemn(mark));
  store.publish_condemned(collection->condemned_);
  return collection;
}

Result<void> Collection::condemn(const Mark& mark) {
  auto condemned = std::make_shared<Condemned>();
  for (const PackName& pack : packs_) {
    TRY(cancel_->check());
    std::vector<uint32_t> offsets;
    const std::string path = store_.folder().pack(pack);
    const FoundDirectory directory = TRY(find_directory(path, pack));
    if (!directory.damage.empty()) store_.note_damage(directory.damage);
    TRY(each_entry(store_.index(), directory.entries,
                   [&](const DirectoryEntry& entry, const auto& at) -> Result<void> {
                     if (!at || !at->is(pack, entry.offset) || mark.has(entry.id)) return {};
                     offsets.push_back(uint32_t(entry.offset));
                     condemned_total_.chunks++;
                     condemned_total_.bytes += kFrameOverhead + entry.stored_bytes;
                     return {};
                   }));
    condemned->add(pack, std::move(offsets));
  }
  condemned_ = std::move(condemned);
  return {};
}

// What ended since the beginning may have left nodes without a root and deltas that lean on what is
// condemned: they stay whole until the next collection. Whose session is not gone yet may have
// ended all the same. What still runs began after, and leans on nothing that is condemned.
Result<Mark> Collection::mark_again(std::span<const Manifest> roots) {
  Mark mark(store_, keys_, cancel_);
  for (const Manifest& root : roots)
    TRY(mark.add_root(root));
  const std::vector<PackName> there = TRY(store_.folder().list_packs());
  std::vector<PackName> others;
  std::set_difference(there.begin(), there.end(), packs_.begin(), packs_.end(),
                      std::back_inserter(others));
  for (const PackName& pack : others)
    TRY(mark.add_pack(pack));
  TRY(mark.finish(there));
  return mark;
}

Result<Collection::Outcome> Collection::end(std::span<const Manifest> roots,
                                            std::set<uint64_t> superseded) {
  CHECK(!ended_);
  ended_ = true;
  superseded_ = std::move(superseded);
  const Mark mark = TRY(mark_again(roots));
  TRY(sweep_nodes(mark));
  TRY(sweep_chunks(mark));
  TRY(lift_lost(mark));
  outcome_.freed_bytes -= std::min(outcome_.freed_bytes, written_bytes_);
  return std::move(outcome_);
}

// kCorrupt is a doubt: the pack stays.
Result<Collection::Verdict> Collection::judge(const PackName& pack, const Mark& mark) {
  Verdict verdict;
  verdict.pack = pack;
  const std::string path = store_.folder().pack(pack);
  const FoundDirectory directory = TRY(find_directory(path, pack));
  verdict.damaged = !directory.damage.empty();
  verdict.file_bytes = kPackOverhead;
  verdict.live_bytes = kPackOverhead;
  TRY(each_entry(store_.index(), directory.entries,
                 [&](const DirectoryEntry& entry, const auto& at) -> Result<void> {
                   const uint64_t bytes = kFrameOverhead + entry.stored_bytes;
                   const bool named = at && at->is(pack, entry.offset);
                   const bool condemned =
                       named && condemned_->has(pack, entry.offset) && !mark.has(entry.id);
                   verdict.file_bytes += bytes;
                   const bool record = entry.kind == FrameKind::kRecord;
                   if (condemned) {
                     verdict.condemned.push_back(entry);
                     verdict.dead_frames++;
                   } else if (!record && store_.index().is_quarantined(entry.id)) {
                     return error(Code::kCorrupt, path + ": holds a damaged " + to_hex(entry.id));
                   } else if (named || (record && !TRY(is_dead_record(pack, entry)))) {
                     verdict.live_bytes += bytes;
                     verdict.live_frames++;
                   } else {
                     verdict.dead_frames++;
                   }
                   return {};
                 }));
  return verdict;
}

// Packs of which nothing is needed, and those of which something is.
std::pair<Collection::Batch, Collection::Batch> Collection::part(Batch verdicts) {
  std::pair<Batch, Batch> parted;
  for (Verdict& verdict : verdicts)
    (verdict.live_frames > 0 ? parted.second : parted.first).push_back(std::move(verdict));
  return parted;
}

// In two steps, however many packs there are.
Result<void> Collection::sweep_nodes(const Mark& mark) {
  std::vector<Verdict> verdicts;
  for (const PackName& pack : packs_) {
    TRY(cancel_->check());
    if (pack.kind == PackKind::kNode) verdicts.push_back(TRY(judge(pack, mark)));
  }
  TRY(drop_condemned(verdicts));
  auto [gone, rest] = part(std::move(verdicts));
  for (Batch& batch : choose_batches(PackKind::kNode, std::move(rest))) {
    for (Verdict& done : TRY(rewrite(std::move(batch))))
      gone.push_back(std::move(done));
  }
  return remove(gone);
}

// A pack at a time: memory and room for one are enough.
Result<void> Collection::sweep_chunks(const Mark& mark) {
  std::vector<Verdict> verdicts;
  for (const PackName& pack : packs_) {
    TRY(cancel_->check());
    if (pack.kind != PackKind::kData) continue;
    auto judged = judge(pack, mark);
    if (!judged && judged.error().code == Code::kCorrupt) {
      outcome_.kept.push_back(judged.error().message);
      continue;
    }
    verdicts.push_back(TRY(std::move(judged)));
    TRY(drop_condemned(std::span(&verdicts.back(), 1)));
  }
  auto [gone, rest] = part(std::move(verdicts));
  TRY(remove(gone));
  for (Batch& batch : choose_batches(PackKind::kData, std::move(rest)))
    TRY(remove(TRY(rewrite(std::move(batch)))));
  return {};
}

Result<void> Collection::drop_condemned(std::span<Verdict> verdicts) {
  std::vector<PackEntries> condemned;
  for (const Verdict& verdict : verdicts)
    condemned.push_back({verdict.pack, verdict.condemned});
  outcome_.chunks_dropped += TRY(store_.index().drop(condemned));
  for (Verdict& verdict : verdicts)
    verdict.condemned = {};
  return {};
}

// Packs that are damaged beside their frames. Data packs that are less than half live, then those
// with the most dead bytes until few enough are left; of node packs all that hold a dead node
// (STORE.md); small packs when there are many.
std::vector<Collection::Batch> Collection::choose_batches(PackKind kind,
                                                          std::vector<Verdict> verdicts) {
  std::sort(verdicts.begin(), verdicts.end(), [](const Verdict& a, const Verdict& b) {
    return a.file_bytes - a.live_bytes > b.file_bytes - b.live_bytes;
  });
  uint64_t live_bytes = 0;
  uint64_t dead_bytes = 0;
  size_t small = 0;
  for (const Verdict& verdict : verdicts) {
    live_bytes += verdict.live_bytes;
    dead_bytes += verdict.file_bytes - verdict.live_bytes;
    small += verdict.file_bytes < kSmallPackBytes;
  }
  std::vector<Batch> batches;
  uint64_t batch_bytes = kPackBytesMax;
  for (Verdict& verdict : verdicts) {
    const bool is_small = verdict.file_bytes < kSmallPackBytes && small >= kSmallPacksMax;
    const bool is_dead = kind == PackKind::kNode ? verdict.dead_frames > 0
                                                 : verdict.live_bytes * 2 < verdict.file_bytes ||
                                                       dead_bytes > live_bytes / kDeadPart;
    if (!is_small && !is_dead && !verdict.damaged) continue;
    dead_bytes -= verdict.file_bytes - verdict.live_bytes;
    if (batch_bytes + verdict.live_bytes > kPackBytesMax) {
      batches.emplace_back();
      batch_bytes = 0;
    }
    batch_bytes += verdict.live_bytes;
    batches.back().push_back(std::move(verdict));
  }
  return batches;
}

Result<std::vector<Collection::Verdict>> Collection::rewrite(Batch batch) {
  const PackName name = store_.next_pack(batch.front().pack.kind);
  PackWriter writer = TRY(store_.create_pack(name));
  std::vector<Location> from;
  std::vector<Verdict> done;
  for (Verdict& verdict : batch) {
    TRY(cancel_->check());
    auto frames = read_live(verdict.pack);
    if (!frames && frames.error().code == Code::kCorrupt) {
      if (verdict.pack.kind == PackKind::kNode) return std::move(frames).error();
      outcome_.kept.push_back(frames.error().message);
      continue;
    }
    for (const LiveFrame& live : TRY(std::move(frames))) {
      const FrameHeader& header = live.frame.header;
      TRY(writer.append({header.kind, header.id, header.plain_bytes, live.frame.stored, header.base,
                         header.block_map}));
      from.push_back(live.at);
    }
    done.push_back(std::move(verdict));
  }
  if (from.empty()) return done;
  written_bytes_ +=
      kPackOverhead + writer.bytes() + from.size() * sizeof(DirectoryEntry) - sizeof(PackHeader);
  const std::vector<DirectoryEntry> directory = TRY(writer.seal());
  TRY(store_.index().move_to_pack(name, directory, from));
  return done;
}

// Records, and the copies that the index names; all verified. At most a pack's bytes.
Result<std::vector<Collection::LiveFrame>> Collection::read_live(const PackName& pack) {
  const std::string path = store_.folder().pack(pack);
  const auto directory = TRY(find_directory(path, pack)).entries;
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    return error(Code::kDeviceFailed, path + ": open: " + std::strerror(errno));
  }
  std::vector<LiveFrame> frames;
  TRY(each_entry(
      store_.index(), directory, [&](const DirectoryEntry& entry, const auto& at) -> Result<void> {
        const bool record = entry.kind == FrameKind::kRecord;
        const bool named = at && at->is(pack, entry.offset);
        if (!named && (!record || TRY(is_dead_record(pack, entry)))) return {};
        auto frame =
            read_frame(file.get(), path, entry.offset, entry.id, entry.kind, entry.stored_bytes);
        if (frame && !is_its_id(keys_, entry.id, entry.kind, frame->stored)) {
          frame =
              error(Code::kCorrupt, path + ": " + to_hex(entry.id) + " is not what its id says");
        }
        if (!frame && named) store_.quarantine(entry.id, frame.error());
        if (!frame && record) store_.note_damage(frame.error().message);
        frames.push_back({TRY(std::move(frame)), at.value_or(Location{})});
        return {};
      }));
  return frames;
}

// Those that can be read stay, whatever is said of them.
Result<bool> Collection::is_dead_record(const PackName& pack, const DirectoryEntry& entry) {
  if (!superseded_.contains(record_generation(entry.id))) return false;
  const std::string path = store_.folder().pack(pack);
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    return error(Code::kDeviceFailed, path + ": open: " + std::strerror(errno));
  }
  const auto record = read_record(file.get(), path, entry);
  if (!record && record.error().code != Code::kCorrupt) return record.error();
  return !record;
}

Result<void> Collection::remove(std::span<const Verdict> verdicts) {
  std::vector<PackName> packs;
  for (const Verdict& verdict : verdicts)
    packs.push_back(verdict.pack);
  TRY(store_.remove_packs(packs));
  for (const Verdict& verdict : verdicts) {
    outcome_.freed_bytes += verdict.file_bytes;
    (verdict.live_frames > 0 ? outcome_.packs_rewritten : outcome_.packs_deleted)++;
  }
  return {};
}

// Of what was lost with its pack and nobody needs any more, nothing is left to mend.
Result<void> Collection::lift_lost(const Mark& mark) {
  const std::vector<Hash> ids = store_.quarantined();
  const auto found = TRY(store_.index().find_all(ids));
  std::vector<Hash> needless;
  for (size_t i = 0; i < ids.size(); i++) {
    if (!found[i] && !mark.has(ids[i])) needless.push_back(ids[i]);
  }
  return store_.index().lift_quarantine(needless);
}

}  // namespace ashlar
