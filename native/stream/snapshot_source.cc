#include "stream/snapshot_source.h"

#include <algorithm>

#include "codec/lz4.h"

namespace ashlar {
namespace {

constexpr size_t kWantedMax = 1 << 16;
constexpr size_t kNodesKept = 4096;  // 8 MiB
constexpr uint64_t kIndexMask = (1ull << 56) - 1;

Hash child_id(const NodeBytes& node, uint64_t child) {
  Hash id;
  std::memcpy(id.data(), &node[1 + child * sizeof(Hash)], sizeof id);
  return id;
}

}  // namespace

Result<ManifestFields> read_manifest(const Manifest& manifest) {
  ManifestFields fields;
  std::memcpy(&fields.volume_bytes, &manifest[24], sizeof fields.volume_bytes);
  std::memcpy(fields.tree_root.data(), &manifest[48], sizeof fields.tree_root);
  const Manifest expected = make_manifest(fields.volume_bytes, {}, fields.tree_root);
  if (expected != manifest || fields.volume_bytes == 0 || fields.volume_bytes > (64ull << 40)) {
    return error(Code::kInvalidArgument, "this is no manifest of the default domain");
  }
  return fields;
}

Result<void> SnapshotSource::give(Bytes message) {
  for (const WireFrame& frame : TRY(parse_frames(message))) {
    const bool node = frame.header.kind == Wire::kWantNode;
    if (!node && frame.header.kind != Wire::kWant) {
      return error(Code::kProtocol, "a snapshot answers WANT and WANT_NODE only");
    }
    const std::vector<uint64_t> numbers = wire_numbers(frame);
    std::lock_guard lock(mutex_);
    for (const uint64_t number : numbers) {
      if (wanted_.size() >= kWantedMax)
        return error(Code::kProtocol, "too much was asked for ahead");
      wanted_.push_back({node, number});
    }
    changed_.notify_all();
  }
  return {};
}

Result<std::optional<std::vector<uint8_t>>> SnapshotSource::take() {
  std::vector<uint8_t> message;
  while (message.size() < kMessageBytes) {
    Wanted wanted;
    {
      std::unique_lock lock(mutex_);
      if (wanted_.empty() && !message.empty()) break;
      changed_.wait(lock, [&] { return closed_ || !wanted_.empty(); });
      if (closed_) return std::optional<std::vector<uint8_t>>();
      wanted = wanted_.front();
      wanted_.pop_front();
    }
    TRY(answer(wanted, message));
  }
  std::lock_guard lock(mutex_);
  sent_bytes_ += message.size();
  return std::optional(std::move(message));
}

Result<void> SnapshotSource::answer(const Wanted& wanted, std::vector<uint8_t>& message) {
  const auto cannot = [&](const Error& reason) {
    const uint32_t code = uint32_t(reason.code);
    append_frame(message, Wire::kCannot, wanted.number, Hash{},
                 Bytes(reinterpret_cast<const uint8_t*>(&code), sizeof code));
    return Result<void>();
  };
  if (wanted.node) {
    const uint8_t level = uint8_t(wanted.number >> 56);
    const uint64_t index = wanted.number & kIndexMask;
    const auto id = id_of(level, index);
    if (!id) return cannot(id.error());
    const auto bytes = node(level, index);
    if (!bytes) return cannot(bytes.error());
    append_frame(message, Wire::kNode, wanted.number, *id, **bytes);
    return {};
  }
  const auto id = id_of(0, wanted.number);
  if (!id) return cannot(id.error());
  const auto stored = store_.read(*id);
  if (!stored) return cannot(stored.error());
  switch (stored->kind) {
    case FrameKind::kRaw:
      append_frame(message, Wire::kRaw, wanted.number, *id, stored->bytes);
      return {};
    case FrameKind::kLz4:
      append_frame(message, Wire::kLz4, wanted.number, *id, stored->bytes);
      return {};
    case FrameKind::kDelta:
    case FrameKind::kNode:
    case FrameKind::kManifest:
    case FrameKind::kRecord:
      break;
  }
  return cannot(error(Code::kCorrupt, "the chunk is stored in a form that is none"));
}

// Level 0 = chunks. kNotFound where the tree is zero or ends: nobody asks for that rightly.
Result<Hash> SnapshotSource::id_of(uint8_t level, uint64_t index) {
  const auto none = [&] {
    return error(Code::kNotFound,
                 "nothing at level " + std::to_string(level) + ", index " + std::to_string(index));
  };
  if (level > height_ || (level == height_ && index != 0)) return none();
  if (level == height_) return manifest_.tree_root;
  const auto parent = node(uint8_t(level + 1), index / kFanOut);
  if (!parent) return parent.error();
  const Hash id = child_id(**parent, index % kFanOut);
  if (is_zero(id)) return none();
  return id;
}

Result<const NodeBytes*> SnapshotSource::node(uint8_t level, uint64_t index) {
  const auto kept = nodes_.find({level, index});
  if (kept != nodes_.end()) return &kept->second;
  const Hash id = TRY(id_of(level, index));
  const ChunkStore::Stored stored = TRY(store_.read(id));
  NodeBytes bytes;
  if (stored.kind != FrameKind::kNode || stored.bytes.size() != bytes.size()) {
    return error(Code::kCorrupt, "the store holds no node under " + to_hex(id));
  }
  std::copy(stored.bytes.begin(), stored.bytes.end(), bytes.begin());
  if (nodes_.size() >= kNodesKept) nodes_.clear();
  return &(nodes_[{level, index}] = bytes);
}

Progress SnapshotSource::progress() {
  std::lock_guard lock(mutex_);
  return {sent_bytes_, 0};
}

void SnapshotSource::close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

}  // namespace ashlar
