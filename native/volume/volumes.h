// Volumes: the records of a pool as orders. Each order is idempotent by the id its caller made:
// repeated with equal arguments it gets the first answer, with others kIdReused, on a tombstone
// kTombstone; it returns when it is durable. The NBD server obeys what stands here and nothing
// else.
//
// Thread: any. orders_mutex_ serialises orders (they are rare); it is held across their sync.
#pragma once

#include <deque>
#include <functional>

#include "volume/clone_target.h"
#include "volume/cut_image.h"
#include "volume/volume.h"

namespace ashlar {

struct CreateVolume {
  Id id;
  uint64_t bytes = 0;
  std::optional<Id> cut;  // of this pool
  struct Origin {
    Id snapshot;
    std::array<uint8_t, 80> manifest{};
    Id pin;
  };
  std::optional<Origin> origin;
};

struct CreateClone {
  Id id;
  CreateVolume::Origin origin;
  std::optional<Id> base;  // a snapshot whose cut may be here
};

struct CutOrder {
  struct Member {
    Id volume;
    Id snapshot;
  };
  Id group;
  std::vector<Member> members;
};

class Volumes final : public ExportSource {
 public:
  explicit Volumes(Pool& pool);

  Result<void> create(const CreateVolume& order);
  Result<void> grow(const Id& volume, uint64_t bytes);
  Result<void> remove(const Id& volume);
  Result<void> attach(const Id& attachment, const Id& volume, const std::string& host,
                      bool read_only);
  // From here on find_export() refuses the attachment; the caller drains its connections next.
  Result<void> begin_detach(const Id& attachment);
  Result<void> finish_detach(const Id& attachment);
  // The rows of the cuts, in the order of the members.
  Result<std::vector<CutRow>> cut(const CutOrder& order);
  Result<void> sealed(const Id& snapshot, const Hash& root);
  Result<void> drop_cut(const Id& snapshot);
  Result<void> forget_tombstone(const Id& id);

  // ---- clones (clones.cc) ----
  // A cut with the whole snapshot becomes the clone at once; else a hidden volume is begun, which
  // settle() turns into one when it is full.
  Result<void> create_clone(const CreateClone& order);
  Result<void> remove_clone(const Id& id);
  // What the receiver of a clone's differences fills. kNotFound when there is none to fill.
  Result<std::shared_ptr<CloneTarget>> clone_target(const Id& clone);
  // Takes the steps that are due: clones that are full become available, origins that nothing
  // refers to go. Idempotent and cheap when nothing is due.
  Result<void> settle();

  // Forgets origins that no head or cut refers to, and drops sealed cuts that only keep one alive.
  Result<void> release_origins();

  // Rows as they are now, each with the slot of its table, where it stays.
  struct VolumeView {
    size_t slot = 0;
    VolumeRow row;
    HeadPtr head;
    std::optional<Id> origin_snapshot;
    uint64_t hydrated_bytes = 0;
    uint64_t hydration_total_bytes = 0;
  };
  struct CloneView {
    size_t slot = 0;
    CloneRow row;
    std::optional<Id> origin_snapshot;  // until it is available
    bool full = false;
    uint64_t done_bytes = 0;
    uint64_t total_bytes = 0;
  };
  struct CutView {
    size_t slot = 0;
    CutRow row;
    std::optional<Id> volume;  // while it exists
  };
  struct AttachmentView {
    size_t slot = 0;
    AttachmentRow row;
    bool detaching = false;
  };
  template <typename Row>
  struct RowView {
    size_t slot = 0;
    Row row;
  };
  struct View {
    std::vector<VolumeView> volumes;
    std::vector<CloneView> clones;
    std::vector<CutView> cuts;
    std::vector<RowView<OriginRow>> origins;
    std::vector<AttachmentView> attachments;
    std::vector<RowView<TombstoneRow>> tombstones;
  };
  View view();
  std::vector<uint64_t> cut_pauses_ns() const;
  // That a host has used since the pool was opened.
  struct UsedVolume {
    Id id;
    std::shared_ptr<Volume> volume;
  };
  std::vector<UsedVolume> used_volumes() const;

  Result<std::unique_ptr<CutImage>> open_cut(const Id& snapshot,
                                             const std::optional<Id>& base = std::nullopt) {
    return CutImage::open(pool_, hydrators_, snapshot, base);
  }
  // The hydrator and manifest of an origin. kSnapshotNotFound when nothing here hydrates from it.
  struct OriginView {
    std::shared_ptr<Hydrator> hydrator;
    std::array<uint8_t, 80> manifest{};
  };
  Result<OriginView> origin(const Id& snapshot);

  // It may be asked for longer than the pool is open.
  const std::shared_ptr<Demand>& demand() { return hydrators_.demand(); }

  Pool& pool() { return pool_; }

  // ExportSource
  Result<Export> find_export(const std::string& name) override;
  std::vector<std::string> list_exports() override;

 private:
  Result<std::shared_ptr<Volume>> open_volume(const Id& id);
  Result<void> append_control(Bytes record, const std::function<void(uint64_t generation)>& apply);
  // What an order is told that finds its work done.
  Result<void> answer_again() const;
  Result<void> refuse_tombstone(const Id& id);
  // Deletes a head with a record of its own: `apply` runs with all the pages it needs in memory.
  Result<void> append_delete(const HeadPtr& head, Bytes record,
                             const std::function<void(uint64_t generation)>& apply);
  // Requires the append lock. The origin's record, and the slot it has or will have.
  OriginRecord origin_record(const CreateVolume::Origin& origin) const;
  // Requires the append lock.
  void append_origin(const OriginRecord& record);
  Result<CloneRecord> begin_record(const CreateClone& order, uint64_t bytes);
  const CutRow* clone_base(const Id& base, uint64_t bytes) const;
  Result<void> finish_clone(const CloneRow& row, const HeadPtr& head);
  Result<void> finish_clones();
  void view_clones(View& view);
  Result<void> drop_superseded(LineageId lineage, Epoch newest_sealed);
  Result<void> drop_keeping_bookmark(const Id& snapshot);

  Pool& pool_;
  Hydrators hydrators_;
  std::mutex orders_mutex_;
  mutable std::mutex mutex_;  // guards what follows
  std::map<Id, std::shared_ptr<Volume>> open_;
  std::map<LineageId, std::shared_ptr<CloneTarget>> clone_targets_;
  std::set<Id> detaching_;
  std::deque<uint64_t> cut_pauses_ns_;
};

}  // namespace ashlar
