// The two superblocks of a pool, at its very beginning: read, judged, written. Which of them counts
// is for recovery to say. Bytes: native/format/README.md. Thread: one at a time for each device.
#pragma once

#include <string>

#include "device/device.h"
#include "format/pool_format.h"

namespace ashlar {

constexpr uint64_t kSuperblocks = 2;
constexpr uint64_t kRingBytesMax = 256ull << 20;

// kForeign: no superblock of ours; kTorn: one that was not written whole, or is damaged.
enum class Slot : uint8_t { kValid, kForeign, kNewer, kTorn };
struct ReadSlot {
  Slot state = Slot::kForeign;
  Superblock superblock;
};

// Requires: the device has as many blocks.
Result<ReadSlot> read_slot(Device& device, uint64_t slot);
// Plausible in itself; whether the device is as long is another question.
bool geometry_fits(const Superblock& superblock);
// Into the slot of its generation, and durable.
Result<void> write_superblock(Device& device, const Superblock& superblock);

// "0f8fad5b-d9cb-469f-a165-70867728950e"
std::string pool_id_text(const std::array<uint8_t, 16>& pool_id);

}  // namespace ashlar
