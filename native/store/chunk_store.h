// The chunk store of a region: chunks, nodes, manifests and records by id, in packs, found through
// an index. What is in a pack that has its final name is durable; the index is mended from the
// packs at every open. A node is indexed only after everything below it is durable (closure):
// StoreSession sees to the order.
//
// Thread: any; mutex_ guards the table of open pack files and the pack counter. One process holds
// it.
#pragma once

#include <map>
#include <memory>
#include <mutex>

#include "codec/blake3.h"
#include "store/index.h"

namespace ashlar {

struct StoreStats {
  uint64_t pack_bytes = 0;
  uint64_t packs = 0;
};

class ChunkStore {
 public:
  // Creates the folder's store when there is none. Removes packs that were never finished.
  // Errors: kInUse, kForeignFile, kNewerFormat, kCorrupt (also a header that is missing or older
  // than the packs), kFailedPrecondition (another catalog's store; with `adopt` it becomes this
  // one's).
  static Result<std::unique_ptr<ChunkStore>> open(const std::string& folder,
                                                  const std::string& catalog_uuid,
                                                  bool adopt = false);

  Result<std::vector<bool>> present(std::span<const Hash> ids) { return index_->present(ids); }
  struct Stored {
    FrameKind kind{};
    uint32_t plain_bytes = 0;
    std::vector<uint8_t> bytes;  // as stored; the frame's CRC was checked
    Hash base{};                 // of a delta
    uint16_t block_map = 0;
  };
  // kNotFound when the store has no such id.
  Result<Stored> read(const Hash& id);
  // The 64 KiB of a chunk in whatever form it is stored, verified by its id. kNotFound, kCorrupt.
  Result<void> read_chunk(const DomainKeys& keys, const Hash& id, MutableBytes into);
  // Durable when it returns.
  Result<void> append_record(uint64_t generation, uint32_t kind, Bytes row);
  Result<StoreStats> stats();

  // ---- for sessions ----
  Result<PackWriter> create_pack(const PackName& name);
  Result<void> add_pack(const PackName& pack, std::span<const DirectoryEntry> entries) {
    return index_->add_pack(pack, entries);
  }
  uint64_t writer_epoch() const { return writer_epoch_; }
  uint64_t next_counter();

 private:
  explicit ChunkStore(std::string folder) : folder_(std::move(folder)) {}

  Result<void> open_header(const std::string& catalog_uuid, bool adopt);
  Result<void> mend_index();
  std::string packs_folder() const { return folder_ + "/packs"; }
  Result<std::shared_ptr<const UniqueFd>> pack_file(const PackName& name);

  const std::string folder_;
  UniqueFd lock_;
  uint64_t writer_epoch_ = 0;
  std::unique_ptr<Index> index_;

  std::mutex mutex_;
  uint64_t counter_ = 0;
  std::map<std::string, std::shared_ptr<const UniqueFd>> files_;
};

// What one pull adds: chunks go to data packs as they come, nodes to a node pack that gets its
// name, and its place in the index, only in finish(), after the chunks. Until then all of it is
// garbage. After a failure every further call gives the same error: nothing is tried again, since a
// failed sync may have lost what it was to keep. Thread: one at a time.
class StoreSession {
 public:
  explicit StoreSession(ChunkStore& store) : store_(store) {}

  Result<void> add_chunk(const StoredFrame& frame);
  Result<void> add_node(const StoredFrame& frame);
  Result<void> finish();
  uint64_t added_bytes() const { return added_bytes_; }

 private:
  struct Open {
    PackName name;
    PackWriter writer;
  };
  Result<void> add(std::optional<Open>& open, PackKind kind, const StoredFrame& frame);
  Result<void> seal(std::optional<Open>& open);
  Result<void> keep(Result<void> outcome);

  ChunkStore& store_;
  std::optional<Error> failed_;
  std::optional<Open> data_;
  std::optional<Open> nodes_;
  // Node packs that are full wait here, unindexed, for the chunks below them.
  std::vector<Open> full_nodes_;
  uint64_t added_bytes_ = 0;
};

}  // namespace ashlar
