// The offline check of a chunk store: every frame's CRC, every id, and whether index, packs and
// trees agree. Reads everything once, on all cores; changes nothing. Memory: a directory and a few
// frames at a time, and some bytes a pack.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "codec/blake3.h"

namespace ashlar {

struct StoreReport {
  uint64_t packs = 0;
  uint64_t frames = 0;
  uint64_t damaged_frames = 0;       // that something may need: CRC, or not what the id says
  uint64_t dead_damaged_frames = 0;  // that the index does not name: harmless
  uint64_t unknown_files = 0;        // in the packs' folder
  uint64_t missing_from_index = 0;   // in packs that it does not know: no problem, an open mends it
  uint64_t dangling_index_entries = 0;  // that name a frame which is not there
  uint64_t deltas_without_base = 0;     // or on one that is not full
  uint64_t nodes_without_children = 0;  // closure
  uint64_t quarantined = 0;
  std::vector<std::string> problems;  // a line each; at most kProblemsMax, then how many more
};
constexpr size_t kProblemsMax = 100;

// Errors: kNotFound, kInUse, kForeignFile, kNewerFormat, kCorrupt (the header), kDeviceFailed.
Result<StoreReport> check_store(const std::string& store, const DomainKeys& keys);

}  // namespace ashlar
