#include "store/store_folder.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <utility>

#include "base/failpoint.h"
#include "base/id.h"
#include "codec/crc32c.h"

namespace ashlar {
namespace {

namespace fs = std::filesystem;

Error failed(const std::string& path, const char* what) {
  const bool full = errno == ENOSPC || errno == EDQUOT;
  return error(full ? Code::kNoSpace : Code::kDeviceFailed,
               path + ": " + what + ": " + std::strerror(errno));
}

std::string random_uuid() {
  Id id;
  (void)!getrandom(id.uuid.data(), id.uuid.size(), 0);
  return to_string(id).substr(5);
}

// Of a field that nothing ends when it is full.
std::string text_of(const std::array<char, 40>& field) {
  return {field.begin(), std::find(field.begin(), field.end(), '\0')};
}

Result<std::vector<std::string>> list_files(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code failure;
  fs::directory_iterator at(folder, failure);
  for (; !failure && at != fs::directory_iterator(); at.increment(failure))
    names.push_back(at->path().filename());
  if (failure) return error(Code::kDeviceFailed, folder + ": " + failure.message());
  std::sort(names.begin(), names.end());
  return names;
}

uint32_t header_crc(const StoreHeader& header) {
  return crc32c(Bytes(reinterpret_cast<const uint8_t*>(&header), offsetof(StoreHeader, crc)));
}

// Nothing when there is no file.
Result<std::optional<StoreHeader>> read_header(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    if (errno == ENOENT) return std::optional<StoreHeader>();
    return failed(path, "open");
  }
  StoreHeader header;
  const ssize_t got = ::read(file.get(), &header, sizeof header);
  if (got < 0) return failed(path, "read");
  if (got < ssize_t(sizeof header.magic) || header.magic != kStoreMagic) {
    return error(Code::kForeignFile, path + ": not an Ashlar chunk store; it was left untouched");
  }
  if (header.version > kStoreVersion) {
    return error(Code::kNewerFormat, path + ": written by a newer version of Ashlar");
  }
  if (got != ssize_t(sizeof header) || header.crc != header_crc(header)) {
    return error(Code::kCorrupt, path + ": the header is damaged");
  }
  return std::optional(header);
}

// Written beside, synced, renamed: there is always one whole file of this name, or none.
Result<void> write_whole(const std::string& folder, const std::string& name, Bytes bytes) {
  const std::string path = folder + "/" + name;
  const std::string temporary = path + ".tmp";
  const UniqueFd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid()) return failed(temporary, "create");
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t put = ::write(file.get(), bytes.data() + done, bytes.size() - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return failed(temporary, "write");
    done += size_t(put);
  }
  if (::fsync(file.get()) != 0) return failed(temporary, "sync");
  // reversible: who calls has passed the failpoint of what this file says
  if (::rename(temporary.c_str(), path.c_str()) != 0) return failed(path, "rename");
  return sync_folder(folder);
}

Result<void> write_header(const std::string& folder, const StoreHeader& header) {
  return write_whole(folder, "STORE", {reinterpret_cast<const uint8_t*>(&header), sizeof header});
}

// ---- the list of packs that are being removed

std::vector<uint8_t> pack_removal(std::span<const PackName> packs) {
  RemovalHeader header;
  header.entries = uint32_t(packs.size());
  std::vector<uint8_t> bytes(sizeof header + packs.size() * sizeof(RemovalEntry));
  for (size_t i = 0; i < packs.size(); i++) {
    const RemovalEntry entry{uint32_t(packs[i].kind), 0, packs[i].writer_epoch, packs[i].counter};
    std::memcpy(&bytes[sizeof header + i * sizeof entry], &entry, sizeof entry);
  }
  std::memcpy(bytes.data(), &header, sizeof header);
  header.crc = crc32c(bytes);  // the field is still zero
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

// Nothing when it is not what pack_removal() made.
std::optional<std::vector<PackName>> parse_removal(std::vector<uint8_t> bytes) {
  RemovalHeader header;
  if (bytes.size() < sizeof header) return std::nullopt;
  std::memcpy(&header, bytes.data(), sizeof header);
  const uint32_t crc = std::exchange(header.crc, 0);
  std::memcpy(bytes.data(), &header, sizeof header);
  if (header.magic != kRemovalMagic || header.version != kStoreVersion || crc != crc32c(bytes) ||
      bytes.size() != sizeof header + uint64_t(header.entries) * sizeof(RemovalEntry)) {
    return std::nullopt;
  }
  std::vector<PackName> packs;
  for (size_t at = sizeof header; at < bytes.size(); at += sizeof(RemovalEntry)) {
    RemovalEntry entry;
    std::memcpy(&entry, &bytes[at], sizeof entry);
    packs.push_back({PackKind(entry.kind), entry.writer_epoch, entry.counter});
  }
  return packs;
}

}  // namespace

Result<void> sync_folder(const std::string& path) {
  const UniqueFd directory(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid() || ::fsync(directory.get()) != 0) return failed(path, "sync");
  return {};
}

Result<void> StoreFolder::take_lock() {
  const std::string lock_path = path_ + "/LOCK";
  lock_ = UniqueFd(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!lock_.valid()) return failed(lock_path, "open");
  if (::flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    return error(Code::kInUse, path_ + ": another process has this store open; stop it first");
  }
  return {};
}

// Else a new pack would take the name of one that is there.
Result<void> StoreFolder::check_epoch(const StoreHeader& header) const {
  for (const PackName& name : TRY(list_packs())) {
    if (name.writer_epoch > header.writer_epoch) {
      return error(Code::kCorrupt, path_ + "/STORE: is missing or older than the packs beside it");
    }
  }
  return {};
}

Result<StoreFolder> StoreFolder::open(const std::string& path, const std::string& catalog_uuid,
                                      bool adopt) {
  std::error_code failure;
  fs::create_directories(path + "/packs", failure);
  if (failure) return error(Code::kDeviceFailed, path + ": " + failure.message());
  StoreFolder folder(path);
  TRY(folder.take_lock());
  const std::string header_path = path + "/STORE";
  StoreHeader header;
  if (catalog_uuid.size() >= header.catalog_uuid.size()) {
    return error(Code::kInvalidArgument, "a catalog's uuid has 36 characters");
  }
  if (const auto found = TRY(read_header(header_path))) {
    header = *found;
    const std::string owner = text_of(header.catalog_uuid);
    if (adopt) {
      header.catalog_uuid = {};
      std::copy(catalog_uuid.begin(), catalog_uuid.end(), header.catalog_uuid.begin());
    } else if (catalog_uuid != owner) {
      return error(Code::kFailedPrecondition,
                   header_path + ": belongs to catalog " + owner + ", not " + catalog_uuid);
    }
  } else {
    const std::string uuid = random_uuid();
    std::copy(uuid.begin(), uuid.end(), header.store_uuid.begin());
    std::copy(catalog_uuid.begin(), catalog_uuid.end(), header.catalog_uuid.begin());
  }
  TRY(folder.check_epoch(header));
  header.writer_epoch++;
  header.crc = header_crc(header);
  folder.writer_epoch_ = header.writer_epoch;
  FAILPOINT(kStoreEpoch);
  TRY(write_header(path, header));
  TRY(folder.finish_removal());
  return folder;
}

Result<StoreFolder> StoreFolder::open_offline(const std::string& path) {
  const std::string header_path = path + "/STORE";
  const auto missing = [&] {
    return error(Code::kNotFound, path + ": no chunk store is there (it has no file STORE)");
  };
  if (!TRY(read_header(header_path))) return missing();
  StoreFolder folder(path);
  TRY(folder.take_lock());
  const auto header = TRY(read_header(header_path));
  if (!header) return missing();
  TRY(folder.check_epoch(*header));
  folder.writer_epoch_ = header->writer_epoch;
  return folder;
}

Result<std::vector<PackName>> StoreFolder::list_packs() const {
  const std::vector<PackName> gone = TRY(read_removal());
  std::vector<PackName> names;
  for (const std::string& file : TRY(list_files(packs()))) {
    const auto name = parse_pack_name(file);
    if (name && !std::binary_search(gone.begin(), gone.end(), *name)) names.push_back(*name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

Result<std::vector<std::string>> StoreFolder::list_other_files() const {
  std::vector<std::string> others = TRY(list_files(packs()));
  std::erase_if(others, [](const std::string& file) { return parse_pack_name(file).has_value(); });
  return others;
}

// In the order of names.
Result<std::vector<PackName>> StoreFolder::read_removal() const {
  std::ifstream file(removal(), std::ios::binary);
  if (!file.is_open()) {
    // Asked in one call: a collection removes it beside those who list packs.
    if (errno == ENOENT) return std::vector<PackName>();
    return failed(removal(), "open");
  }
  auto packs = parse_removal({std::istreambuf_iterator<char>(file), {}});
  if (packs) return *std::move(packs);
  return error(Code::kCorrupt, removal() +
                                   ": is damaged, and tells which packs a collection has given "
                                   "up; delete it and run `ashlar store-rebuild-index`");
}

Result<std::vector<PackName>> StoreFolder::begin_removal(std::span<const PackName> packs) const {
  std::vector<PackName> all = TRY(read_removal());
  if (packs.empty()) return all;
  all.insert(all.end(), packs.begin(), packs.end());
  std::sort(all.begin(), all.end());
  FAILPOINT(kRemovalBegin);
  TRY(write_whole(path_, "REMOVAL", pack_removal(all)));
  return all;
}

// Should the list come back by a crash, its packs are gone; names are never used again.
Result<void> StoreFolder::finish_removal() const {
  const std::vector<PackName> gone = TRY(read_removal());
  if (gone.empty()) return {};
  for (const PackName& name : gone) {
    FAILPOINT(kPackDelete);
    if (::unlink(pack(name).c_str()) != 0 && errno != ENOENT) return failed(pack(name), "remove");
  }
  TRY(sync_folder(packs()));
  FAILPOINT(kRemovalEnd);
  if (::unlink(removal().c_str()) != 0) return failed(removal(), "remove");
  return {};
}

}  // namespace ashlar
