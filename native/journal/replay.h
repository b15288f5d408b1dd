// Replay: finds what the ring holds after a crash. All headers are scanned first: a batch that is
// missing or bad at or below the highest durable sequence any valid batch names is corruption,
// never an end. Past that point the caller checks the blocks that records name, and stops at the
// first batch that does not hold. Thread: the one that opens the pool.
#pragma once

#include <functional>
#include <map>
#include <vector>

#include "journal/journal.h"

namespace ashlar {

struct ReplayBatch {
  uint64_t sequence = 0;
  uint64_t blocks = 0;
  bool durable = false;  // known synced: its data needs no check
  std::vector<uint8_t> records;
};

struct RingScan {
  std::vector<ReplayBatch> batches;  // contiguous from `first_sequence`
  uint64_t checkpoint_generation_max = 0;
};

// Reads past the page cache. Errors: kCorrupt, with the advice to run the offline check.
Result<RingScan> scan_ring(Device& device, RingGeometry ring,
                           const std::array<uint8_t, 16>& pool_id, uint64_t journal_generation,
                           uint64_t first_sequence);

// Highest checkpoint generation any valid batch of this pool names, of whatever journal generation.
Result<uint64_t> newest_checkpoint_named(Device& device, RingGeometry ring,
                                         const std::array<uint8_t, 16>& pool_id);

// One record of a batch: the header was checked, `bytes` is the whole record.
// kCorrupt when a record is malformed; visits in order and stops at the first error.
Result<void> for_each_record(Bytes records,
                             const std::function<Result<void>(const RecordHeader&, Bytes)>& visit);

}  // namespace ashlar
