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

class CutImage {
 public:
  // kSnapshotNotFound when the pool has no such cut with its blocks.
  static Result<std::unique_ptr<CutImage>> open(Pool& pool, Hydrators& hydrators,
                                                const Id& snapshot);
  ~CutImage();
  CutImage(const CutImage&) = delete;
  CutImage& operator=(const CutImage&) = delete;

  uint64_t size_bytes() const { return bytes_; }
  // The next chunks, at or after `chunk`, that hold anything that may differ from zero; nothing =
  // none.
  Result<std::optional<ChunkRange>> next_chunks(uint64_t chunk);
  // Fills `into` (count * 64 KiB) with zeros where nothing is. kCorrupt names volume and offset.
  Result<void> read_chunks(uint64_t first_chunk, uint64_t count, MutableBytes into);

 private:
  CutImage(Pool& pool, Hydrators& hydrators, const CutRow& row);

  MapEntry root() const;

  Pool& pool_;
  Hydrators& hydrators_;
  const Id snapshot_;
  const LineageId lineage_;
  const Epoch epoch_;
  const uint64_t bytes_;
  const uint8_t height_;
  const uint32_t origin_;
};

}  // namespace ashlar
