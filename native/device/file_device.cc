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
#include <vector>

#include "base/check.h"
#include "device/device.h"

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
  FileDevice(std::string path, int descriptor, bool is_block_device, uint64_t size_bytes)
      : path_(std::move(path)),
        descriptor_(descriptor),
        is_block_device_(is_block_device),
        size_bytes_(size_bytes) {}
  ~FileDevice() override {
    if (mapping_) ::munmap(mapping_, mapped_.bytes);
    ::close(descriptor_);
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
      return error(Code::kNoSpace,
                   path_ + ": the device ends at " + std::to_string(size_bytes_.load()));
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
    if (is_block_device_) return 0;
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
  const int descriptor_;
  const bool is_block_device_;
  std::atomic<uint64_t> size_bytes_;
  uint8_t* mapping_ = nullptr;  // of mapped_; both fixed once announced
  ByteRange mapped_;
  std::atomic<bool> drops_behind_{true};  // until the kernel or the file system says no
};

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

Result<OpenedFile> open_file_device(const std::string& path, bool create) {
  int descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC);
  bool created = false;
  if (descriptor < 0 && errno == ENOENT && create) {
    descriptor = ::open(path.c_str(), O_RDWR | O_CLOEXEC | O_CREAT | O_EXCL, 0600);
    created = descriptor >= 0;
  }
  if (descriptor < 0) {
    const int number = errno;
    if (number == ENOENT) return error(Code::kNotFound, path + ": no such file");
    return device_error(path, "open", number);
  }
  struct stat status {};
  uint64_t size_bytes = 0;
  bool is_block_device = false;
  const auto refuse = [&](Error reason) {
    ::close(descriptor);
    return reason;
  };
  if (::fstat(descriptor, &status) != 0) return refuse(device_error(path, "stat", errno));
  if (S_ISBLK(status.st_mode)) {
    is_block_device = true;
    if (::ioctl(descriptor, BLKGETSIZE64, &size_bytes) != 0) {
      return refuse(device_error(path, "size", errno));
    }
  } else if (S_ISREG(status.st_mode)) {
    size_bytes = uint64_t(status.st_size);
  } else {
    return refuse(error(Code::kForeignFile, path + ": neither a file nor a block device"));
  }
  if (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    return refuse(
        error(Code::kInUse, path + ": another process has this pool open; stop it first"));
  }
  return OpenedFile{std::make_unique<FileDevice>(path, descriptor, is_block_device, size_bytes),
                    created};
}

}  // namespace ashlar
