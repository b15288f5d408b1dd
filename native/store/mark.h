// What is reached from the roots: the mark of a collection. Nodes are read, verified, and walked
// from manifests to chunk ids; a node that cannot be read ends the mark, since what is below it is
// not known. Deltas that are kept reach their bases.
//
// Memory a TiB of unique reached data (16.8 M chunks, 266 k nodes): 8 bytes a chunk, at most twice
// that while it grows, and about 50 bytes a node: 150 to 280 MiB, during a collection only. A chunk
// is kept by the first 8 bytes of its id: two that agree in them keep each other alive, which leaks
// one. Nodes are kept whole: one taken for another would leave a subtree unmarked. Thread: one.
#pragma once

#include <memory>
#include <unordered_set>
#include <vector>

#include "base/cancel.h"
#include "store/chunk_store.h"
#include "store/hash_hasher.h"

namespace ashlar {

class Mark {
 public:
  Mark(ChunkStore& store, const DomainKeys& keys, std::shared_ptr<const Cancel> cancel)
      : store_(store), keys_(keys), cancel_(std::move(cancel)) {}

  // The manifest and everything below it. kNotFound, kCorrupt, kDeviceFailed, kCancelled.
  Result<void> add_root(const Manifest& manifest);
  // What frames of a pack lean on, whether they are reached or not: nodes on all below them, deltas
  // on their bases.
  Result<void> add_pack(const PackName& pack);
  // The base of every delta that is marked. After the last add; then has() may be asked.
  Result<void> finish(std::span<const PackName> packs);

  bool has(const Hash& id) const;

 private:
  Result<void> walk(const Hash& id);
  Result<void> add_children(const Hash& id, std::vector<Hash>& below);
  Result<void> add_bases(const PackName& pack);
  void add_chunk(const Hash& id);
  void pack_chunks();

  ChunkStore& store_;
  const DomainKeys keys_;
  const std::shared_ptr<const Cancel> cancel_;
  std::unordered_set<Hash, HashHasher> nodes_;  // and manifests
  std::vector<uint64_t> chunks_;                // prefixes; sorted by pack_chunks()
  size_t packed_ = 0;                           // how many were left when they were last sorted
};

}  // namespace ashlar
