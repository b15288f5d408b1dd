// Replay: finds what the ring holds after a crash. All headers are scanned first: a batch that is
// missing, bad or shorter than it was sealed at or below the highest durable sequence any valid
// batch names is corruption, never an end. Past that point it is the end, and the caller checks the
// blocks that records name, and stops at the first batch that does not hold. Thread: the one that
// opens the pool.
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
  std::vector<ReplayBatch> batches;  // contiguous from its journal_sequence
  uint64_t checkpoint_generation_max = 0;
};

// What is to be replayed on the checkpoint of `superblock`. Reads past the page cache. Errors:
// kCorrupt, with the advice to run the offline check.
Result<RingScan> scan_ring(Device& device, const Superblock& superblock);

// Highest checkpoint generation any valid batch of this pool names, of whatever journal generation.
Result<uint64_t> newest_checkpoint_named(Device& device, const Superblock& superblock);

// One record of a batch: the header was checked, `bytes` is the whole record.
// kCorrupt when a record is malformed; visits in order and stops at the first error.
Result<void> for_each_record(Bytes records,
                             const std::function<Result<void>(const RecordHeader&, Bytes)>& visit);

}  // namespace ashlar
