#include "commit/create.h"

#include <sys/random.h>

#include <algorithm>

#include "base/failpoint.h"
#include "commit/contents.h"
#include "commit/superblock.h"
#include "device/new_file.h"

namespace ashlar {
namespace {

constexpr uint64_t kPoolBytesMin = 16ull << 20;
constexpr uint64_t kRingBytesMin = 1ull << 20;
constexpr uint64_t kGrowthBytesMax = 1ull << 30;

Superblock geometry(uint64_t capacity_bytes, uint64_t growth_bytes) {
  Superblock superblock;
  const uint64_t blocks = capacity_bytes / kBlockBytes;
  superblock.capacity_blocks = blocks;
  superblock.ring_first = kSuperblocks;
  superblock.ring_blocks =
      std::clamp(capacity_bytes / 16, kRingBytesMin, kRingBytesMax) / kBlockBytes;
  superblock.growth_blocks = growth_bytes == 0 ? growth_for(blocks) : growth_bytes / kBlockBytes;
  superblock.reserve_blocks = reserve_for(blocks);
  superblock.size_blocks = kSuperblocks + superblock.ring_blocks + superblock.reserve_blocks;
  superblock.journal_generation = 1;
  superblock.journal_sequence = 1;
  return superblock;
}

// The first superblock of a pool with nothing in it.
Result<Superblock> first_superblock(Device& device, const std::string& name,
                                    const PoolOptions& options) {
  uint64_t capacity = options.capacity_bytes;
  if (capacity == 0) capacity = std::max(device.growable_bytes(), device.size_bytes());
  capacity = capacity / kBlockBytes * kBlockBytes;
  if (capacity < kPoolBytesMin || capacity / kBlockBytes > kPoolBlocksMax) {
    return error(Code::kInvalidArgument,
                 name + ": a pool has 16 MiB to 4 PiB, not " + std::to_string(capacity) + " bytes");
  }
  if (device.file_system_bytes() == 0 && capacity > device.size_bytes()) {
    return error(Code::kInvalidArgument,
                 name + ": the device has " + std::to_string(device.size_bytes()) +
                     " bytes, fewer than a capacity of " + std::to_string(capacity));
  }
  Superblock first = geometry(capacity, options.growth_bytes);
  first.pool_id = options.pool_id;
  if (first.pool_id == std::array<uint8_t, 16>{}) {
    CHECK(getrandom(first.pool_id.data(), first.pool_id.size(), 0) ==
          ssize_t(first.pool_id.size()));
  }
  first.clean = 1;
  first.checkpoint_generation = 1;
  // The bitmap's tree is as long as the capacity; absent pages speak of free blocks only.
  PageTree bitmap;
  bitmap.resize(bitmap_pages(first.capacity_blocks));
  first.trees[kTreeSpace] = bitmap.root();
  return first;
}

Result<void> write_zeros(Device& device, uint64_t first_block, uint64_t blocks) {
  const std::vector<uint8_t> zeros(1 << 20);
  for (uint64_t at = 0; at < blocks;) {
    const uint64_t here = std::min<uint64_t>(zeros.size() / kBlockBytes, blocks - at);
    TRY(write_bytes(device, (first_block + at) * kBlockBytes,
                    Bytes(zeros).first(here * kBlockBytes)));
    at += here;
  }
  return {};
}

Result<void> write_pool(Device& device, const Superblock& first) {
  TRY(device.grow(first.size_blocks * kBlockBytes));
  // A pool that was here is none any more before any other part of it goes.
  FAILPOINT(kPoolOverwrite);
  TRY(write_zeros(device, 0, kSuperblocks));
  TRY(device.sync());
  // Zeros are written, so that neither the ring nor the reserve can meet a full disk later.
  TRY(write_zeros(device, kSuperblocks, first.size_blocks - kSuperblocks));
  TRY(device.sync());
  FAILPOINT(kSuperblockFlip);
  return write_superblock(device, first);
}

struct MadeFile {
  std::unique_ptr<Device> device;
  Superblock first;
};
Result<MadeFile> make_file(OpenedFile replaced, const std::string& path,
                           const PoolOptions& options) {
  const std::unique_ptr<NewFile> file = TRY(NewFile::begin(std::move(replaced), path));
  const Superblock first = TRY(create_pool(file->device(), path, options));
  return MadeFile{TRY(file->publish()), first};
}

Error refusal(const std::string& path, const std::string& what) {
  return error(Code::kForeignFile, path + ": it holds " + what +
                                       " and was left untouched; `ashlar pool-create --force` "
                                       "makes a pool of it, and destroys what it holds");
}

}  // namespace

uint64_t growth_for(uint64_t capacity_blocks) {
  return std::min(capacity_blocks / 8, kGrowthBytesMax / kBlockBytes);
}

Result<Superblock> create_pool(Device& device, const std::string& name,
                               const PoolOptions& options) {
  const Superblock first = TRY(first_superblock(device, name, options));
  TRY(write_pool(device, first));
  return first;
}

Result<std::unique_ptr<Pool>> open_pool_at(const std::string& path, const PoolOptions& options) {
  OpenedFile opened = TRY(open_file_device(path, IfAbsent::kCreate));
  if (opened.is_block_device || opened.device->size_bytes() > 0) {
    return Pool::open(std::move(opened.device), false, path, options);
  }
  MadeFile made = TRY(make_file(std::move(opened), path, options));
  return Pool::open(std::move(made.device), false, path, options);
}

Result<Superblock> make_pool_at(const std::string& path, const PoolOptions& options, Over over) {
  OpenedFile opened = TRY(open_file_device(path, IfAbsent::kCreate));
  Device& device = *opened.device;
  if (opened.is_block_device) {
    const Superblock first = TRY(first_superblock(device, path, options));
    if (over == Over::kNothing) {
      const auto found = TRY(contents_of(device, first.size_blocks * kBlockBytes));
      if (found) return refusal(path, *found);
    }
    TRY(write_pool(device, first));
    return first;
  }
  if (device.size_bytes() > 0 && over == Over::kNothing) {
    const auto found = TRY(contents_of(device, 0));
    const std::string zeros = std::to_string(device.size_bytes()) + " bytes of zeros";
    return refusal(path, found.value_or(zeros));
  }
  return TRY(make_file(std::move(opened), path, options)).first;
}

}  // namespace ashlar
