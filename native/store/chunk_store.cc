#include "store/chunk_store.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/check.h"
#include "store/mend.h"
#include "store/verify.h"

namespace ashlar {
namespace {

constexpr size_t kOpenFilesMax = 128;
constexpr size_t kDamageReportsMax = 1000;
// A frame moves only when a collection rewrites its pack: twice within one read is unheard of.
constexpr int kReadTriesMax = 8;

Error failed(const std::string& path, const char* what) {
  return error(Code::kDeviceFailed, path + ": " + what + ": " + std::strerror(errno));
}

Error not_its_id(const char* what, const Hash& id) {
  return error(Code::kCorrupt,
               "the " + std::string(what) + " " + to_hex(id) + " is not what its id says");
}

}  // namespace

Result<std::unique_ptr<ChunkStore>> ChunkStore::open(const std::string& folder,
                                                     const std::string& catalog_uuid, bool adopt) {
  StoreFolder opened = TRY(StoreFolder::open(folder, catalog_uuid, adopt));
  std::unique_ptr<ChunkStore> store(new ChunkStore(std::move(opened)));
  for (const std::string& file : TRY(store->folder_.list_other_files())) {
    // reversible: it never had a name
    if (file.ends_with(".tmp")) ::unlink((store->folder_.packs() + "/" + file).c_str());
  }
  store->index_ = TRY(Index::open(store->folder_.index()));
  for (const Lost& lost : TRY(mend_index(store->folder_, *store->index_)))
    store->note_damage(to_hex(lost.id) + ": " + lost.reason);
  return store;
}

// ---- what there is to lean on

Result<std::vector<std::optional<Location>>> ChunkStore::find_present(std::span<const Hash> ids) {
  const std::shared_ptr<const Condemned> gone = condemned();
  auto found = TRY(index_->find_all(ids));
  std::vector<size_t> deltas;
  std::vector<Hash> bases;
  for (size_t i = 0; i < ids.size(); i++) {
    if (!is_usable(ids[i], found[i], gone.get())) found[i].reset();
    if (!found[i] || found[i]->kind != FrameKind::kDelta) continue;
    deltas.push_back(i);
    bases.push_back(found[i]->base);
  }
  if (deltas.empty()) return found;
  const auto found_bases = TRY(index_->find_all(bases));
  for (size_t i = 0; i < deltas.size(); i++) {
    const bool usable =
        is_usable(bases[i], found_bases[i], gone.get()) && is_full_chunk(found_bases[i]->kind);
    if (!usable) found[deltas[i]].reset();
  }
  return found;
}

Result<std::vector<bool>> ChunkStore::present(std::span<const Hash> ids) {
  std::vector<bool> present;
  for (const auto& at : TRY(find_present(ids)))
    present.push_back(at.has_value());
  return present;
}

Result<std::vector<bool>> ChunkStore::present_chunks(std::span<const Hash> ids) {
  std::vector<bool> present;
  for (const auto& at : TRY(find_present(ids)))
    present.push_back(at && is_chunk(at->kind));
  return present;
}

// A level stands in the node alone.
Result<std::vector<bool>> ChunkStore::present_nodes(std::span<const Hash> ids, uint8_t level) {
  const auto found = TRY(find_present(ids));
  std::vector<bool> present(ids.size());
  for (size_t i = 0; i < ids.size(); i++) {
    if (!found[i] || found[i]->kind != FrameKind::kNode) continue;
    const auto stored = read(ids[i]);
    if (stored) {
      present[i] = !stored->bytes.empty() && stored->bytes[0] == level;
    } else if (stored.error().code != Code::kCorrupt && stored.error().code != Code::kNotFound) {
      return stored.error();
    }
  }
  return present;
}

Result<bool> ChunkStore::may_be_delta(const Hash& id, const Hash& base) {
  if (id == base) return false;
  const Hash ids[] = {id, base};
  const auto found = TRY(index_->find_all(ids));
  if (found[0] && is_full_chunk(found[0]->kind)) return false;
  return is_usable(base, found[1], condemned().get()) && is_full_chunk(found[1]->kind);
}

// ---- reading

Result<std::shared_ptr<const UniqueFd>> ChunkStore::pack_file(const PackName& name) {
  {
    std::lock_guard lock(mutex_);
    const auto found = files_.find(name);
    if (found != files_.end()) return found->second;
  }
  const std::string path = folder_.pack(name);
  auto file = std::make_shared<const UniqueFd>(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file->valid()) {
    if (errno == ENOENT) return error(Code::kCorrupt, path + ": the pack is missing");
    return failed(path, "open");
  }
  std::lock_guard lock(mutex_);
  if (files_.size() >= kOpenFilesMax) files_.clear();  // readers keep theirs
  files_[name] = file;
  return file;
}

Result<ChunkStore::Stored> ChunkStore::read_at(const Hash& id, const Location& at) {
  const auto file = TRY(pack_file(at.pack));
  PackedFrame frame =
      TRY(read_frame(file->get(), folder_.pack(at.pack), at.offset, id, at.kind, at.stored_bytes));
  return Stored{at.kind, at.plain_bytes, std::move(frame.stored), frame.header.base,
                frame.header.block_map};
}

Result<ChunkStore::Stored> ChunkStore::read(const Hash& id) {
  auto at = TRY(index_->find(id));
  for (int tries = 0;; tries++) {
    if (!at && index_->is_quarantined(id)) {
      return error(Code::kCorrupt, to_hex(id) + ": the pack is missing that held it");
    }
    if (!at) return error(Code::kNotFound, "the store has no " + to_hex(id));
    auto stored = read_at(id, *at);
    if (stored) {
      stored->may_be_base = is_full_chunk(at->kind) && is_usable(id, at, condemned().get());
      return stored;
    }
    if (stored.error().code != Code::kCorrupt) return stored;
    // Its pack may have been rewritten meanwhile.
    const auto again = TRY(index_->find(id));
    if (again == at || tries >= kReadTriesMax) {
      quarantine(id, stored.error());
      return stored;
    }
    at = again;
  }
}

Result<void> ChunkStore::read_chunk(const DomainKeys& keys, const Hash& id, MutableBytes into) {
  CHECK(into.size() == kChunkBytes);
  const Stored stored = TRY(read(id));
  if (!is_chunk(stored.kind)) return not_its_id("chunk", id);
  if (stored.kind == FrameKind::kDelta) {
    const auto base = read_base(keys, stored.base, into);
    if (!base) {
      // It counts as missing already; what mends the store looks for it by its own id.
      const Code code = base.error().code;
      if (code == Code::kCorrupt || code == Code::kNotFound) quarantine(id, base.error());
      return error(code == Code::kNotFound ? Code::kCorrupt : code,
                   "the base of " + to_hex(id) + ": " + base.error().message);
    }
  }
  if (unpack_chunk(stored.kind, stored.block_map, stored.bytes, into) &&
      keyed_hash(keys.chunk, into) == id) {
    return {};
  }
  const Error damaged = not_its_id("chunk", id);
  quarantine(id, damaged);
  return damaged;
}

Result<void> ChunkStore::read_base(const DomainKeys& keys, const Hash& id, MutableBytes into) {
  const Stored stored = TRY(read(id));
  if (is_full_chunk(stored.kind) && unpack_chunk(stored.kind, 0, stored.bytes, into) &&
      keyed_hash(keys.chunk, into) == id) {
    return {};
  }
  const Error damaged = not_its_id("base", id);
  quarantine(id, damaged);
  return damaged;
}

Result<NodeBytes> ChunkStore::read_node(const DomainKeys& keys, const Hash& id) {
  const Stored stored = TRY(read(id));
  if (stored.kind != FrameKind::kNode) return not_its_id("node", id);
  NodeBytes node;
  if (stored.bytes.size() == node.size()) {
    std::copy(stored.bytes.begin(), stored.bytes.end(), node.begin());
    if (keyed_hash(keys.node, node) == id) return node;
  }
  const Error damaged = not_its_id("node", id);
  quarantine(id, damaged);
  return damaged;
}

// ---- quarantine

void ChunkStore::quarantine(const Hash& id, const Error& reason) {
  const auto added = index_->quarantine(id);
  // Not kept over a restart when the index takes no writes; the next reader finds it out again.
  if (added && !*added) return;
  note_damage(reason.message);
}

void ChunkStore::note_damage(std::string what) {
  std::lock_guard lock(mutex_);
  if (damage_.size() < kDamageReportsMax) damage_.push_back(std::move(what));
}

std::vector<std::string> ChunkStore::take_damage_reports() {
  std::lock_guard lock(mutex_);
  return std::exchange(damage_, {});
}

// ---- records

Result<void> ChunkStore::append_record(uint64_t generation, uint32_t kind, Bytes row) {
  if (row.size() > (1 << 20)) return error(Code::kTooLarge, "a record's row has at most 1 MiB");
  const std::vector<uint8_t> plain = pack_record({generation, kind, {row.begin(), row.end()}});
  const PackName name = next_pack(PackKind::kNode);
  PackWriter pack = TRY(create_pack(name));
  TRY(pack.append({FrameKind::kRecord, record_id(generation), uint32_t(plain.size()), plain}));
  const std::vector<DirectoryEntry> directory = TRY(pack.seal());
  return index_->add_pack(name, directory);
}

Result<StoreStats> ChunkStore::stats() {
  StoreStats stats;
  for (const PackName& name : TRY(folder_.list_packs())) {
    struct stat status {};
    const std::string path = folder_.pack(name);
    if (::stat(path.c_str(), &status) != 0) {
      if (errno == ENOENT) continue;  // a collection removed it
      return failed(path, "stat");
    }
    stats.packs++;
    stats.pack_bytes += uint64_t(status.st_size);
  }
  stats.totals = index_->totals();
  stats.index = index_->sizes();
  stats.quarantined = index_->quarantined().size();
  return stats;
}

// ---- for sessions and the collection

PackName ChunkStore::next_pack(PackKind kind) {
  std::lock_guard lock(mutex_);
  return {kind, folder_.writer_epoch(), ++counter_};
}

void ChunkStore::publish_condemned(std::shared_ptr<const Condemned> condemned) {
  std::lock_guard lock(mutex_);
  condemned_ = std::move(condemned);
}
std::shared_ptr<const Condemned> ChunkStore::condemned() {
  std::lock_guard lock(mutex_);
  return condemned_;
}

void ChunkStore::begin_pack(const PackName& pack) {
  std::lock_guard lock(mutex_);
  session_packs_.insert(pack);
}
void ChunkStore::end_packs(std::span<const PackName> packs) {
  std::lock_guard lock(mutex_);
  for (const PackName& pack : packs)
    session_packs_.erase(pack);
}
std::set<PackName> ChunkStore::session_packs() {
  std::lock_guard lock(mutex_);
  return session_packs_;
}

Result<void> ChunkStore::remove_packs(std::span<const PackName> packs) {
  const std::vector<PackName> gone = TRY(folder_.begin_removal(packs));
  for (const PackName& pack : gone) {
    TRY(index_->forget_pack(pack));
    std::lock_guard lock(mutex_);
    files_.erase(pack);  // else its room is not given back
  }
  return folder_.finish_removal();
}

}  // namespace ashlar
