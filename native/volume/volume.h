// Volume: one head as a host sees it. Reads look up a batch under the map lock, then read and
// verify without it, inside a grace section; writes put the data down first, then under the map
// lock append the record and change the map; then they are acknowledged. Nothing is overwritten in
// place.
// What is remote is waited for outside of it.
//
// Thread: any.
#pragma once

#include "commit/pool.h"
#include "volume/hydrators.h"
#include "volume/volume_io.h"

namespace ashlar {

class Volume final : public VolumeIo {
 public:
  enum class User : uint8_t { kGuest, kBackground };
  Volume(Pool& pool, HeadPtr head, Hydrators& hydrators, User user = User::kGuest)
      : pool_(pool), head_(std::move(head)), hydrators_(hydrators), user_(user) {}

  uint64_t size_bytes() const override { return head_->bytes; }
  void read(std::span<ReadRequest> batch, Wait wait) override;
  Result<std::unique_ptr<ChunkWait>> ask_for(std::span<const ByteRange> ranges,
                                             const Ready& ready) override;
  std::chrono::milliseconds stall() const override;
  void write(std::span<WriteRequest> batch) override;
  Result<void> erase(ByteRange range, Erase how) override;
  bool erase_is_fast(ByteRange range) const override;
  Result<void> flush() override;
  Result<std::vector<StatusExtent>> status(ByteRange range, size_t extents_max) override;
  void prefetch(ByteRange range) override;

  const HeadPtr& head() const { return head_; }

 private:
  struct Piece;   // consecutive whole blocks of one write
  struct Remote;  // what is not here yet

  void read_one(ReadRequest& request, Wait wait);
  void read_when_here(ReadRequest& request);
  Result<Remote> remote_in(std::span<const ByteRange> ranges);
  Result<void> sleep_until_here(ByteRange range, uint64_t deadline_ns);

  Result<void> write_blocks(std::span<Piece> pieces);
  // Requires an admission for the records and pages.
  Result<void> apply_pieces(std::span<Piece> pieces, std::span<const PoolRun> runs);
  Result<void> write_partial(uint64_t block, uint64_t offset_in_block, Bytes data);
  Result<void> apply_erase(ByteRange range, Erase how);
  Result<void> zero_partial(uint64_t block, uint64_t offset_in_block, uint64_t bytes);

  Pool& pool_;
  const HeadPtr head_;
  Hydrators& hydrators_;
  const User user_;
};

}  // namespace ashlar
