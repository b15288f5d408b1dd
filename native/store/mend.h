// Making an index agree with the packs that are there: at every open, and from nothing. Thread: one
// at a time, before the store is used.
#pragma once

#include "store/index.h"
#include "store/store_folder.h"

namespace ashlar {

struct Lost {
  Hash id{};
  std::string reason;
};

// Reads in the packs that the index does not know (it was lost, or the process died between the
// two), in the order of their names. Entries of packs that are gone are pointed to another copy, or
// removed. The ids that have none, and, when the index was made anew, the gaps, are quarantined,
// and are the answer. Whenever the process dies, the next call comes to the same. Errors: as
// find_directory, and the index's.
Result<std::vector<Lost>> mend_index(const StoreFolder& folder, Index& index);

// Walks all nodes and deltas that the index names: the children that are nowhere, and the deltas
// without their base. One pass over the directories and the node packs.
Result<std::vector<Lost>> find_gaps(const StoreFolder& folder, Index& index);

// Those that were not quarantined before.
Result<std::vector<Lost>> quarantine_gaps(const StoreFolder& folder, Index& index);

struct RebuildReport {
  uint64_t packs = 0;
  uint64_t frames = 0;
  uint64_t quarantined = 0;           // gaps that were found
  std::vector<std::string> problems;  // packs that are damaged beside their frames, a line each
};
// Offline: a new index from the packs alone, made beside the old one and put in its place. Packs
// whose frames cannot be told are left out, and what only they hold is quarantined where a node
// names it. Errors: as StoreFolder::open_offline, kNoSpace, kDeviceFailed.
Result<RebuildReport> rebuild_index(const std::string& store);

}  // namespace ashlar
