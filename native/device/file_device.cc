#include <fcntl.h>
#include <linux/fs.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include "base/check.h"
#include "base/failpoint.h"
#include "base/unique_fd.h"
#include "device/new_file.h"

namespace ashlar {
namespace {

Error device_error(const std::string& path, const char* what, int number) {
  const bool full = number == ENOSPC || number == EDQUOT || number == EFBIG;
  return error(full ? Code::kNoSpace : Code::kDeviceFailed,
               path + ": " + what + ": " + std::strerror(number));
}

// Since Linux 6.14; younger than the headers. Through the page cache, so it agrees with all other
// I/O on the file.
#ifdef RWF_DONTCACHE
constexpr int kDropBehind = RWF_DONTCACHE;
#else
constexpr int kDropBehind = 0x80;
#endif

// Buffered I/O on one descriptor. Immutable after open but for the size, which only grows, and the
// mapping, which is made before the device is shared.
class FileDevice final : public Device {
 public:
  FileDevice(std::string path, UniqueFd descriptor, bool is_block_device, uint64_t size_bytes)
      : path_(std::move(path)),
        owned_(std::move(descriptor)),
        descriptor_(owned_.get()),
        is_block_device_(is_block_device),
        size_bytes_(size_bytes) {}
  ~FileDevice() override {
    if (mapping_) ::munmap(mapping_, mapped_.bytes);
  }
  FileDevice(const FileDevice&) = delete;
  FileDevice& operator=(const FileDevice&) = delete;

  Result<void> read(uint64_t offset, MutableBytes into) override {
    while (!into.empty()) {
      const ssize_t got = ::pread(descriptor_, into.data(), into.size(), off_t(offset));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return device_error(path_, "read", errno);
      if (got == 0)
        return error(Code::kDeviceFailed, path_ + ": ends at " + std::to_string(offset));
      into = into.subspan(size_t(got));
      offset += uint64_t(got);
    }
    return {};
  }

  Result<bool> read_cached(uint64_t offset, MutableBytes into) override {
    iovec part{into.data(), into.size()};
    const ssize_t got = ::preadv2(descriptor_, &part, 1, off_t(offset), RWF_NOWAIT);
    if (got == ssize_t(into.size())) return true;
    if (got >= 0 || errno == EAGAIN || errno == EINTR || errno == EOPNOTSUPP) return false;
    return device_error(path_, "read", errno);
  }

  Result<void> read_uncached(uint64_t offset, MutableBytes into) override {
    // Clean pages of the range are dropped, so what is read is what the medium holds. (Dirty ones
    // cannot exist: recovery reads before anything is written.)
    ::posix_fadvise(descriptor_, off_t(offset), off_t(into.size()), POSIX_FADV_DONTNEED);
    return read(offset, into);
  }

  Result<void> write(uint64_t offset, std::span<iovec> parts) override {
    return put(offset, parts, 0);
  }

  Result<void> write_uncached(uint64_t offset, std::span<iovec> parts) override {
    return put(offset, parts, drops_behind_ ? kDropBehind : 0);
  }

  void expect_stores(ByteRange range) override {
    CHECK(!mapping_);
    void* const at = ::mmap(nullptr, range.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor_,
                            off_t(range.offset));
    if (at == MAP_FAILED) return;  // not every file system can: store() writes then
    ::madvise(at, range.bytes, MADV_SEQUENTIAL);
    mapping_ = static_cast<uint8_t*>(at);
    mapped_ = range;
  }

  // The page cache is the mapping: bytes stored there are the kernel's, whatever becomes of us.
  Result<void> store(uint64_t offset, Bytes bytes) override {
    const bool mapped =
        mapping_ && offset >= mapped_.offset && offset + bytes.size() <= mapped_.end();
    if (!mapped) return Device::store(offset, bytes);
    uint8_t* const at = mapping_ + (offset - mapped_.offset);
    if (bytes.size() == sizeof(uint64_t) && offset % sizeof(uint64_t) == 0) {
      uint64_t word = 0;
      std::memcpy(&word, bytes.data(), sizeof word);
      std::atomic_ref(*reinterpret_cast<uint64_t*>(at)).store(word, std::memory_order_release);
    } else {
      std::memcpy(at, bytes.data(), bytes.size());
    }
    return {};
  }

  Result<void> sync() override {
    if (::fdatasync(descriptor_) != 0) return device_error(path_, "fdatasync", errno);
    return {};
  }

  Result<void> grow(uint64_t bytes) override {
    if (bytes <= size_bytes_) return {};
    if (is_block_device_) {
      const uint64_t now = device_bytes();
      if (bytes > now) {
        return error(Code::kNoSpace, path_ + ": the device ends at " + std::to_string(now));
      }
      size_bytes_ = now;
      return {};
    }
    const uint64_t begin = size_bytes_;
    if (::fallocate(descriptor_, 0, off_t(begin), off_t(bytes - begin)) != 0) {
      return device_error(path_, "fallocate", errno);
    }
    size_bytes_ = bytes;
    return {};
  }

  void prefetch(ByteRange range) override {
    ::posix_fadvise(descriptor_, off_t(range.offset), off_t(range.bytes), POSIX_FADV_WILLNEED);
  }

  uint64_t size_bytes() const override { return size_bytes_; }

  uint64_t growable_bytes() const override {
    const uint64_t size = size_bytes_;
    if (is_block_device_) return device_bytes() - size;
    struct statvfs stats {};
    if (::fstatvfs(descriptor_, &stats) != 0) return 0;
    return uint64_t(stats.f_bavail) * stats.f_frsize;
  }

  uint64_t file_system_bytes() const override {
    if (is_block_device_) return 0;
    struct statvfs stats {};
    if (::fstatvfs(descriptor_, &stats) != 0) return 0;
    return uint64_t(stats.f_blocks) * stats.f_frsize;
  }

 private:
  // It may have been enlarged since it was opened.
  uint64_t device_bytes() const {
    uint64_t bytes = 0;
    if (::ioctl(descriptor_, BLKGETSIZE64, &bytes) != 0) return size_bytes_;
    return std::max<uint64_t>(bytes, size_bytes_);
  }

  Result<void> put(uint64_t offset, std::span<iovec> parts, int flags) {
    while (!parts.empty()) {
      const size_t count = std::min<size_t>(parts.size(), IOV_MAX);
      const ssize_t done = ::pwritev2(descriptor_, parts.data(), int(count), off_t(offset), flags);
      if (done < 0 && errno == EINTR) continue;
      if (done < 0 && errno == EOPNOTSUPP && flags != 0) {
        drops_behind_ = false;
        flags = 0;
        continue;
      }
      if (done < 0) return device_error(path_, "write", errno);
      offset += uint64_t(done);
      size_t left = size_t(done);
      while (!parts.empty() && left >= parts.front().iov_len) {
        left -= parts.front().iov_len;
        parts = parts.subspan(1);
      }
      if (left > 0) {
        parts.front().iov_base = static_cast<uint8_t*>(parts.front().iov_base) + left;
        parts.front().iov_len -= left;
      }
    }
    return {};
  }

  const std::string path_;
  const UniqueFd owned_;
  const int descriptor_;
  const bool is_block_device_;
  std::atomic<uint64_t> size_bytes_;
  uint8_t* mapping_ = nullptr;  // of mapped_; both fixed once announced
  ByteRange mapped_;
  std::atomic<bool> drops_behind_{true};  // until the kernel or the file system says no
};

struct Opened {
  UniqueFd descriptor;
  bool created = false;
};

Result<Opened> open_path(const std::string& path, IfAbsent absent) {
  struct stat status {};
  const bool is_block_device = ::stat(path.c_str(), &status) == 0 && S_ISBLK(status.st_mode);
  // Exclusive, a block device that is mounted or part of something else is refused by the system.
  const int flags = O_RDWR | O_CLOEXEC | (is_block_device ? O_EXCL : 0);
  Opened opened;
  do {  // another may make it, or take it away, between the two calls
    opened = {UniqueFd(::open(path.c_str(), flags)), false};
    if (opened.descriptor.valid() || errno != ENOENT || absent != IfAbsent::kCreate) break;
    opened = {UniqueFd(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL, 0600)), true};
  } while (!opened.descriptor.valid() && errno == EEXIST);
  if (opened.descriptor.valid()) return opened;
  const int number = errno;
  if (number == ENOENT) return error(Code::kNotFound, path + ": no such file");
  if (number == EBUSY) {
    return error(Code::kInUse, path +
                                   ": the device is in use (mounted, part of another device, or "
                                   "open as a pool); stop what uses it first");
  }
  return device_error(path, "open", number);
}

Result<void> lock(int descriptor, const std::string& path) {
  if (::flock(descriptor, LOCK_EX | LOCK_NB) == 0) return {};
  if (errno != EWOULDBLOCK) return device_error(path, "flock", errno);
  return error(Code::kInUse, path + ": another process has this pool open; stop it first");
}

bool is_named(const std::string& path, const struct stat& opened) {
  struct stat named {};
  return ::stat(path.c_str(), &named) == 0 && named.st_dev == opened.st_dev &&
         named.st_ino == opened.st_ino;
}

Result<uint64_t> size_of(int descriptor, const struct stat& status, const std::string& path) {
  if (S_ISREG(status.st_mode)) return uint64_t(status.st_size);
  if (!S_ISBLK(status.st_mode)) {
    return error(Code::kForeignFile, path + ": neither a file nor a block device");
  }
  uint64_t size_bytes = 0;
  if (::ioctl(descriptor, BLKGETSIZE64, &size_bytes) != 0) {
    return device_error(path, "size", errno);
  }
  return size_bytes;
}

}  // namespace

Result<void> Device::store(uint64_t offset, Bytes bytes) {
  return write_bytes(*this, offset, bytes);
}

Result<void> write_bytes(Device& device, uint64_t offset, Bytes data) {
  iovec part{const_cast<uint8_t*>(data.data()), data.size()};
  return device.write(offset, std::span<iovec>(&part, 1));
}

Result<void> write_bytes_uncached(Device& device, uint64_t offset, Bytes data) {
  iovec part{const_cast<uint8_t*>(data.data()), data.size()};
  return device.write_uncached(offset, std::span<iovec>(&part, 1));
}

Result<std::unique_ptr<NewFile>> NewFile::begin(OpenedFile replaced, const std::string& path) {
  std::error_code failed;
  const std::string real = std::filesystem::canonical(path, failed);
  if (failed) return device_error(path, "name", failed.value());
  std::unique_ptr<NewFile> file(new NewFile(std::move(replaced), real));
  const std::string& temporary = file->temporary_;
  // reversible: what was not published is nobody's
  if (::unlink(temporary.c_str()) != 0 && errno != ENOENT) {
    return device_error(temporary, "unlink", errno);
  }
  UniqueFd descriptor(
      ::open(temporary.c_str(), O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL | O_NOFOLLOW, 0600));
  if (!descriptor.valid()) return device_error(temporary, "create", errno);
  TRY(lock(descriptor.get(), temporary));
  file->device_ = std::make_unique<FileDevice>(path, std::move(descriptor), false, 0);
  return file;
}

Result<std::unique_ptr<Device>> NewFile::publish() {
  FAILPOINT(kPoolAppears);
  if (::rename(temporary_.c_str(), path_.c_str()) != 0) {
    return device_error(path_, "rename", errno);
  }
  published_ = true;
  const std::string folder = std::filesystem::path(path_).parent_path();
  const UniqueFd descriptor(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (!descriptor.valid()) return device_error(folder, "open", errno);
  if (::fsync(descriptor.get()) != 0) return device_error(folder, "fsync", errno);
  return std::move(device_);
}

NewFile::~NewFile() {
  if (published_) return;
  ::unlink(temporary_.c_str());                    // reversible: what was not published is nobody's
  if (replaced_.created) ::unlink(path_.c_str());  // reversible: made by us, empty, locked
}

Result<OpenedFile> open_file_device(const std::string& path, IfAbsent absent) {
  // Whoever makes a file puts it in the place of an empty one that was locked, so what was opened
  // may have lost its name when its lock is free.
  constexpr int kAttempts = 5;
  for (int attempt = 0; attempt < kAttempts; attempt++) {
    Opened opened = TRY(open_path(path, absent));
    TRY(lock(opened.descriptor.get(), path));
    struct stat status {};
    if (::fstat(opened.descriptor.get(), &status) != 0) return device_error(path, "stat", errno);
    if (!is_named(path, status)) continue;
    const uint64_t size_bytes = TRY(size_of(opened.descriptor.get(), status, path));
    const bool is_block_device = S_ISBLK(status.st_mode);
    return OpenedFile{std::make_unique<FileDevice>(path, std::move(opened.descriptor),
                                                   is_block_device, size_bytes),
                      is_block_device, opened.created};
  }
  return error(Code::kInUse, path + ": other processes keep replacing it; stop them first");
}

}  // namespace ashlar
