#include "commit/superblock.h"

#include "base/id.h"
#include "codec/crc32c.h"

namespace ashlar {
namespace {

uint32_t crc_of(const Superblock& superblock) {
  return crc32c(Bytes(reinterpret_cast<const uint8_t*>(&superblock), offsetof(Superblock, crc)));
}

}  // namespace

Result<ReadSlot> read_slot(Device& device, uint64_t slot) {
  ReadSlot read;
  MutableBytes bytes(reinterpret_cast<uint8_t*>(&read.superblock), sizeof(Superblock));
  TRY(device.read_uncached(slot * kBlockBytes, bytes));
  const Superblock& at = read.superblock;
  if (at.magic != kPoolMagic) return read;
  if (crc_of(at) != at.crc) {
    read.state = Slot::kTorn;
  } else if (at.version > kPoolVersion) {
    read.state = Slot::kNewer;
  } else {
    read.state = Slot::kValid;
  }
  return read;
}

bool geometry_fits(const Superblock& at) {
  return at.block_bytes == kBlockBytes && at.ring_first == kSuperblocks && at.ring_blocks > 0 &&
         at.ring_blocks <= kRingBytesMax / kBlockBytes && at.capacity_blocks <= kPoolBlocksMax &&
         at.size_blocks <= at.capacity_blocks && at.ring_first + at.ring_blocks < at.size_blocks &&
         at.growth_blocks > 0;
}

Result<void> write_superblock(Device& device, const Superblock& superblock) {
  Superblock image = superblock;
  image.crc = crc_of(image);
  const uint64_t slot = image.checkpoint_generation % kSuperblocks;
  TRY(write_bytes(device, slot * kBlockBytes,
                  Bytes(reinterpret_cast<const uint8_t*>(&image), sizeof image)));
  return device.sync();
}

std::string pool_id_text(const std::array<uint8_t, 16>& pool_id) {
  const std::string text = to_string(Id{0, pool_id});
  return text.substr(text.find('-') + 1);
}

}  // namespace ashlar
