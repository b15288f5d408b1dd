#include "journal/replay.h"

#include <algorithm>
#include <cstring>

#include "codec/crc32c.h"

namespace ashlar {
namespace {

constexpr uint64_t kScanBlocks = 1024;  // 4 MiB at a time

struct Found {
  BatchHeader header;
  std::vector<uint8_t> records;
  uint64_t blocks = 0;
};

uint64_t known_synced(const BatchHeader& header, uint32_t version) {
  if (version == kPoolVersionUnchained)
    return uint64_t(header.previous_crc) << 32 | header.unsynced;
  return header.sequence - std::min<uint64_t>(header.unsynced, header.sequence);
}

// Whether what is there of the batch before is all of it. Of the first to be replayed the
// checkpoint has all that came before.
bool follows(const Found& batch, const Found* before, uint32_t version) {
  return !before || version == kPoolVersionUnchained ||
         batch.header.previous_crc == before->header.crc;
}

// Visits every valid batch that lies in the ring, whatever its generation.
Result<void> for_each_batch(Device& device, const Superblock& superblock,
                            const std::function<void(Found&&)>& visit) {
  const RingGeometry ring{superblock.ring_first, superblock.ring_blocks};
  std::vector<uint8_t> window;
  uint64_t window_first = 0;
  const auto load = [&](uint64_t first, uint64_t blocks) -> Result<void> {
    window.resize(blocks * kBlockBytes);
    window_first = first;
    return device.read_uncached((ring.first + first) * kBlockBytes, window);
  };
  for (uint64_t at = 0; at < ring.blocks;) {
    const uint64_t held = window_first + window.size() / kBlockBytes;
    if (window.empty() || at >= held) TRY(load(at, std::min(kScanBlocks, ring.blocks - at)));
    BatchHeader header;
    std::memcpy(&header, &window[(at - window_first) * kBlockBytes], sizeof header);
    const uint64_t bytes = sizeof header + uint64_t(header.length);
    const uint64_t blocks = (bytes + kBlockBytes - 1) / kBlockBytes;
    const bool plausible = header.magic == kJournalMagic && header.pool_id == superblock.pool_id &&
                           header.length <= kBatchRecordsMax && blocks <= ring.blocks - at;
    if (!plausible) {
      at++;
      continue;
    }
    if (at + blocks > window_first + window.size() / kBlockBytes) {
      TRY(load(at, std::min(std::max(kScanBlocks, blocks), ring.blocks - at)));
    }
    uint8_t* batch = &window[(at - window_first) * kBlockBytes];
    const uint32_t crc = header.crc;
    BatchHeader unsealed = header;
    unsealed.crc = 0;
    std::memcpy(batch, &unsealed, sizeof unsealed);
    const bool valid = crc32c(Bytes(batch, bytes)) == crc;
    std::memcpy(batch, &header, sizeof header);
    if (!valid) {
      at++;
      continue;
    }
    visit(Found{header, {batch + sizeof header, batch + bytes}, blocks});
    at += blocks;
  }
  return {};
}

}  // namespace

Result<RingScan> scan_ring(Device& device, const Superblock& superblock) {
  RingScan scan;
  std::map<uint64_t, Found> found;
  uint64_t durable = 0;
  TRY(for_each_batch(device, superblock, [&](Found&& batch) {
    if (batch.header.journal_generation != superblock.journal_generation) return;
    durable = std::max(durable, known_synced(batch.header, superblock.version));
    scan.checkpoint_generation_max =
        std::max(scan.checkpoint_generation_max, batch.header.checkpoint_generation);
    if (batch.header.sequence >= superblock.journal_sequence)
      found[batch.header.sequence] = std::move(batch);
  }));
  const Found* before = nullptr;
  for (uint64_t sequence = superblock.journal_sequence;; sequence++) {
    const auto at = found.find(sequence);
    const bool there = at != found.end();
    if (!there || !follows(at->second, before, superblock.version)) {
      const uint64_t lost = there ? sequence - 1 : sequence;
      if (lost > durable) return scan;
      return error(Code::kCorrupt, "the journal lost batch " + std::to_string(lost) +
                                       (there ? " or its end" : "") +
                                       " although it was synced up to " + std::to_string(durable) +
                                       "; run `ashlar pool-check` on the pool file");
    }
    before = &at->second;
    scan.batches.push_back(
        {sequence, before->blocks, sequence <= durable, std::move(at->second.records)});
  }
}

Result<uint64_t> newest_checkpoint_named(Device& device, const Superblock& superblock) {
  uint64_t newest = 0;
  TRY(for_each_batch(device, superblock, [&](Found&& batch) {
    newest = std::max(newest, batch.header.checkpoint_generation);
  }));
  return newest;
}

Result<void> for_each_record(Bytes records,
                             const std::function<Result<void>(const RecordHeader&, Bytes)>& visit) {
  while (!records.empty()) {
    RecordHeader header;
    if (records.size() < sizeof header)
      return error(Code::kCorrupt, "journal: a record is cut off");
    std::memcpy(&header, records.data(), sizeof header);
    if (header.length < sizeof header || header.length % 8 != 0 || header.length > records.size()) {
      return error(Code::kCorrupt,
                   "journal: a record has the impossible length " + std::to_string(header.length));
    }
    TRY(visit(header, records.first(header.length)));
    records = records.subspan(header.length);
  }
  return {};
}

}  // namespace ashlar
