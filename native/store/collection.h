// One collection of a chunk store, in two steps with a wait between them (DESIGN 7):
//
//   begin   marks from the roots; what no root reaches is condemned: from then on it counts as
//           missing for all who ask whether they may lean on it. Nothing is deleted.
//   (the caller waits until every session that began before has ended)
//   end     marks again from the roots of that moment, and from what those sessions left behind.
//           Only what was condemned and is still not reached goes.
//
// Only packs that were there at the beginning, and belong to no running session, are touched: a
// copy that is written meanwhile lies elsewhere. Of two dead nodes either may lie in the older
// pack, and of two packs each may hold a parent of what is in the other: so all dead nodes leave
// the index in one step, then what is alive beside them is copied, then all their packs go in one
// step, then the chunks go. At any instant, after any call that fails and after any crash, every
// node in the index, and every node on disk, has all of its children (STORE.md). This takes room
// for a copy of the live nodes of those packs, at most 0.6 GB a TiB of unique data.
//
// Each pack's directory is read again before anything in it goes; any doubt keeps the pack. One
// that is damaged beside its frames alone is written anew. A record that cannot be read goes only
// where the caller says that it is superseded. A crash forgets what is condemned; what was half
// done leaves copies, never gaps.
//
// Thread: one at a time; sessions and readers go on beside it.
#pragma once

#include <set>
#include <utility>

#include "store/mark.h"

namespace ashlar {

class Collection {
 public:
  struct Candidates {
    uint64_t chunks = 0;  // frames: chunks, nodes and manifests
    uint64_t bytes = 0;
  };
  struct Outcome {
    uint64_t freed_bytes = 0;
    uint64_t packs_deleted = 0;     // nothing in them was live
    uint64_t packs_rewritten = 0;   // what was live moved to a new pack
    uint64_t chunks_dropped = 0;    // frames, as above
    std::vector<std::string> kept;  // packs that stay because of a doubt, a line each
  };

  // Errors: the mark's. Nothing is condemned then. `cancel` ends either step between two nodes or
  // packs.
  static Result<std::unique_ptr<Collection>> begin(
      ChunkStore& store, const DomainKeys& keys, std::span<const Manifest> roots,
      std::shared_ptr<const Cancel> cancel = std::make_shared<const Cancel>());
  // Nothing is condemned any more.
  ~Collection() { store_.publish_condemned(nullptr); }
  Collection(const Collection&) = delete;
  Collection& operator=(const Collection&) = delete;

  const Candidates& condemned() const { return condemned_total_; }
  // `superseded`: generations of records that nobody needs any more, since later ones say what they
  // said; those of them that cannot be read are dead. Once. On an error what was not deleted stays,
  // and nothing is condemned once this is gone. kCorrupt also for a node or another record that
  // cannot be read.
  Result<Outcome> end(std::span<const Manifest> roots, std::set<uint64_t> superseded = {});

 private:
  Collection(ChunkStore& store, const DomainKeys& keys, std::shared_ptr<const Cancel> cancel)
      : store_(store), keys_(keys), cancel_(std::move(cancel)) {}

  struct Verdict {
    PackName pack;
    uint64_t file_bytes = 0;
    uint64_t live_bytes = 0;  // as the pack of what is live in it would have
    uint64_t live_frames = 0;
    uint64_t dead_frames = 0;               // condemned, or copies that the index does not name
    bool damaged = false;                   // beside its frames
    std::vector<DirectoryEntry> condemned;  // until they left the index
  };
  // A batch makes one new pack.
  using Batch = std::vector<Verdict>;

  Result<void> condemn(const Mark& mark);
  Result<Mark> mark_again(std::span<const Manifest> roots);
  Result<Verdict> judge(const PackName& pack, const Mark& mark);
  static std::pair<Batch, Batch> part(Batch verdicts);
  Result<void> sweep_nodes(const Mark& mark);
  Result<void> sweep_chunks(const Mark& mark);
  Result<void> drop_condemned(std::span<Verdict> verdicts);
  std::vector<Batch> choose_batches(PackKind kind, std::vector<Verdict> verdicts);
  // Answers the packs of which nothing is needed any more.
  Result<std::vector<Verdict>> rewrite(Batch batch);
  struct LiveFrame {
    PackedFrame frame;
    Location at;  // of a record: none
  };
  Result<std::vector<LiveFrame>> read_live(const PackName& pack);
  Result<bool> is_dead_record(const PackName& pack, const DirectoryEntry& entry);
  Result<void> remove(std::span<const Verdict> verdicts);
  Result<void> lift_lost(const Mark& mark);

  ChunkStore& store_;
  const DomainKeys keys_;
  const std::shared_ptr<const Cancel> cancel_;
  std::vector<PackName> packs_;  // that this collection may touch
  std::shared_ptr<const Condemned> condemned_;
  Candidates condemned_total_;
  std::set<uint64_t> superseded_;
  bool ended_ = false;
  uint64_t written_bytes_ = 0;  // of packs that rewriting made
  Outcome outcome_;
};

}  // namespace ashlar
