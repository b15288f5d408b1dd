#include "store/chunk_store.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>

#include "base/check.h"
#include "codec/crc32c.h"
#include "codec/lz4.h"
#include "store/delta.h"

namespace ashlar {
namespace {

namespace fs = std::filesystem;

constexpr size_t kOpenFilesMax = 128;

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

template <typename Visit>
Result<void> each_file(const std::string& folder, Visit visit) {
  std::error_code failure;
  fs::directory_iterator at(folder, failure);
  for (; !failure && at != fs::directory_iterator(); at.increment(failure))
    TRY(visit(at->path()));
  if (failure) return error(Code::kDeviceFailed, folder + ": " + failure.message());
  return {};
}

// The highest writer epoch that names a pack; 0 without packs.
Result<uint64_t> newest_epoch(const std::string& packs_folder) {
  uint64_t newest = 0;
  TRY(each_file(packs_folder, [&](const fs::path& path) -> Result<void> {
    if (const auto name = parse_pack_name(path.filename())) {
      newest = std::max(newest, name->writer_epoch);
    }
    return {};
  }));
  return newest;
}

uint32_t header_crc(const StoreHeader& header) {
  return crc32c(Bytes(reinterpret_cast<const uint8_t*>(&header), offsetof(StoreHeader, crc)));
}

// Written beside, synced, renamed: there is always one whole header.
Result<void> write_header(const std::string& folder, const StoreHeader& header) {
  const std::string path = folder + "/STORE";
  const std::string temporary = path + ".tmp";
  const UniqueFd file(::open(temporary.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!file.valid()) return failed(temporary, "create");
  for (size_t done = 0; done < sizeof header;) {
    const auto* bytes = reinterpret_cast<const uint8_t*>(&header);
    const ssize_t put = ::write(file.get(), bytes + done, sizeof header - done);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return failed(temporary, "write");
    done += size_t(put);
  }
  if (::fsync(file.get()) != 0) return failed(temporary, "sync");
  if (::rename(temporary.c_str(), path.c_str()) != 0) return failed(path, "rename");
  const UniqueFd directory(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!directory.valid() || ::fsync(directory.get()) != 0) return failed(folder, "sync");
  return {};
}

}  // namespace

Result<std::unique_ptr<ChunkStore>> ChunkStore::open(const std::string& folder,
                                                     const std::string& catalog_uuid, bool adopt) {
  std::error_code ignored;
  fs::create_directories(folder + "/packs", ignored);
  if (ignored) return error(Code::kDeviceFailed, folder + ": " + ignored.message());
  std::unique_ptr<ChunkStore> store(new ChunkStore(folder));
  const std::string lock_path = folder + "/LOCK";
  store->lock_ = UniqueFd(::open(lock_path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  if (!store->lock_.valid()) return failed(lock_path, "open");
  if (::flock(store->lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    return error(Code::kInUse, folder + ": another process has this store open; stop it first");
  }
  TRY(store->open_header(catalog_uuid, adopt));
  store->index_ = TRY(Index::open(folder + "/index"));
  TRY(store->mend_index());
  return store;
}

Result<void> ChunkStore::open_header(const std::string& catalog_uuid, bool adopt) {
  const std::string path = folder_ + "/STORE";
  StoreHeader header;
  if (catalog_uuid.size() >= header.catalog_uuid.size()) {
    return error(Code::kInvalidArgument, "a catalog's uuid has 36 characters");
  }
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) {
    if (errno != ENOENT) return failed(path, "open");
    const std::string uuid = random_uuid();
    std::copy(uuid.begin(), uuid.end(), header.store_uuid.begin());
    std::copy(catalog_uuid.begin(), catalog_uuid.end(), header.catalog_uuid.begin());
  } else {
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
    const std::string owner = text_of(header.catalog_uuid);
    if (adopt) {
      header.catalog_uuid = {};
      std::copy(catalog_uuid.begin(), catalog_uuid.end(), header.catalog_uuid.begin());
    } else if (catalog_uuid != owner) {
      return error(Code::kFailedPrecondition,
                   path + ": belongs to catalog " + owner + ", not " + catalog_uuid);
    }
  }
  // A new pack would take the name of one that is there.
  if (TRY(newest_epoch(packs_folder())) > header.writer_epoch) {
    return error(Code::kCorrupt, path + ": is missing or older than the packs beside it");
  }
  header.writer_epoch++;
  header.crc = header_crc(header);
  writer_epoch_ = header.writer_epoch;
  return write_header(folder_, header);
}

// Packs the index does not know (it was lost, or the process died between the two) are read in.
Result<void> ChunkStore::mend_index() {
  return each_file(packs_folder(), [&](const fs::path& path) -> Result<void> {
    const std::string file_name = path.filename();
    if (file_name.ends_with(".tmp")) {
      ::unlink(path.c_str());
      return {};
    }
    const auto name = parse_pack_name(file_name);
    if (!name || TRY(index_->has_pack(*name))) return {};
    const std::vector<DirectoryEntry> directory = TRY(read_directory(path, *name));
    return index_->add_pack(*name, directory);
  });
}

uint64_t ChunkStore::next_counter() {
  std::lock_guard lock(mutex_);
  return ++counter_;
}

Result<std::shared_ptr<const UniqueFd>> ChunkStore::pack_file(const PackName& name) {
  const std::string file_name = name.file_name();
  {
    std::lock_guard lock(mutex_);
    const auto found = files_.find(file_name);
    if (found != files_.end()) return found->second;
  }
  const std::string path = packs_folder() + "/" + file_name;
  auto file = std::make_shared<const UniqueFd>(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file->valid()) {
    if (errno == ENOENT) return error(Code::kCorrupt, path + ": the pack is missing");
    return failed(path, "open");
  }
  std::lock_guard lock(mutex_);
  if (files_.size() >= kOpenFilesMax) files_.clear();  // readers keep theirs
  files_[file_name] = file;
  return file;
}

Result<ChunkStore::Stored> ChunkStore::read(const Hash& id) {
  const auto at = TRY(index_->find(id));
  if (!at) return error(Code::kNotFound, "the store has no " + to_hex(id));
  const auto file = TRY(pack_file(at->pack));
  const std::string path = packs_folder() + "/" + at->pack.file_name();
  Stored stored;
  stored.kind = at->kind;
  stored.plain_bytes = at->plain_bytes;
  PackedFrame frame =
      TRY(read_frame(file->get(), path, at->offset, id, at->kind, at->stored_bytes));
  stored.bytes = std::move(frame.stored);
  stored.base = frame.header.base;
  stored.block_map = frame.header.block_map;
  return stored;
}

Result<void> ChunkStore::read_chunk(const DomainKeys& keys, const Hash& id, MutableBytes into) {
  CHECK(into.size() == kChunkBytes);
  const auto damaged = [&] {
    return error(Code::kCorrupt, "the chunk " + to_hex(id) + " is not what its id says");
  };
  const Stored stored = TRY(read(id));
  switch (stored.kind) {
    case FrameKind::kRaw:
      if (stored.bytes.size() != into.size()) return damaged();
      std::copy(stored.bytes.begin(), stored.bytes.end(), into.begin());
      break;
    case FrameKind::kLz4:
      if (!lz4_decompress(stored.bytes, into)) return damaged();
      break;
    case FrameKind::kDelta:
      TRY(read_chunk(keys, stored.base, into));
      if (!apply_delta(stored.block_map, stored.bytes, into)) return damaged();
      break;
    case FrameKind::kNode:
    case FrameKind::kManifest:
    case FrameKind::kRecord:
      return damaged();
  }
  if (keyed_hash(keys.chunk, into) != id) return damaged();
  return {};
}

Result<void> ChunkStore::append_record(uint64_t generation, uint32_t kind, Bytes row) {
  if (row.size() > (1 << 20)) return error(Code::kTooLarge, "a record's row has at most 1 MiB");
  std::vector<uint8_t> plain(sizeof(RecordBody));
  const RecordBody body{generation, kind, uint32_t(row.size())};
  std::memcpy(plain.data(), &body, sizeof body);
  plain.insert(plain.end(), row.begin(), row.end());
  const PackName name{PackKind::kNode, writer_epoch_, next_counter()};
  PackWriter pack = TRY(PackWriter::create(packs_folder(), name));
  TRY(pack.append({FrameKind::kRecord, Hash{}, uint32_t(plain.size()), plain}));
  const std::vector<DirectoryEntry> directory = TRY(pack.seal());
  return index_->add_pack(name, directory);
}

Result<StoreStats> ChunkStore::stats() {
  StoreStats stats;
  TRY(each_file(packs_folder(), [&](const fs::path& path) -> Result<void> {
    if (!parse_pack_name(path.filename())) return {};
    std::error_code failure;
    const uint64_t bytes = fs::file_size(path, failure);
    if (failure) return error(Code::kDeviceFailed, path.string() + ": " + failure.message());
    stats.packs++;
    stats.pack_bytes += bytes;
    return {};
  }));
  return stats;
}

Result<PackWriter> ChunkStore::create_pack(const PackName& name) {
  return PackWriter::create(packs_folder(), name);
}

// ---- session

Result<void> StoreSession::add(std::optional<Open>& open, PackKind kind, const StoredFrame& frame) {
  if (!open) {
    const PackName name{kind, store_.writer_epoch(), store_.next_counter()};
    open.emplace(Open{name, TRY(store_.create_pack(name))});
  }
  TRY(open->writer.append(frame));
  added_bytes_ += sizeof(FrameHeader) + frame.stored.size();
  return {};
}

Result<void> StoreSession::seal(std::optional<Open>& open) {
  if (!open) return {};
  const std::vector<DirectoryEntry> directory = TRY(open->writer.seal());
  TRY(store_.add_pack(open->name, directory));
  open.reset();
  return {};
}

// What was open is removed with the first failure: on a full disk it would be in the way.
Result<void> StoreSession::keep(Result<void> outcome) {
  if (outcome) return outcome;
  failed_ = outcome.error();
  data_.reset();
  nodes_.reset();
  full_nodes_.clear();
  return outcome;
}

Result<void> StoreSession::add_chunk(const StoredFrame& frame) {
  if (failed_) return *failed_;
  TRY(keep(add(data_, PackKind::kData, frame)));
  if (data_->writer.bytes() >= kPackBytesMax) TRY(keep(seal(data_)));
  return {};
}

Result<void> StoreSession::add_node(const StoredFrame& frame) {
  if (failed_) return *failed_;
  TRY(keep(add(nodes_, PackKind::kNode, frame)));
  if (nodes_->writer.bytes() >= kPackBytesMax) {
    full_nodes_.push_back(*std::move(nodes_));
    nodes_.reset();
  }
  return {};
}

// Chunks first; then nodes, which were added children before parents.
Result<void> StoreSession::finish() {
  if (failed_) return *failed_;
  TRY(keep(seal(data_)));
  for (Open& full : full_nodes_) {
    std::optional<Open> open(std::move(full));
    TRY(keep(seal(open)));
  }
  full_nodes_.clear();
  return keep(seal(nodes_));
}

}  // namespace ashlar
