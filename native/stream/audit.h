// Audit: a whole cut hashed once more. A wrong difference would still give a root that fits itself;
// this one is made from the bytes alone. Thread: any; the work is done by the source's threads, at
// low priority. Closing the source ends it with kCancelled.
#pragma once

#include "stream/cut_source.h"

namespace ashlar {

// The snapshot's root. Requires a fresh source without a base.
Result<Hash> audit(CutSource& source, const DomainKeys& keys);

}  // namespace ashlar
