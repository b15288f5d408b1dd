#include "store/index.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <numeric>
#include <unordered_set>

#include "base/check.h"
#include "base/failpoint.h"
#include "store/hash_hasher.h"

namespace ashlar {
namespace {

// Keys of 32 bytes are ids; all others are longer or shorter.
const std::string kFormatKey = "format";
const std::string kFormat = "2";
const std::string kTotalsKey = "totals";
const std::string kGapsKey = "gaps";                  // there until they were looked for
const std::string kPackPrefix = "pack/";              // then the file's name
const std::string kQuarantinePrefix = "quarantine/";  // then the id

// What RocksDB may want for a log file or a table while the batch is written. What only removes may
// use most of it: that is what gives room again.
constexpr uint64_t kReserveBytes = 16 << 20;
constexpr uint64_t kReserveForRemovalBytes = 4 << 20;

struct Value {
  uint64_t writer_epoch = 0;
  uint64_t counter = 0;
  uint64_t offset = 0;
  uint32_t stored_bytes = 0;
  uint32_t plain_bytes = 0;
  uint32_t pack_kind = 0;
  uint8_t kind = 0;
  uint8_t zero[3] = {};
};
static_assert(sizeof(Value) == 40);

rocksdb::Slice key_of(const Hash& id) {
  return {reinterpret_cast<const char*>(id.data()), id.size()};
}

// A delta's base follows the value.
std::string value_of(const PackName& pack, const DirectoryEntry& entry) {
  Value value;
  value.writer_epoch = pack.writer_epoch;
  value.counter = pack.counter;
  value.offset = entry.offset;
  value.stored_bytes = entry.stored_bytes;
  value.plain_bytes = entry.plain_bytes;
  value.pack_kind = uint32_t(pack.kind);
  value.kind = uint8_t(entry.kind);
  std::string text(reinterpret_cast<const char*>(&value), sizeof value);
  if (entry.kind == FrameKind::kDelta) text.append(key_of(entry.base).ToString());
  return text;
}

std::optional<Location> location_in(const rocksdb::Slice& text) {
  Value value;
  if (text.size() < sizeof value) return std::nullopt;
  std::memcpy(&value, text.data(), sizeof value);
  Location at{{PackKind(value.pack_kind), value.writer_epoch, value.counter},
              value.offset,
              value.stored_bytes,
              value.plain_bytes,
              FrameKind(value.kind),
              {}};
  const size_t base_bytes = at.kind == FrameKind::kDelta ? sizeof(Hash) : 0;
  if (text.size() != sizeof value + base_bytes) return std::nullopt;
  std::memcpy(at.base.data(), text.data() + sizeof value, base_bytes);
  return at;
}

Error failed(const std::string& path, const rocksdb::Status& status) {
  const Code code = status.IsNoSpace()      ? Code::kNoSpace
                    : status.IsCorruption() ? Code::kCorrupt
                                            : Code::kDeviceFailed;
  return error(code, path + ": " + status.ToString());
}

// RocksDB's own log, which nobody reads, ends the process when its disk is full: the distribution's
// build has assertions, and one of them forbids writing on after a failed write.
class NoLog final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

// Locks: writes_ orders whole writes, so that what a write reads first still holds when it is
// written; it is held across RocksDB's write, which takes one writer at a time anyway. state_
// guards failed_, totals_ and quarantined_; after writes_, and never across I/O.
class RocksIndex final : public Index {
 public:
  RocksIndex(std::string path, std::unique_ptr<rocksdb::DB> db,
             std::shared_ptr<rocksdb::Cache> cache)
      : path_(std::move(path)), db_(std::move(db)), cache_(std::move(cache)) {}

  Result<void> load() {
    std::string text;
    const rocksdb::Status status = db_->Get({}, kTotalsKey, &text);
    if (!status.ok() && !status.IsNotFound()) return failed(path_, status);
    if (text.size() == sizeof totals_) std::memcpy(&totals_, text.data(), sizeof totals_);
    return each_key(kQuarantinePrefix, [&](const std::string& rest) {
      Hash id;
      if (rest.size() != id.size()) return;
      std::memcpy(id.data(), rest.data(), id.size());
      quarantined_.insert(id);
      any_quarantined_ = true;
    });
  }

  Result<std::optional<Location>> find(const Hash& id) override {
    return std::move(TRY(find_all(std::span(&id, 1)))[0]);
  }

  Result<std::vector<std::optional<Location>>> find_all(std::span<const Hash> ids) override {
    std::vector<rocksdb::Slice> keys;
    for (const Hash& id : ids)
      keys.push_back(key_of(id));
    std::vector<rocksdb::PinnableSlice> values(ids.size());
    std::vector<rocksdb::Status> statuses(ids.size());
    db_->MultiGet({}, db_->DefaultColumnFamily(), keys.size(), keys.data(), values.data(),
                  statuses.data());
    std::vector<std::optional<Location>> found(ids.size());
    for (size_t i = 0; i < ids.size(); i++) {
      if (statuses[i].IsNotFound()) continue;
      if (!statuses[i].ok()) return failed(path_, statuses[i]);
      found[i] = location_in(values[i]);
      if (!found[i]) return malformed();
    }
    return found;
  }

  Result<void> each(const Visit& visit) override {
    const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(scan_options()));
    for (at->SeekToFirst(); at->Valid(); at->Next()) {
      Hash id;
      if (at->key().size() != id.size()) continue;
      std::memcpy(id.data(), at->key().data(), id.size());
      const auto location = location_in(at->value());
      if (!location) return malformed();
      TRY(visit(id, *location));
    }
    if (!at->status().ok()) return failed(path_, at->status());
    return {};
  }

  Result<void> add_pack(const PackName& pack, std::span<const DirectoryEntry> entries) override {
    return put_pack(pack, entries, {});
  }
  Result<void> move_to_pack(const PackName& pack, std::span<const DirectoryEntry> entries,
                            std::span<const Location> from) override {
    CHECK(from.size() == entries.size());
    return put_pack(pack, entries, from);
  }

  using Index::drop;
  Result<uint64_t> drop(std::span<const PackEntries> packs) override {
    return take_out(Taken::kDropped, packs,
                    [&](auto& batch, Change& change, const Hash& id) { lift(batch, change, id); });
  }
  Result<uint64_t> lose(std::span<const PackEntries> packs) override {
    return take_out(Taken::kLost, packs, [&](auto& batch, Change& change, const Hash& id) {
      put_in_quarantine(batch, change, id);
    });
  }

  Result<void> forget_pack(const PackName& pack) override {
    std::lock_guard lock(writes_);
    rocksdb::WriteBatch batch;
    batch.Delete(kPackPrefix + pack.file_name());
    FAILPOINT(kIndexForget);
    return write(batch, {totals(), {}, {}}, Sync::kYes, kReserveForRemovalBytes);
  }

  Result<bool> has_pack(const PackName& pack) override {
    std::string text;
    const rocksdb::Status status = db_->Get({}, kPackPrefix + pack.file_name(), &text);
    if (status.IsNotFound()) return false;
    if (!status.ok()) return failed(path_, status);
    return true;
  }

  Result<std::vector<PackName>> packs() override {
    std::vector<PackName> names;
    TRY(each_key(kPackPrefix, [&](const std::string& rest) {
      if (const auto name = parse_pack_name(rest)) names.push_back(*name);
    }));
    return names;
  }

  Result<bool> quarantine(const Hash& id) override {
    std::lock_guard lock(writes_);
    if (is_quarantined(id)) return false;
    rocksdb::WriteBatch batch;
    Change change{totals(), {}, {}};
    put_in_quarantine(batch, change, id);
    FAILPOINT(kQuarantine);
    TRY(write(batch, change, Sync::kYes, kReserveForRemovalBytes));
    return true;
  }

  Result<void> lift_quarantine(std::span<const Hash> ids) override {
    std::lock_guard lock(writes_);
    rocksdb::WriteBatch batch;
    Change change{totals(), {}, {}};
    for (const Hash& id : ids)
      lift(batch, change, id);
    if (change.lifted.empty()) return {};
    FAILPOINT(kQuarantineLift);
    return write(batch, change, Sync::kYes, kReserveForRemovalBytes);
  }

  Result<bool> may_have_gaps() override {
    std::string text;
    const rocksdb::Status status = db_->Get({}, kGapsKey, &text);
    if (!status.ok() && !status.IsNotFound()) return failed(path_, status);
    return status.ok();
  }
  Result<void> gaps_were_found() override {
    std::lock_guard lock(writes_);
    rocksdb::WriteBatch batch;
    batch.Delete(kGapsKey);
    FAILPOINT(kGapsFound);
    return write(batch, {totals(), {}, {}}, Sync::kYes, kReserveForRemovalBytes);
  }

  bool is_quarantined(const Hash& id) override {
    if (!any_quarantined_) return false;
    std::lock_guard lock(state_);
    return quarantined_.contains(id);
  }
  std::vector<Hash> quarantined() override {
    std::lock_guard lock(state_);
    std::vector<Hash> ids(quarantined_.begin(), quarantined_.end());
    std::sort(ids.begin(), ids.end());
    return ids;
  }

  IndexTotals totals() override {
    std::lock_guard lock(state_);
    return totals_;
  }
  IndexSizes sizes() override {
    const auto property = [&](const std::string& name) {
      uint64_t value = 0;
      db_->GetIntProperty(name, &value);
      return value;
    };
    IndexSizes sizes;
    sizes.bytes = property(rocksdb::DB::Properties::kTotalSstFilesSize) +
                  property(rocksdb::DB::Properties::kCurSizeAllMemTables);
    sizes.table_bytes = property(rocksdb::DB::Properties::kEstimateTableReadersMem);
    sizes.memory_bytes = sizes.table_bytes + property(rocksdb::DB::Properties::kSizeAllMemTables) +
                         cache_->GetUsage();
    return sizes;
  }

 private:
  enum class Sync { kNo, kYes };
  // What changes beside the entries, in memory once the batch is written.
  struct Change {
    IndexTotals totals;
    std::vector<Hash> quarantined;
    std::vector<Hash> lifted;
  };

  Error malformed() const { return error(Code::kCorrupt, path_ + ": a value is malformed"); }
  static std::vector<Hash> ids_of(std::span<const DirectoryEntry> entries) {
    std::vector<Hash> ids;
    for (const DirectoryEntry& entry : entries)
      ids.push_back(entry.id);
    return ids;
  }
  // RocksDB takes keys in their order at half the cost. Of one id twice, the later one stays last.
  static std::vector<size_t> by_id(std::span<const DirectoryEntry> entries) {
    std::vector<size_t> order(entries.size());
    std::iota(order.begin(), order.end(), size_t(0));
    std::stable_sort(order.begin(), order.end(),
                     [&](size_t a, size_t b) { return entries[a].id < entries[b].id; });
    return order;
  }
  static rocksdb::ReadOptions scan_options() {
    rocksdb::ReadOptions options;
    options.fill_cache = false;
    return options;
  }
  static void count(IndexTotals& totals, FrameKind kind, int change) {
    if (kind == FrameKind::kNode) totals.nodes += uint64_t(change);
    if (is_full_chunk(kind) || kind == FrameKind::kDelta) totals.chunks += uint64_t(change);
  }
  void lift(rocksdb::WriteBatch& batch, Change& change, const Hash& id) {
    if (!is_quarantined(id)) return;
    batch.Delete(kQuarantinePrefix + key_of(id).ToString());
    change.lifted.push_back(id);
  }

  void put_in_quarantine(rocksdb::WriteBatch& batch, Change& change, const Hash& id) {
    batch.Put(kQuarantinePrefix + key_of(id).ToString(), "");
    change.quarantined.push_back(id);
  }

  enum class Taken : uint8_t { kDropped, kLost };
  template <typename AndThen>
  Result<uint64_t> take_out(Taken how, std::span<const PackEntries> packs, AndThen and_then) {
    std::lock_guard lock(writes_);
    rocksdb::WriteBatch batch;
    Change change{totals(), {}, {}};
    uint64_t taken = 0;
    for (const auto& [pack, entries] : packs) {
      const auto found = TRY(find_all(ids_of(entries)));
      for (size_t i = 0; i < entries.size(); i++) {
        if (!found[i] || !found[i]->is(pack, entries[i].offset)) continue;
        batch.Delete(key_of(entries[i].id));
        and_then(batch, change, entries[i].id);
        count(change.totals, found[i]->kind, -1);
        taken++;
      }
    }
    if (taken == 0) return taken;
    if (how == Taken::kDropped) FAILPOINT(kIndexDrop);
    if (how == Taken::kLost) FAILPOINT(kIndexLose);
    TRY(write(batch, change, Sync::kYes, kReserveForRemovalBytes));
    return taken;
  }

  template <typename Take>
  Result<void> each_key(const std::string& prefix, Take take) {
    const std::unique_ptr<rocksdb::Iterator> at(db_->NewIterator(scan_options()));
    for (at->Seek(prefix); at->Valid() && at->key().starts_with(prefix); at->Next()) {
      if (at->key().size() == sizeof(Hash)) continue;
      take(std::string(at->key().data() + prefix.size(), at->key().size() - prefix.size()));
    }
    if (!at->status().ok()) return failed(path_, at->status());
    return {};
  }

  // With `from`, an entry whose id is elsewhere by now stays where it is.
  Result<void> put_pack(const PackName& pack, std::span<const DirectoryEntry> entries,
                        std::span<const Location> from) {
    std::lock_guard lock(writes_);
    const auto found = TRY(find_all(ids_of(entries)));
    rocksdb::WriteBatch batch;
    Change change{totals(), {}, {}};
    std::unordered_set<Hash, HashHasher> put;
    for (const size_t i : by_id(entries)) {
      const DirectoryEntry& entry = entries[i];
      if (entry.kind == FrameKind::kRecord) {
        change.totals.highest_generation =
            std::max(change.totals.highest_generation, record_generation(entry.id));
        continue;
      }
      if (from.empty()) {
        const bool leaned_on = found[i] && is_full_chunk(found[i]->kind);
        if (leaned_on && entry.kind == FrameKind::kDelta) continue;
      } else if (found[i] != from[i]) {
        continue;
      }
      batch.Put(key_of(entry.id), value_of(pack, entry));
      lift(batch, change, entry.id);
      if (!found[i] && put.insert(entry.id).second) count(change.totals, entry.kind, 1);
    }
    batch.Put(kPackPrefix + pack.file_name(), "");
    if (!from.empty()) FAILPOINT(kIndexMove);
    if (!change.lifted.empty()) FAILPOINT(kQuarantineLift);
    return write(batch, change, from.empty() ? Sync::kNo : Sync::kYes, kReserveBytes);
  }

  // After a write that failed nothing is written until the store is opened again: RocksDB would go
  // on behind the torn end of its log, or stop the process. A full disk is found out before.
  Result<void> write(rocksdb::WriteBatch& batch, const Change& change, Sync sync,
                     uint64_t reserve_bytes) {
    {
      std::lock_guard lock(state_);
      if (failed_) return *failed_;
    }
    batch.Put(kTotalsKey, {reinterpret_cast<const char*>(&change.totals), sizeof change.totals});
    struct statvfs disk {};
    if (::statvfs(path_.c_str(), &disk) != 0) {
      return error(Code::kDeviceFailed, path_ + ": " + std::strerror(errno));
    }
    const uint64_t free_bytes = uint64_t(disk.f_bavail) * disk.f_frsize;
    if (free_bytes < batch.GetDataSize() + reserve_bytes) {
      return error(Code::kNoSpace, path_ + ": the disk has " + std::to_string(free_bytes) +
                                       " bytes left, too few to write to the index");
    }
    rocksdb::WriteOptions options;
    options.sync = sync == Sync::kYes;
    const rocksdb::Status status = db_->Write(options, &batch);
    std::lock_guard lock(state_);
    if (!status.ok()) {
      failed_ = failed(path_, status);
      failed_->message += "; the store takes nothing more until the daemon is restarted";
      return *failed_;
    }
    totals_ = change.totals;
    quarantined_.insert(change.quarantined.begin(), change.quarantined.end());
    for (const Hash& id : change.lifted)
      quarantined_.erase(id);
    any_quarantined_ = !quarantined_.empty();
    return {};
  }

  const std::string path_;
  const std::unique_ptr<rocksdb::DB> db_;
  const std::shared_ptr<rocksdb::Cache> cache_;
  std::mutex writes_;
  std::mutex state_;
  std::optional<Error> failed_;
  IndexTotals totals_;
  std::unordered_set<Hash, HashHasher> quarantined_;
  std::atomic<bool> any_quarantined_ = false;  // spares most look-ups the lock
};

struct Opened {
  std::unique_ptr<rocksdb::DB> db;
  std::shared_ptr<rocksdb::Cache> cache;
};

// A TiB of unique chunks has 16.8 M entries: 20 MiB of filters and, with blocks of 16 KiB, 5 MiB of
// table indexes, held in memory; then the two caches below, whatever the size.
Result<Opened> open_rocks(const std::string& path, bool read_only) {
  rocksdb::Options options;
  options.create_if_missing = !read_only;
  options.info_log = std::make_shared<NoLog>();
  // A log that takes its room in advance costs a small store more than what it holds.
  options.allow_fallocate = false;
  options.max_open_files = 256;
  options.write_buffer_size = 8 << 20;
  // Most look-ups are for what is not there.
  options.memtable_whole_key_filtering = true;
  options.memtable_prefix_bloom_size_ratio = 0.1;
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_size = 16 << 10;
  table.block_cache = rocksdb::NewLRUCache(16 << 20);
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status status = read_only ? rocksdb::DB::OpenForReadOnly(options, path, &raw)
                                           : rocksdb::DB::Open(options, path, &raw);
  std::unique_ptr<rocksdb::DB> db(raw);
  if (!status.ok()) return failed(path, status);
  return Opened{std::move(db), table.block_cache};
}

bool has_format(rocksdb::DB& db) {
  std::string text;
  return db.Get({}, kFormatKey, &text).ok() && text == kFormat;
}

bool holds_anything(rocksdb::DB& db) {
  const std::unique_ptr<rocksdb::Iterator> at(db.NewIterator({}));
  at->SeekToFirst();
  return at->Valid();
}

Result<std::unique_ptr<Index>> load(const std::string& path, Opened opened) {
  auto index = std::make_unique<RocksIndex>(path, std::move(opened.db), std::move(opened.cache));
  TRY(index->load());
  return std::unique_ptr<Index>(std::move(index));
}

}  // namespace

Result<std::unique_ptr<Index>> Index::open(const std::string& path) {
  Opened opened = TRY(open_rocks(path, false));
  if (!has_format(*opened.db)) {
    if (holds_anything(*opened.db)) {
      opened.db.reset();
      FAILPOINT(kIndexDestroy);
      const rocksdb::Status gone = rocksdb::DestroyDB(path, {});
      if (!gone.ok()) return failed(path, gone);
      opened = TRY(open_rocks(path, false));
    }
    rocksdb::WriteBatch batch;
    batch.Put(kGapsKey, "");
    batch.Put(kFormatKey, kFormat);
    const rocksdb::Status put = opened.db->Write({}, &batch);
    if (!put.ok()) return failed(path, put);
  }
  return load(path, std::move(opened));
}

Result<std::unique_ptr<Index>> Index::open_read_only(const std::string& path) {
  Opened opened = TRY(open_rocks(path, true));
  if (!has_format(*opened.db)) {
    return error(Code::kNewerFormat, path + ": an index of another version; rebuild it");
  }
  return load(path, std::move(opened));
}

}  // namespace ashlar
