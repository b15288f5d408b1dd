// CutImage: the bytes of a cut, read-only and unchanging, for sealing and exporting. It pins the
// cut, so that a drop waits; ranges that are still remote are fetched without being installed.
// Thread: any.
#pragma once

#include "commit/pool.h"
#include "volume/hydrators.h"

namespace ashlar {

struct ChunkRange {
  uint64_t first = 0;
  uint64_t count = 0;
};

// A chunk that may differ from the base: blocks outside the map have the base's bytes.
struct ChangedChunk {
  uint64_t index = 0;
  uint16_t block_map = 0;  // bit 0 = the first block
  bool zero = false;       // known without reading
};

class CutImage {
 public:
  // `base`: a snapshot to tell the difference from. kSnapshotNotFound when the pool has no such cut
  // with its blocks.
  static Result<std::unique_ptr<CutImage>> open(Pool& pool, Hydrators& hydrators,
                                                const Id& snapshot,
                                                const std::optional<Id>& base = std::nullopt);
  ~CutImage();
  CutImage(const CutImage&) = delete;
  CutImage& operator=(const CutImage&) = delete;

  uint64_t size_bytes() const { return bytes_; }
  // The base is an ancestor of this cut, or the cut itself, by what the pool's records say. It
  // needs no blocks: a bookmark is enough.
  bool base_agreed() const { return base_epoch_.has_value(); }
  // The next chunks, at or after `chunk`, that hold anything that may differ from zero; nothing =
  // none.
  Result<std::optional<ChunkRange>> next_chunks(uint64_t chunk);
  // The next chunks at or after `chunk`, at most `max`, that may differ from the base: whatever was
  // written, trimmed or zeroed since. Nothing = none. O(changed). Requires base_agreed().
  Result<std::vector<ChangedChunk>> next_changed(uint64_t chunk, size_t max);
  // The blocks of one chunk that may differ from the base, as a map. Requires base_agreed().
  Result<uint16_t> changed_blocks(uint64_t chunk);
  // Fills `into` (count * 64 KiB) with zeros where nothing is. kCorrupt names volume and offset.
  Result<void> read_chunks(uint64_t first_chunk, uint64_t count, MutableBytes into);

 private:
  CutImage(Pool& pool, const CutRow& row, std::optional<Epoch> base_epoch,
           std::shared_ptr<Hydrator> hydrator);

  MapEntry root() const;
  Result<std::vector<ChangedChunk>> changed_in(uint64_t seen, uint64_t end_block, size_t max);

  Pool& pool_;
  const std::shared_ptr<Hydrator> hydrator_;  // null: nothing of it is remote
  const Id snapshot_;
  const LineageId lineage_;
  const Epoch epoch_;
  const std::optional<Epoch> base_epoch_;
  const uint64_t bytes_;
  const uint8_t height_;
};

}  // namespace ashlar
