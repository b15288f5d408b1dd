// The chunk store of a region: chunks, nodes, manifests and records by id, in packs, found through
// an index. What is in a pack that has its final name is durable; the index is mended from the
// packs at every open. A node is indexed only after everything below it is durable (closure):
// StoreSession sees to the order.
//
// Two questions look alike. *Present* asks for something to lean on: what is condemned or
// quarantined is not, nor is a delta whose base is not. *Read* asks for bytes that a committed
// snapshot may need: what is condemned is still there until the collection has ended.
//
// Thread: any; mutex_ guards the table of open pack files, the pack counter, the condemned set and
// the packs of running sessions. It is never held across I/O. One process holds a store.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <set>

#include "codec/blake3.h"
#include "format/tree_format.h"
#include "store/condemned.h"
#include "store/index.h"
#include "store/records.h"
#include "store/store_folder.h"

namespace ashlar {

struct StoreStats {
  uint64_t pack_bytes = 0;
  uint64_t packs = 0;
  IndexTotals totals;
  IndexSizes index;
  uint64_t quarantined = 0;
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

  // Of ids that were computed here from the bytes they name.
  Result<std::vector<bool>> present(std::span<const Hash> ids);
  // Of ids that somebody else gave: present, and what must stand at their place. A chunk whose id
  // is a node's, or a node of another level, hangs together by its hashes and could never be read.
  Result<std::vector<bool>> present_chunks(std::span<const Hash> ids);
  Result<std::vector<bool>> present_nodes(std::span<const Hash> ids, uint8_t level);
  // Whether the chunk may be stored as a delta on this base: the base is present and full, and the
  // chunk itself is not here in full, where other deltas may lean on it.
  Result<bool> may_be_delta(const Hash& id, const Hash& base);

  struct Stored {
    FrameKind kind{};
    uint32_t plain_bytes = 0;
    std::vector<uint8_t> bytes;  // as stored; the frame's CRC was checked
    Hash base{};                 // of a delta
    uint16_t block_map = 0;
    bool may_be_base = false;  // it is a full chunk that deltas may lean on
  };
  // kNotFound when the store has no such id; kCorrupt when it is damaged, which quarantines it.
  Result<Stored> read(const Hash& id);
  // The 64 KiB of a chunk in whatever form it is stored, verified by its id. As read(); kCorrupt
  // also where the id names something else, which is then not to blame.
  Result<void> read_chunk(const DomainKeys& keys, const Hash& id, MutableBytes into);
  Result<NodeBytes> read_node(const DomainKeys& keys, const Hash& id);

  // Durable when it returns.
  Result<void> append_record(uint64_t generation, uint32_t kind, Bytes row);
  Result<Records> records() { return read_records(folder_); }
  Result<StoreStats> stats();

  // Ids of what is damaged here. A fresh copy ends it.
  std::vector<Hash> quarantined() { return index_->quarantined(); }
  // For the reports of damage that harms no id.
  void note_damage(std::string what);
  // What was found out since the last call: a line each.
  std::vector<std::string> take_damage_reports();
  // The bytes are not what the id says, as a reader found out.
  void quarantine(const Hash& id, const Error& reason);

  // ---- for sessions and the collection ----
  Result<PackWriter> create_pack(const PackName& name) {
    return PackWriter::create(folder_.packs(), name);
  }
  PackName next_pack(PackKind kind);
  Index& index() { return *index_; }
  const StoreFolder& folder() const { return folder_; }
  uint64_t writer_epoch() const { return folder_.writer_epoch(); }
  void publish_condemned(std::shared_ptr<const Condemned> condemned);
  // Packs of sessions that have not ended: no collection touches them.
  void begin_pack(const PackName& pack);
  void end_packs(std::span<const PackName> packs);
  std::set<PackName> session_packs();
  // The index must not name the packs any more. After a crash all of them are gone, or all are
  // there as before; after an error too, and the next call goes on with them.
  Result<void> remove_packs(std::span<const PackName> packs);

 private:
  explicit ChunkStore(StoreFolder folder) : folder_(std::move(folder)) {}

  Result<std::shared_ptr<const UniqueFd>> pack_file(const PackName& name);
  // What of these is present, else nothing.
  Result<std::vector<std::optional<Location>>> find_present(std::span<const Hash> ids);
  Result<Stored> read_at(const Hash& id, const Location& at);
  Result<void> read_base(const DomainKeys& keys, const Hash& id, MutableBytes into);
  bool is_usable(const Hash& id, const std::optional<Location>& at, const Condemned* condemned) {
    return at && !(condemned && condemned->has(*at)) && !index_->is_quarantined(id);
  }
  std::shared_ptr<const Condemned> condemned();

  StoreFolder folder_;
  std::unique_ptr<Index> index_;

  std::mutex mutex_;
  uint64_t counter_ = 0;
  std::map<PackName, std::shared_ptr<const UniqueFd>> files_;
  std::shared_ptr<const Condemned> condemned_;
  std::set<PackName> session_packs_;
  std::vector<std::string> damage_;
};

// What one pull adds: chunks go to data packs as they come, nodes to a node pack that gets its
// name, and its place in the index, only in finish(), after the chunks. Until then all of it is
// garbage. After a failure every further call gives the same error: nothing is tried again, since a
// failed sync may have lost what it was to keep. Thread: one at a time.
class StoreSession {
 public:
  explicit StoreSession(ChunkStore& store) : store_(store) {}
  StoreSession(const StoreSession&) = delete;
  StoreSession& operator=(const StoreSession&) = delete;
  ~StoreSession() { store_.end_packs(packs_); }

  // A delta that ChunkStore::may_be_delta refuses is left out where the chunk is present by now;
  // else it is kFailedPrecondition, and the session goes on: store the chunk in full.
  Result<void> add_chunk(const StoredFrame& frame);
  Result<void> add_node(const StoredFrame& frame);
  Result<void> finish();
  uint64_t added_bytes() const { return added_bytes_; }

 private:
  struct Open {
    PackName name;
    PackWriter writer;
  };
  Result<void> check_delta(const StoredFrame& frame);
  Result<void> add(std::optional<Open>& open, PackKind kind, const StoredFrame& frame);
  Result<void> seal(std::optional<Open>& open);
  Result<void> keep(Result<void> outcome);

  ChunkStore& store_;
  std::vector<PackName> packs_;  // all that were begun
  std::optional<Error> failed_;
  std::optional<Open> data_;
  std::optional<Open> nodes_;
  // Node packs that are full wait here, unindexed, for the chunks below them.
  std::vector<Open> full_nodes_;
  uint64_t added_bytes_ = 0;
};

}  // namespace ashlar
