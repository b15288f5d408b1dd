// BLAKE3 as DESIGN 6 uses it: keyed hashes under keys derived from the secret of a dedup domain,
// one key for chunks, one for nodes, one for manifests. BLAKE3's own C code does the work. Thread:
// any.
#pragma once

#include <string_view>

#include "base/bytes.h"
#include "base/id.h"

namespace ashlar {

struct DomainKeys {
  Hash chunk{};
  Hash node{};
  Hash manifest{};
};

// The default domain's secret is empty.
DomainKeys derive_keys(Bytes secret);

Hash keyed_hash(const Hash& key, Bytes bytes);

}  // namespace ashlar
