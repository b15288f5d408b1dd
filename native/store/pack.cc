#include "store/pack.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/uio.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "base/failpoint.h"
#include "codec/crc32c.h"

namespace ashlar {
namespace {

constexpr size_t kWriteBytes = 1 << 20;

Error failed(const std::string& path, const char* what) {
  const bool full = errno == ENOSPC || errno == EDQUOT;
  return error(full ? Code::kNoSpace : Code::kDeviceFailed,
               path + ": " + what + ": " + std::strerror(errno));
}

template <typename T>
Bytes bytes_of(const T& value, size_t bytes = sizeof(T)) {
  return Bytes(reinterpret_cast<const uint8_t*>(&value), bytes);
}

Result<void> read_at(int file, const std::string& path, uint64_t offset, MutableBytes into) {
  while (!into.empty()) {
    const ssize_t got = ::pread(file, into.data(), into.size(), off_t(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return failed(path, "read");
    if (got == 0) return error(Code::kCorrupt, path + ": is cut off at " + std::to_string(offset));
    into = into.subspan(size_t(got));
    offset += uint64_t(got);
  }
  return {};
}

// Both in one call, where the file gives them at once.
Result<void> read_at(int file, const std::string& path, uint64_t offset, MutableBytes head,
                     MutableBytes tail) {
  const iovec parts[] = {{head.data(), head.size()}, {tail.data(), tail.size()}};
  const ssize_t got = ::preadv(file, parts, 2, off_t(offset));
  if (got == ssize_t(head.size() + tail.size())) return {};
  TRY(read_at(file, path, offset, head));
  return read_at(file, path, offset + head.size(), tail);
}

DirectoryEntry entry_of(const FrameHeader& header, uint64_t offset) {
  DirectoryEntry entry;
  entry.id = header.id;
  entry.base = header.base;
  entry.offset = offset;
  entry.stored_bytes = header.stored_bytes;
  entry.plain_bytes = header.plain_bytes;
  entry.kind = header.kind;
  return entry;
}

}  // namespace

std::string PackName::file_name() const {
  char text[64];
  std::snprintf(text, sizeof text, "%c-%016llx-%016llx.pack", kind == PackKind::kData ? 'd' : 'n',
                static_cast<unsigned long long>(writer_epoch),
                static_cast<unsigned long long>(counter));
  return text;
}

std::optional<PackName> parse_pack_name(const std::string& file_name) {
  char kind = 0;
  unsigned long long epoch = 0;
  unsigned long long counter = 0;
  if (std::sscanf(file_name.c_str(), "%c-%16llx-%16llx.pack", &kind, &epoch, &counter) != 3) {
    return std::nullopt;
  }
  const PackName name{kind == 'd' ? PackKind::kData : PackKind::kNode, epoch, counter};
  if (name.file_name() != file_name) return std::nullopt;
  return name;
}

Result<PackWriter> PackWriter::create(const std::string& folder, const PackName& name) {
  PackWriter writer(folder, name, UniqueFd());
  const std::string final_path = folder + "/" + name.file_name();
  if (::access(final_path.c_str(), F_OK) == 0) {
    return error(Code::kCorrupt, final_path + ": exists, and a pack is never replaced");
  }
  writer.file_ =
      UniqueFd(::open(writer.temporary().c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!writer.file_.valid()) return failed(writer.temporary(), "create");
  PackHeader header;
  header.kind = uint32_t(name.kind);
  header.writer_epoch = name.writer_epoch;
  header.counter = name.counter;
  const Bytes bytes = bytes_of(header);
  writer.pending_.assign(bytes.begin(), bytes.end());
  return writer;
}

PackWriter::~PackWriter() {
  if (file_.valid()) ::unlink(temporary().c_str());  // reversible: it never had a name
}

Result<void> PackWriter::write_pending() {
  for (size_t done = 0; done < pending_.size();) {
    const ssize_t put =
        ::pwrite(file_.get(), pending_.data() + done, pending_.size() - done, off_t(end_ + done));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return failed(temporary(), "write");
    done += size_t(put);
  }
  // On its way to the disk before seal() waits for it. Only a hint: errors show at the sync.
  (void)::sync_file_range(file_.get(), off_t(end_), off_t(pending_.size()), SYNC_FILE_RANGE_WRITE);
  end_ += pending_.size();
  pending_.clear();
  return {};
}

Result<uint64_t> PackWriter::append(const StoredFrame& frame) {
  const uint64_t offset = bytes();
  FrameHeader header;
  header.kind = frame.kind;
  header.stored_bytes = uint32_t(frame.stored.size());
  header.plain_bytes = frame.plain_bytes;
  header.id = frame.id;
  header.base = frame.base;
  header.block_map = frame.block_map;
  const size_t at = pending_.size();
  const Bytes head = bytes_of(header);
  pending_.insert(pending_.end(), head.begin(), head.end());
  pending_.insert(pending_.end(), frame.stored.begin(), frame.stored.end());
  const uint32_t crc = crc32c(Bytes(pending_).subspan(at));  // the field is still zero
  std::memcpy(&pending_[at + offsetof(FrameHeader, crc)], &crc, sizeof crc);
  directory_.push_back(entry_of(header, offset));
  if (pending_.size() >= kWriteBytes) TRY(write_pending());
  return offset;
}

Result<std::vector<DirectoryEntry>> PackWriter::seal() {
  PackFooter footer;
  footer.entries = uint32_t(directory_.size());
  footer.directory_offset = bytes();
  footer.writer_epoch = name_.writer_epoch;
  footer.counter = name_.counter;
  const Bytes directory(reinterpret_cast<const uint8_t*>(directory_.data()),
                        directory_.size() * sizeof(DirectoryEntry));
  footer.directory_crc = crc32c(directory);
  footer.crc = crc32c(bytes_of(footer, offsetof(PackFooter, crc)));
  pending_.insert(pending_.end(), directory.begin(), directory.end());
  const Bytes tail = bytes_of(footer);
  pending_.insert(pending_.end(), tail.begin(), tail.end());
  TRY(write_pending());
  if (::fdatasync(file_.get()) != 0) return failed(temporary(), "sync");
  const std::string final_path = folder_ + "/" + name_.file_name();
  FAILPOINT(kPackAppears);
  if (::rename(temporary().c_str(), final_path.c_str()) != 0) return failed(final_path, "rename");
  file_ = UniqueFd();
  const UniqueFd folder(::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!folder.valid() || ::fsync(folder.get()) != 0) return failed(folder_, "sync");
  return std::move(directory_);
}

namespace {

struct OpenedPack {
  UniqueFd file;
  uint64_t bytes = 0;
};

Result<OpenedPack> open_pack(const std::string& path) {
  UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return failed(path, "open");
  struct stat status {};
  if (::fstat(file.get(), &status) != 0) return failed(path, "stat");
  const uint64_t bytes = uint64_t(status.st_size);
  if (bytes < sizeof(PackHeader) + sizeof(PackFooter)) {
    return error(Code::kCorrupt, path + ": too short to be a pack");
  }
  return OpenedPack{std::move(file), bytes};
}

Result<void> check_header(const std::string& path, const OpenedPack& pack, const PackName& name) {
  PackHeader header;
  TRY(read_at(pack.file.get(), path, 0, {reinterpret_cast<uint8_t*>(&header), sizeof header}));
  if (header.magic != kPackMagic) return error(Code::kForeignFile, path + ": not a pack");
  if (header.version > kStoreVersion) {
    return error(Code::kNewerFormat, path + ": written by a newer version");
  }
  if (header.version != kStoreVersion || header.kind != uint32_t(name.kind) ||
      header.writer_epoch != name.writer_epoch || header.counter != name.counter) {
    return error(Code::kCorrupt, path + ": the header is damaged or another pack's");
  }
  return {};
}

struct Directory {
  PackFooter footer;
  std::vector<DirectoryEntry> entries;
};

Result<Directory> read_directory(const std::string& path, const OpenedPack& pack) {
  Directory found;
  PackFooter& footer = found.footer;
  const uint64_t end = pack.bytes - sizeof footer;  // of the directory
  TRY(read_at(pack.file.get(), path, end, {reinterpret_cast<uint8_t*>(&footer), sizeof footer}));
  const uint64_t directory_bytes = uint64_t(footer.entries) * sizeof(DirectoryEntry);
  const bool fits = footer.magic == kFooterMagic &&
                    footer.crc == crc32c(bytes_of(footer, offsetof(PackFooter, crc))) &&
                    directory_bytes <= end - sizeof(PackHeader) &&
                    footer.directory_offset == end - directory_bytes;
  if (!fits) return error(Code::kCorrupt, path + ": the footer is damaged");
  found.entries.resize(footer.entries);
  const MutableBytes raw(reinterpret_cast<uint8_t*>(found.entries.data()), directory_bytes);
  TRY(read_at(pack.file.get(), path, footer.directory_offset, raw));
  if (crc32c(raw) != footer.directory_crc) {
    return error(Code::kCorrupt, path + ": the directory is damaged");
  }
  return found;
}

// All that the pack's header says, the kind too: each kind of frame is in one kind of pack.
bool belongs_to(const Directory& directory, const PackName& name) {
  const PackFooter& footer = directory.footer;
  if (footer.version != kStoreVersion || footer.writer_epoch != name.writer_epoch ||
      footer.counter != name.counter) {
    return false;
  }
  return std::all_of(directory.entries.begin(), directory.entries.end(), [&](const auto& entry) {
    const bool data = entry.kind == FrameKind::kRaw || entry.kind == FrameKind::kLz4 ||
                      entry.kind == FrameKind::kDelta;
    return data == (name.kind == PackKind::kData);
  });
}

Result<std::vector<DirectoryEntry>> scan_frames(const std::string& path, const OpenedPack& pack) {
  const int file = pack.file.get();
  std::vector<DirectoryEntry> found;
  uint64_t at = sizeof(PackHeader);
  const auto after = [&] { return found.size() * sizeof(DirectoryEntry) + sizeof(PackFooter); };
  while (at + after() < pack.bytes) {
    FrameHeader header;
    TRY(read_at(file, path, at, {reinterpret_cast<uint8_t*>(&header), sizeof header}));
    const uint64_t end = at + sizeof header + header.stored_bytes;
    if (header.magic != kFrameMagic || end > pack.bytes) break;
    TRY(read_frame(file, path, at, header.id, header.kind, header.stored_bytes));
    found.push_back(entry_of(header, at));
    at = end;
  }
  uint32_t next = 0;  // A frame, where the file was cut off at a length that fits by chance.
  TRY(read_at(file, path, at, {reinterpret_cast<uint8_t*>(&next), sizeof next}));
  if (at + after() == pack.bytes && next != kFrameMagic) return found;
  return error(Code::kCorrupt, path + ": its frames are not whole");
}

}  // namespace

Result<std::vector<DirectoryEntry>> read_directory(const std::string& path, const PackName& name) {
  const OpenedPack pack = TRY(open_pack(path));
  TRY(check_header(path, pack, name));
  return TRY(read_directory(path, pack)).entries;
}

Result<FoundDirectory> find_directory(const std::string& path, const PackName& name) {
  const OpenedPack pack = TRY(open_pack(path));
  const auto header = check_header(path, pack, name);
  if (!header && header.error().code == Code::kDeviceFailed) return header.error();
  auto directory = read_directory(path, pack);
  if (directory && header) return FoundDirectory{std::move(directory->entries), ""};
  if (directory && belongs_to(*directory, name)) {
    return FoundDirectory{std::move(directory->entries), path + ": the header is damaged"};
  }
  if (!directory && directory.error().code == Code::kDeviceFailed) return directory.error();
  if (!header) return header.error();
  auto frames = scan_frames(path, pack);
  if (frames) return FoundDirectory{*std::move(frames), directory.error().message};
  if (frames.error().code != Code::kCorrupt) return std::move(frames).error();
  return error(Code::kCorrupt, directory.error().message + "; " + frames.error().message);
}

Result<PackedFrame> read_frame(int file, const std::string& path, uint64_t offset, const Hash& id,
                               FrameKind kind, uint32_t stored_bytes) {
  PackedFrame frame;
  frame.stored.resize(stored_bytes);
  FrameHeader& header = frame.header;
  TRY(read_at(file, path, offset, {reinterpret_cast<uint8_t*>(&header), sizeof header},
              frame.stored));
  const bool expected = header.magic == kFrameMagic && header.id == id && header.kind == kind &&
                        header.stored_bytes == stored_bytes;
  FrameHeader unsealed = header;
  unsealed.crc = 0;
  if (!expected || crc32c(frame.stored, crc32c(bytes_of(unsealed))) != header.crc) {
    return error(Code::kCorrupt, path + ": the frame of " + to_hex(id) + " at " +
                                     std::to_string(offset) + " is damaged");
  }
  return frame;
}

}  // namespace ashlar
