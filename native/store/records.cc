#include "store/records.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <set>

namespace ashlar {
namespace {

// A collection takes packs away while they are read, some at a time; the next try reads only what
// came instead.
constexpr int kReadTriesMax = 100;

enum class Keep { kAll, kDamaged };

Result<void> read_pack(const std::string& path, const PackName& name, Keep keep, Records& into) {
  const auto directory = find_directory(path, name);
  if (!directory) {
    if (directory.error().code == Code::kDeviceFailed) return directory.error();
    into.damaged.push_back({std::nullopt, directory.error().message});
    return {};
  }
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return error(Code::kDeviceFailed, path + ": open: " + std::strerror(errno));
  for (const DirectoryEntry& entry : directory->entries) {
    if (entry.kind != FrameKind::kRecord) continue;
    auto record = read_record(file.get(), path, entry);
    if (record) {
      if (keep == Keep::kAll) into.records.push_back(*std::move(record));
    } else if (record.error().code == Code::kCorrupt) {
      into.damaged.push_back({record_generation(entry.id), record.error().message});
    } else {
      return std::move(record).error();
    }
  }
  return {};
}

// Node packs that are listed now and were not read yet. False when one went away meanwhile: what it
// held is in a later one, which may not be listed.
Result<bool> read_more(const StoreFolder& folder, Keep keep, std::set<PackName>& read,
                       Records& into) {
  bool all = true;
  for (const PackName& name : TRY(folder.list_packs())) {
    if (name.kind != PackKind::kNode || read.contains(name)) continue;
    const std::string path = folder.pack(name);
    const auto done = read_pack(path, name, keep, into);
    if (done) {
      read.insert(name);
    } else if (::access(path.c_str(), F_OK) != 0 && errno == ENOENT) {
      all = false;
    } else {
      return done.error();
    }
  }
  return all;
}

Result<Records> read_all(const StoreFolder& folder, Keep keep) {
  Records records;
  std::set<PackName> read;
  for (int tries = 0; tries < kReadTriesMax; tries++) {
    if (TRY(read_more(folder, keep, read, records))) return records;
  }
  return error(Code::kDeviceFailed, folder.packs() + ": packs vanish while they are read");
}

}  // namespace

std::vector<uint8_t> pack_record(const StoreRecord& record) {
  const RecordBody body{record.generation, record.kind, uint32_t(record.row.size())};
  std::vector<uint8_t> bytes(sizeof body + record.row.size());
  std::memcpy(bytes.data(), &body, sizeof body);
  std::copy(record.row.begin(), record.row.end(), bytes.begin() + sizeof body);
  return bytes;
}

Result<StoreRecord> read_record(int file, const std::string& path, const DirectoryEntry& entry) {
  const auto damaged = [&] {
    return error(Code::kCorrupt, path + ": the record of generation " +
                                     std::to_string(record_generation(entry.id)) + " is damaged");
  };
  auto read = read_frame(file, path, entry.offset, entry.id, entry.kind, entry.stored_bytes);
  if (!read && read.error().code == Code::kCorrupt) return damaged();
  const PackedFrame frame = TRY(std::move(read));
  RecordBody body;
  const size_t bytes = frame.stored.size();
  if (bytes >= sizeof body) std::memcpy(&body, frame.stored.data(), sizeof body);
  if (bytes < sizeof body || bytes - sizeof body != body.row_bytes ||
      (body.kind != kRecordCommit && body.kind != kRecordDelete)) {
    return damaged();
  }
  return StoreRecord{
      body.generation, body.kind, {frame.stored.begin() + sizeof body, frame.stored.end()}};
}

Result<Records> read_records(const StoreFolder& folder) {
  Records all = TRY(read_all(folder, Keep::kAll));
  std::vector<StoreRecord>& records = all.records;
  std::stable_sort(records.begin(), records.end(), [](const StoreRecord& a, const StoreRecord& b) {
    return a.generation < b.generation;
  });
  // One that a collection moved is met in both packs, now or, where it was cut off, at any time.
  const auto twice = [](const StoreRecord& a, const StoreRecord& b) {
    return a.generation == b.generation && a.kind == b.kind && a.row == b.row;
  };
  records.erase(std::unique(records.begin(), records.end(), twice), records.end());
  return all;
}

Result<std::vector<DamagedRecord>> find_damaged_records(const StoreFolder& folder) {
  return TRY(read_all(folder, Keep::kDamaged)).damaged;
}

}  // namespace ashlar
