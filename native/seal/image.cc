#include "seal/image.h"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <mutex>
#include <optional>
#include <thread>

#include "base/thread.h"
#include "base/unique_fd.h"

namespace ashlar {
namespace {

constexpr uint64_t kStepChunks = 64;  // 4 MiB: one node, and a good read

Error failed(const std::string& path, const char* what) {
  const Code code = errno == ENOENT ? Code::kNotFound : Code::kDeviceFailed;
  return error(code, path + ": " + what + ": " + std::strerror(errno));
}

class Hasher {
 public:
  Hasher(const std::string& path, int descriptor, uint64_t bytes, const DomainKeys& keys)
      : path_(path), descriptor_(descriptor), bytes_(bytes), keys_(keys) {}

  Result<std::vector<Hash>> step(uint64_t first_chunk, std::vector<uint8_t>& buffer) const {
    const uint64_t begin = first_chunk * kChunkBytes;
    const uint64_t end = std::min(begin + kStepChunks * kChunkBytes, bytes_);
    std::vector<Hash> ids((end - begin + kChunkBytes - 1) / kChunkBytes);
    const off_t data = ::lseek(descriptor_, off_t(begin), SEEK_DATA);
    const bool hole = data < 0 ? errno == ENXIO : uint64_t(data) >= end;
    if (hole) return ids;
    buffer.assign(ids.size() * kChunkBytes, 0);
    for (uint64_t at = begin; at < end;) {
      const ssize_t got = ::pread(descriptor_, &buffer[at - begin], end - at, off_t(at));
      if (got < 0 && errno == EINTR) continue;
      if (got < 0) return failed(path_, "read");
      if (got == 0) return error(Code::kDeviceFailed, path_ + ": became shorter while it was read");
      at += uint64_t(got);
    }
    for (size_t i = 0; i < ids.size(); i++) {
      ids[i] = chunk_id(keys_, Bytes(buffer).subspan(i * kChunkBytes, kChunkBytes));
    }
    return ids;
  }

 private:
  const std::string& path_;
  const int descriptor_;
  const uint64_t bytes_;
  const DomainKeys& keys_;
};

}  // namespace

Hash chunk_id(const DomainKeys& keys, Bytes chunk_64k) {
  CHECK(chunk_64k.size() == kChunkBytes);
  const bool zero = chunk_64k[0] == 0 &&
                    std::memcmp(chunk_64k.data(), chunk_64k.data() + 1, kChunkBytes - 1) == 0;
  return zero ? Hash{} : keyed_hash(keys.chunk, chunk_64k);
}

Result<ImageRoot> verify_image(const std::string& path) {
  const UniqueFd file(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.valid()) return failed(path, "open");
  const off_t end = ::lseek(file.get(), 0, SEEK_END);
  if (end < 0) return failed(path, "size");
  if (end == 0) return error(Code::kInvalidArgument, path + ": the image is empty");
  const uint64_t bytes = uint64_t(end);
  const DomainKeys keys = derive_keys({});
  const Hasher hasher(path, file.get(), bytes, keys);
  const uint64_t chunks = (bytes + kChunkBytes - 1) / kChunkBytes;
  // 32 bytes a chunk: 0.05 % of the image.
  std::vector<Hash> ids(chunks);
  std::atomic<uint64_t> next{0};
  std::mutex mutex;
  std::optional<Error> first_error;  // guarded by mutex
  const auto work = [&] {
    std::vector<uint8_t> buffer;
    for (uint64_t at = next.fetch_add(kStepChunks); at < chunks; at = next.fetch_add(kStepChunks)) {
      auto step = hasher.step(at, buffer);
      if (!step) {
        std::lock_guard lock(mutex);
        if (!first_error) first_error = std::move(step).error();
        return;
      }
      std::copy(step->begin(), step->end(), ids.begin() + ptrdiff_t(at));
    }
  };
  std::vector<std::thread> threads;
  const unsigned cores = std::clamp(std::thread::hardware_concurrency(), 1u, 16u);
  for (unsigned i = 1; i < cores; i++) {
    auto thread = try_thread(work);
    if (!thread) break;
    threads.push_back(*std::move(thread));
  }
  work();
  for (std::thread& thread : threads)
    thread.join();
  if (first_error) return *first_error;
  MerkleBuilder tree(keys, bytes);
  for (uint64_t i = 0; i < chunks; i++) {
    if (!is_zero(ids[i])) tree.add(i, ids[i]);
  }
  return ImageRoot{manifest_root(keys, make_manifest(bytes, {}, tree.finish())), bytes};
}

}  // namespace ashlar
