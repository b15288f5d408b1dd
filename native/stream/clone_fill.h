// CloneFill: the receiver that makes a clone out of its base. It goes through the hidden volume
// from its start, hashes what is there, compares it with the leaf of the snapshot's tree (every
// node is verified against its parent), asks for the chunks that differ, verifies and writes them,
// and clears what shall be zero. When everything has been found or made right the clone is full. A
// new receiver begins again: what is right already costs a hash.
//
// Thread: walk_ reads, hashes and asks; give and take as of any channel. mutex_ guards all state;
// it is not held across I/O or a hash.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <thread>

#include "seal/tree_place.h"
#include "stream/channel.h"
#include "stream/snapshot_source.h"
#include "stream/tree_frames.h"
#include "volume/clone_target.h"

namespace ashlar {

class CloneFill final : public Channel {
 public:
  // kInvalidArgument when the target's manifest is none.
  static Result<std::unique_ptr<CloneFill>> open(std::shared_ptr<CloneTarget> target,
                                                 const DomainKeys& keys);
  ~CloneFill() override;

  Result<void> give(Bytes message) override;
  Result<Polled> poll(const Ready& ready) override;
  Progress progress() override;
  void close() override;

 private:
  CloneFill(std::shared_ptr<CloneTarget> target, const ManifestFields& manifest,
            const DomainKeys& keys);

  void walk();
  // Everything below the node at `place`; it is known to have the id.
  Result<void> visit(const TreePlace& place, const Hash& id);
  Result<void> visit_leaf(uint64_t first_chunk, const NodeBytes& node);
  Result<void> clear(uint64_t first_chunk, uint64_t chunks);
  // Asks for a node that is not known yet and waits for it.
  Result<NodeBytes> node(const TreePlace& place, const Hash& id);
  // Requires mutex_.
  bool may_take() const;
  void ask_node(const TreePlace& place, const Hash& id);
  Result<void> ask_chunk(uint64_t chunk, const Hash& id);
  // Requires mutex_. Fails when the channel has failed or was closed.
  Result<void> wait(std::unique_lock<std::mutex>& lock, const std::function<bool()>& until);
  Result<void> take_message(Bytes message);
  Result<void> take_node(const WireFrame& frame);
  Result<void> take_chunk(const WireFrame& frame);
  Result<void> write_difference(uint64_t chunk, Bytes bytes);
  Result<bool> read_volume(uint64_t offset, MutableBytes into);
  void fail(Error reason);

  const std::shared_ptr<CloneTarget> target_;
  const ManifestFields manifest_;
  const DomainKeys keys_;

  std::mutex mutex_;
  Changes changed_;
  std::map<TreePlace, NodeBytes> nodes_;  // come, and not visited yet
  Asked asked_;
  size_t under_way_ = 0;  // chunks asked for, or being written
  std::vector<uint64_t> ask_nodes_;
  std::vector<uint64_t> ask_chunks_;
  bool full_ = false;
  bool closed_ = false;
  std::optional<Error> failed_;
  std::thread walk_;
};

}  // namespace ashlar
