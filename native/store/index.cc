#include "store/index.h"

#include <rocksdb/db.h>
#include <rocksdb/env.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/table.h>
#include <sys/statvfs.h>

#include <cerrno>
#include <cstring>
#include <mutex>

namespace ashlar {
namespace {

// What RocksDB may want for a log file or a table while the batch is written.
constexpr uint64_t kReserveBytes = 16 << 20;

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

class RocksIndex final : public Index {
 public:
  RocksIndex(std::string path, std::unique_ptr<rocksdb::DB> db)
      : path_(std::move(path)), db_(std::move(db)) {}

  Result<std::optional<Location>> find(const Hash& id) override {
    std::string text;
    const rocksdb::Status status = db_->Get({}, key_of(id), &text);
    if (status.IsNotFound()) return std::optional<Location>();
    if (!status.ok()) return failed(path_, status);
    Value value;
    if (text.size() != sizeof value) return error(Code::kCorrupt, path_ + ": a value is malformed");
    std::memcpy(&value, text.data(), sizeof value);
    return std::optional<Location>({{PackKind(value.pack_kind), value.writer_epoch, value.counter},
                                    value.offset,
                                    value.stored_bytes,
                                    value.plain_bytes,
                                    FrameKind(value.kind)});
  }

  Result<std::vector<bool>> present(std::span<const Hash> ids) override {
    std::vector<rocksdb::Slice> keys;
    for (const Hash& id : ids)
      keys.push_back(key_of(id));
    std::vector<rocksdb::PinnableSlice> values(ids.size());
    std::vector<rocksdb::Status> statuses(ids.size());
    db_->MultiGet({}, db_->DefaultColumnFamily(), keys.size(), keys.data(), values.data(),
                  statuses.data());
    std::vector<bool> found(ids.size());
    for (size_t i = 0; i < ids.size(); i++) {
      if (!statuses[i].ok() && !statuses[i].IsNotFound()) return failed(path_, statuses[i]);
      found[i] = statuses[i].ok();
    }
    return found;
  }

  Result<void> add_pack(const PackName& pack, std::span<const DirectoryEntry> entries) override {
    rocksdb::WriteBatch batch;
    for (const DirectoryEntry& entry : entries) {
      if (entry.kind == FrameKind::kRecord) continue;
      Value value;
      value.writer_epoch = pack.writer_epoch;
      value.counter = pack.counter;
      value.offset = entry.offset;
      value.stored_bytes = entry.stored_bytes;
      value.plain_bytes = entry.plain_bytes;
      value.pack_kind = uint32_t(pack.kind);
      value.kind = uint8_t(entry.kind);
      batch.Put(key_of(entry.id), {reinterpret_cast<const char*>(&value), sizeof value});
    }
    batch.Put("pack/" + pack.file_name(), "");
    return write(batch);
  }

  Result<bool> has_pack(const PackName& pack) override {
    std::string text;
    const rocksdb::Status status = db_->Get({}, "pack/" + pack.file_name(), &text);
    if (status.IsNotFound()) return false;
    if (!status.ok()) return failed(path_, status);
    return true;
  }

 private:
  // After a write that failed nothing is written until the store is opened again: RocksDB would go
  // on behind the torn end of its log, or stop the process. A full disk is found out before.
  Result<void> write(rocksdb::WriteBatch& batch) {
    {
      std::lock_guard lock(mutex_);
      if (failed_) return *failed_;
    }
    struct statvfs disk {};
    if (::statvfs(path_.c_str(), &disk) != 0) {
      return error(Code::kDeviceFailed, path_ + ": " + std::strerror(errno));
    }
    const uint64_t free_bytes = uint64_t(disk.f_bavail) * disk.f_frsize;
    if (free_bytes < batch.GetDataSize() + kReserveBytes) {
      return error(Code::kNoSpace, path_ + ": the disk has " + std::to_string(free_bytes) +
                                       " bytes left, too few to write to the index");
    }
    const rocksdb::Status status = db_->Write({}, &batch);
    if (status.ok()) return {};
    std::lock_guard lock(mutex_);
    failed_ = failed(path_, status);
    failed_->message += "; the store takes nothing more until the daemon is restarted";
    return *failed_;
  }

  const std::string path_;
  const std::unique_ptr<rocksdb::DB> db_;
  std::mutex mutex_;
  std::optional<Error> failed_;
};

}  // namespace

Result<std::unique_ptr<Index>> Index::open(const std::string& path) {
  rocksdb::Options options;
  options.create_if_missing = true;
  options.info_log = std::make_shared<NoLog>();
  options.max_open_files = 256;
  options.write_buffer_size = 16 << 20;
  rocksdb::BlockBasedTableOptions table;
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.block_cache = rocksdb::NewLRUCache(16 << 20);
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  rocksdb::DB* raw = nullptr;
  const rocksdb::Status status = rocksdb::DB::Open(options, path, &raw);
  std::unique_ptr<rocksdb::DB> db(raw);
  if (!status.ok()) return failed(path, status);
  return std::unique_ptr<Index>(std::make_unique<RocksIndex>(path, std::move(db)));
}

}  // namespace ashlar
