// Making an index agree with the packs that are there: at every open, and from nothing. Thread: one
// at a time, before the store is used.
#pragma once

#include "store/index.h"
#include "store/store_folder.h"

namespace ashlar {

// Reads in the packs that the index does not know (it was lost, or the process died between the
// two), in the order of their names. Entries of packs that are gone are pointed to another copy, or
// removed; the ids without one are the answer. Errors: as read_directory, and the index's.
Result<std::vector<Hash>> mend_index(const StoreFolder& folder, Index& index);

}  // namespace ashlar
