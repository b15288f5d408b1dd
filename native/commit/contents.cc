#include "commit/contents.h"

#include <algorithm>
#include <cstring>
#include <string_view>
#include <vector>

#include "commit/superblock.h"

namespace ashlar {
namespace {

using namespace std::string_view_literals;

constexpr uint64_t kSampleBytes = 64 * 1024;
constexpr uint64_t kSamples = 4096;  // 256 MiB of reads; a smaller device is read to its end
constexpr uint64_t kSectorBytes = 512;
constexpr uint64_t kStepBytes = 1 << 20;

struct Signature {
  uint64_t offset;
  std::string_view bytes;
  const char* what;
};

// What a pool is most likely to be made over by mistake. A partition table is last: file systems
// leave the same two bytes at the end of their boot sector.
constexpr Signature kSignatures[] = {
    {0, "LUKS\xba\xbe"sv, "an encrypted volume (LUKS)"},
    {0, "XFSB"sv, "an XFS file system"},
    {0, "QFI\xfb"sv, "a qcow2 image"},
    {3, "NTFS    "sv, "an NTFS file system"},
    {512, "LABELONE"sv, "an LVM physical volume"},
    {1080, "\x53\xef"sv, "an ext2, ext3 or ext4 file system"},
    {4086, "SWAPSPACE2"sv, "a swap area"},
    {4096, "\xfc\x4e\x2b\xa9"sv, "a member of a RAID array"},
    {65'600, "_BHRfS_M"sv, "a Btrfs file system"},
    {512, "EFI PART"sv, "a partition table (GPT)"},
    {510, "\x55\xaa"sv, "a partition table or a boot sector"},
};

bool all_zero(Bytes bytes) {
  return bytes.empty() ||
         (bytes[0] == 0 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0);
}

Result<std::optional<std::string>> signature_on(Device& device) {
  std::vector<uint8_t> start(std::min<uint64_t>(device.size_bytes(), 2 * kSampleBytes));
  TRY(device.read(0, start));
  for (const Signature& at : kSignatures) {
    if (at.offset + at.bytes.size() > start.size()) continue;
    if (std::memcmp(start.data() + at.offset, at.bytes.data(), at.bytes.size()) == 0) {
      return std::optional<std::string>(at.what);
    }
  }
  return std::optional<std::string>();
}

Result<std::optional<uint64_t>> data_within(Device& device, uint64_t offset, uint64_t bytes) {
  std::vector<uint8_t> buffer;
  while (bytes > 0) {
    buffer.resize(std::min(bytes, kStepBytes));
    TRY(device.read(offset, buffer));
    if (!all_zero(buffer)) {
      const auto found = std::find_if(buffer.begin(), buffer.end(), [](uint8_t at) { return at; });
      return std::optional(offset + uint64_t(found - buffer.begin()));
    }
    offset += buffer.size();
    bytes -= buffer.size();
  }
  return std::optional<uint64_t>();
}

// The first byte that is not zero, as far as is looked; not before `offset`.
Result<std::optional<uint64_t>> first_data(Device& device, uint64_t offset, uint64_t whole_bytes) {
  const uint64_t size = device.size_bytes();
  const uint64_t whole = std::min(std::max(whole_bytes, offset), size);
  if (const auto found = TRY(data_within(device, offset, whole - offset))) return found;
  const uint64_t stride =
      std::max(kSampleBytes, (size - whole) / kSamples / kSampleBytes * kSampleBytes);
  for (uint64_t at = whole; at < size; at += stride) {
    const uint64_t here = std::min(kSampleBytes, size - at);
    if (const auto found = TRY(data_within(device, at, here))) return found;
  }
  const uint64_t end = std::max(whole, size - std::min(size, kSampleBytes));
  return TRY(data_within(device, end, size - end));
}

// The first superblock of a pool goes to slot 1, in one write, after everything else is zero and
// durable. What a power cut leaves of it: its first sector without the last one's CRC, or that
// alone.
Result<bool> is_unfinished(Device& device) {
  std::vector<uint8_t> slots(kSuperblocks * kBlockBytes);
  TRY(device.read(0, slots));
  const Bytes superblock = Bytes(slots).subspan(kBlockBytes);
  uint64_t magic = 0;
  std::memcpy(&magic, superblock.data(), sizeof magic);
  const size_t crc_at = offsetof(Superblock, crc);
  return all_zero(Bytes(slots).first(kBlockBytes)) &&
         (magic == kPoolMagic || all_zero(superblock.first(kSectorBytes))) &&
         all_zero(superblock.subspan(kSectorBytes, crc_at - kSectorBytes));
}

}  // namespace

Result<std::optional<std::string>> contents_of(Device& device, uint64_t whole_bytes) {
  if (device.size_bytes() < kSuperblocks * kBlockBytes) {
    const auto data = TRY(data_within(device, 0, device.size_bytes()));
    return data ? std::optional<std::string>("data") : std::nullopt;
  }
  bool torn = false;
  for (uint64_t slot = 0; slot < kSuperblocks; slot++) {
    const ReadSlot at = TRY(read_slot(device, slot));
    torn |= at.state == Slot::kTorn;
    if (at.state == Slot::kNewer) {
      return std::optional<std::string>("an Ashlar pool of a newer version");
    }
    if (at.state == Slot::kValid) {
      return std::optional("the Ashlar pool " + pool_id_text(at.superblock.pool_id));
    }
  }
  if (auto signature = TRY(signature_on(device))) return signature;
  const bool unfinished = TRY(is_unfinished(device));
  const auto data =
      TRY(first_data(device, unfinished ? kSuperblocks * kBlockBytes : 0, whole_bytes));
  if (!data) return std::optional<std::string>();
  if (torn) return std::optional<std::string>("a damaged Ashlar pool");
  return std::optional("data (the first at byte " + std::to_string(*data) + ")");
}

}  // namespace ashlar
