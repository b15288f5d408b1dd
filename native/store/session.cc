#include "store/chunk_store.h"
#include "store/delta.h"

#include <bit>

namespace ashlar {

Result<void> StoreSession::add(std::optional<Open>& open, PackKind kind, const StoredFrame& frame) {
  if (!open) {
    const PackName name = store_.next_pack(kind);
    PackWriter writer = TRY(store_.create_pack(name));
    open.emplace(Open{name, std::move(writer)});
    packs_.push_back(name);
    store_.begin_pack(name);
  }
  TRY(open->writer.append(frame));
  added_bytes_ += sizeof(FrameHeader) + frame.stored.size();
  return {};
}

Result<void> StoreSession::seal(std::optional<Open>& open) {
  if (!open) return {};
  const std::vector<DirectoryEntry> directory = TRY(open->writer.seal());
  TRY(store_.index().add_pack(open->name, directory));
  open.reset();
  return {};
}

// What was open is removed with the first failure: on a full disk it would be in the way.
Result<void> StoreSession::keep(Result<void> outcome) {
  if (outcome) return outcome;
  failed_ = outcome.error();
  data_.reset();
  nodes_.reset();
  full_nodes_.clear();
  return outcome;
}

// Whoever made the frame, a chunk never leans on what may go, nor on another delta.
Result<void> StoreSession::check_delta(const StoredFrame& frame) {
  const int blocks = std::popcount(frame.block_map);
  if (blocks > 0 && blocks <= kDeltaBlocksMax && TRY(store_.may_be_delta(frame.id, frame.base))) {
    return {};
  }
  return error(Code::kFailedPrecondition,
               "the chunk " + to_hex(frame.id) + " cannot be stored as a delta; store it in full");
}

Result<void> StoreSession::add_chunk(const StoredFrame& frame) {
  if (failed_) return *failed_;
  if (frame.kind == FrameKind::kDelta) {
    const auto fits = check_delta(frame);
    if (!fits) {
      // Another session may have stored it in full meanwhile: that copy is as good.
      if (fits.error().code != Code::kFailedPrecondition) return fits;
      if (!TRY(store_.present(std::span(&frame.id, 1)))[0]) return fits;
      return {};
    }
  }
  TRY(keep(add(data_, PackKind::kData, frame)));
  if (data_->writer.bytes() >= kPackBytesMax) TRY(keep(seal(data_)));
  return {};
}

Result<void> StoreSession::add_node(const StoredFrame& frame) {
  if (failed_) return *failed_;
  TRY(keep(add(nodes_, PackKind::kNode, frame)));
  if (nodes_->writer.bytes() >= kPackBytesMax) {
    full_nodes_.push_back(*std::move(nodes_));
    nodes_.reset();
  }
  return {};
}

// Chunks first; then nodes, which were added children before parents.
Result<void> StoreSession::finish() {
  if (failed_) return *failed_;
  TRY(keep(seal(data_)));
  for (Open& full : full_nodes_) {
    std::optional<Open> open(std::move(full));
    TRY(keep(seal(open)));
  }
  full_nodes_.clear();
  return keep(seal(nodes_));
}

}  // namespace ashlar
