#include "stream/ingest.h"

#include <algorithm>
#include <bit>

#include "base/parallel.h"
#include "codec/lz4.h"
#include "seal/image.h"
#include "store/delta.h"

namespace ashlar {
namespace {

constexpr size_t kUnderWayMax = (8 << 20) / kChunkBytes;

Error broken(const std::string& what) {
  return error(Code::kProtocol, "the source " + what + "; nothing of this pull was committed");
}

// Not the source's fault, and no reason to fail the snapshot.
Error base_failed(const Error& reason) {
  return error(Code::kFailedPrecondition,
               "the base cannot be read here (" + reason.message + "); pull without it");
}

Error not_its_id(uint64_t chunk) {
  return broken("sent a chunk " + std::to_string(chunk) + " that is not what its id says");
}

}  // namespace

Ingest::Ingest(ChunkStore& store, const DomainKeys& keys, IngestOptions options)
    : store_(store),
      keys_(keys),
      volume_bytes_(options.volume_bytes),
      chunks_((volume_bytes_ + kChunkBytes - 1) / kChunkBytes),
      list_is_delta_(options.list_is_delta),
      base_(std::move(options.base)),
      session_(store),
      tree_(
          keys_, volume_bytes_,
          [this](uint8_t, uint64_t, const Hash& id, const NodeBytes& bytes) {
            add_node(id, bytes);
          },
          tree_base()) {}

MerkleBase Ingest::tree_base() {
  if (!list_is_delta_) return {};
  CHECK(base_ && base_->volume_bytes() <= volume_bytes_);
  return {base_->volume_bytes(), base_->tree_root(), [this](uint8_t level, uint64_t index) {
            auto node = base_->node(level, index);
            if (node) return *node;
            if (!node_error_) node_error_ = base_failed(node.error());
            return NodeBytes{};
          }};
}

// A node that the store has is left out: what is below it is there too.
void Ingest::add_node(const Hash& id, const NodeBytes& bytes) {
  if (node_error_) return;
  const auto known = store_.present(std::span(&id, 1));
  if (known && (*known)[0]) return;
  const auto owner = std::make_shared<const std::vector<uint8_t>>(bytes.begin(), bytes.end());
  auto added = known ? session_.add_node({FrameKind::kNode, id, kNodeBytes, *owner}, owner)
                     : Result<void>(known.error());
  if (!added) node_error_ = std::move(added).error();
}

Result<void> Ingest::give(Bytes message) {
  auto taken = take_message(message);
  if (!taken) {
    std::lock_guard lock(mutex_);
    if (!failed_) failed_ = taken.error();
    changed_.notify_all();
  }
  return taken;
}

Result<void> Ingest::take_message(Bytes message) {
  {
    std::lock_guard lock(mutex_);
    if (failed_) return *failed_;
    if (closed_) return error(Code::kCancelled, "the pull was closed");
  }
  received_bytes_ += message.size();
  std::vector<Arrived> chunks;
  for (const WireFrame& frame : TRY(parse_frames(message))) {
    switch (frame.header.kind) {
      case Wire::kList:
        TRY(take_list(wire_entries(frame)));
        break;
      case Wire::kListEnd:
        TRY(take_end(frame.header));
        break;
      case Wire::kDelta:
      case Wire::kDeltaRaw:
        if (!list_is_delta_) return broken("sent a difference from a base that was not agreed");
        [[fallthrough]];
      case Wire::kRaw:
      case Wire::kLz4:
        chunks.emplace_back().frame = frame;
        break;
      case Wire::kCannot: {
        return error(Code::kRemoteUnavailable,
                     "the source cannot give chunk " + std::to_string(frame.header.index));
      }
      case Wire::kWant:
      case Wire::kWantNode:
      case Wire::kNode:
        return broken("sent a frame that was not asked for");
    }
  }
  return take_chunks(chunks);
}

// The zero id also without a base.
Result<Hash> Ingest::base_chunk(uint64_t index) {
  if (!base_) return Hash{};
  const auto id = base_->chunk(index);
  if (!id) return base_failed(id.error());
  return *id;
}

Result<void> Ingest::take_list(const std::vector<ListEntry>& entries) {
  {
    std::lock_guard lock(mutex_);
    if (list_ended_) return broken("listed more after the end of its list");
  }
  std::vector<Hash> ids;
  std::vector<uint64_t> indices;
  uint64_t known = 0;
  for (const ListEntry& entry : entries) {
    const bool zero = is_zero(entry.id);
    if (entry.index >= chunks_ || (last_index_ && entry.index <= *last_index_) ||
        (zero && !list_is_delta_)) {
      return broken("listed chunk " + std::to_string(entry.index) + " out of turn");
    }
    last_index_ = entry.index;
    listed_++;
    listed_zero_ += zero;
    tree_.add(entry.index, entry.id);
    if (zero || TRY(base_chunk(entry.index)) == entry.id) {
      known++;
    } else {
      ids.push_back(entry.id);
      indices.push_back(entry.index);
    }
  }
  if (node_error_) return *node_error_;
  const std::vector<bool> present = TRY(store_.present(ids));
  std::lock_guard lock(mutex_);
  done_chunks_ += known;
  for (size_t i = 0; i < ids.size(); i++) {
    if (present[i] || !seen_.insert(ids[i]).second) {
      done_chunks_++;
      continue;
    }
    missing_[indices[i]] = ids[i];
    to_ask_.push_back(indices[i]);
  }
  changed_.notify_all();
  return {};
}

Result<void> Ingest::take_end(const WireFrameHeader& header) {
  std::lock_guard lock(mutex_);
  if (list_ended_ || header.index != listed_) return broken("ended its list at the wrong place");
  tree_root_ = tree_.finish();
  if (node_error_) return *node_error_;
  if (!is_zero(header.id) && header.id != tree_root_) {
    return broken("gave a root that its list does not have");
  }
  list_ended_ = true;
  changed_.notify_all();
  return {};
}

Result<void> Ingest::check_wanted(const WireFrameHeader& header) {
  std::lock_guard lock(mutex_);
  const auto wanted = missing_.find(header.index);
  if (wanted != missing_.end() && wanted->second == header.id && under_way_ > 0) return {};
  return broken("sent chunk " + std::to_string(header.index) + ", which was not asked for");
}

// Every id is verified, on all cores, before anything is written.
Result<void> Ingest::take_chunks(std::vector<Arrived>& chunks) {
  if (chunks.empty()) return {};
  for (Arrived& chunk : chunks) {
    TRY(check_wanted(chunk.frame.header));
    if (chunk.frame.header.block_map == 0) continue;
    chunk.base_id = TRY(base_chunk(chunk.frame.header.index));
  }
  parallel_for(chunks.size(), [&](size_t i) {
    if (auto unpacked = unpack(chunks[i]); !unpacked) chunks[i].failed = unpacked.error();
  });
  for (Arrived& chunk : chunks) {
    const uint64_t index = chunk.frame.header.index;
    TRY(check_wanted(chunk.frame.header));  // once, also within one message
    if (chunk.failed) return *chunk.failed;
    // The message is the caller's only until this returns.
    const auto owner = std::make_shared<const std::vector<uint8_t>>(
        chunk.packed.empty()
            ? std::vector<uint8_t>(chunk.stored.stored.begin(), chunk.stored.stored.end())
            : std::move(chunk.packed));
    chunk.stored.stored = *owner;
    TRY(session_.add_chunk(chunk.stored, owner));
    std::lock_guard lock(mutex_);
    missing_.erase(index);
    under_way_--;
    done_chunks_++;
    changed_.notify_all();
  }
  return {};
}

// Verifies a chunk, and says in which form it is stored: as it came, or as a difference.
Result<void> Ingest::unpack(Arrived& chunk) {
  const WireFrame& frame = chunk.frame;
  static thread_local std::vector<uint8_t> scratch(kChunkBytes);
  const MutableBytes plain(scratch);
  switch (frame.header.kind) {
    case Wire::kRaw:
      if (chunk_id(keys_, frame.payload) != frame.header.id) return not_its_id(frame.header.index);
      chunk.stored = {FrameKind::kRaw, frame.header.id, uint32_t(kChunkBytes), frame.payload};
      return {};
    case Wire::kLz4:
      if (!lz4_decompress(frame.payload, plain) || chunk_id(keys_, plain) != frame.header.id) {
        return not_its_id(frame.header.index);
      }
      chunk.stored = {FrameKind::kLz4, frame.header.id, uint32_t(kChunkBytes), frame.payload};
      return {};
    case Wire::kDelta:
    case Wire::kDeltaRaw:
      return unpack_delta(chunk, plain);
    default:
      return broken("sent a frame that was not asked for");
  }
}

// The base's chunk into `plain`, and a chunk that is stored whole into `whole`: the same one, or
// the one that it is a difference from. Answers the latter's id; zero where there is none. The
// bytes are what the store's checksums say; whether they are the id's shows in what is made of
// them.
Result<Hash> Ingest::read_base(const Hash& id, MutableBytes plain, MutableBytes whole) {
  std::fill(plain.begin(), plain.end(), 0);
  if (is_zero(id)) return Hash{};
  const ChunkStore::Stored stored = TRY(store_.read(id));
  const bool delta = stored.kind == FrameKind::kDelta;
  if (delta) {
    TRY(store_.read_chunk(keys_, stored.base, whole));
    std::copy(whole.begin(), whole.end(), plain.begin());
  }
  const bool whole_size = stored.bytes.size() == kChunkBytes;
  const bool unpacked = delta ? apply_delta(stored.block_map, stored.bytes, plain)
                        : stored.kind == FrameKind::kLz4 ? lz4_decompress(stored.bytes, plain)
                                                         : whole_size;
  if (!unpacked) return error(Code::kCorrupt, "the chunk " + to_hex(id) + " does not unpack");
  if (stored.kind == FrameKind::kRaw) std::copy_n(stored.bytes.begin(), kChunkBytes, plain.begin());
  if (!delta) std::copy(plain.begin(), plain.end(), whole.begin());
  return delta ? stored.base : id;
}

// Stored as a difference from a chunk that is stored whole, so that depth is 1.
Result<void> Ingest::unpack_delta(Arrived& chunk, MutableBytes plain) {
  const WireFrameHeader& header = chunk.frame.header;
  static thread_local std::vector<uint8_t> whole(kChunkBytes);
  const auto whole_id = read_base(chunk.base_id, plain, whole);
  if (!whole_id) return base_failed(whole_id.error());
  if (!apply_delta(header.block_map, chunk.frame.payload, plain) ||
      chunk_id(keys_, plain) != header.id) {
    // Who is wrong, the source or the store?
    const auto base =
        is_zero(chunk.base_id) ? Result<void>() : store_.read_chunk(keys_, chunk.base_id, whole);
    return base ? not_its_id(header.index) : base_failed(base.error());
  }
  const uint16_t map = is_zero(*whole_id) ? 0 : differing_blocks(plain, whole);
  if (map != 0 && std::popcount(map) <= kDeltaBlocksMax) {
    chunk.packed = make_delta(map, plain).stored;
    chunk.stored = {FrameKind::kDelta, header.id, uint32_t(kChunkBytes),
                    chunk.packed,      *whole_id, map};
    return {};
  }
  auto packed = lz4_compress(plain);
  const FrameKind kind = packed ? FrameKind::kLz4 : FrameKind::kRaw;
  chunk.packed = packed ? *std::move(packed) : std::vector<uint8_t>(plain.begin(), plain.end());
  chunk.stored = {kind, header.id, uint32_t(kChunkBytes), chunk.packed};
  return {};
}

Result<std::optional<std::vector<uint8_t>>> Ingest::take() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] {
    return closed_ || failed_ || complete() || (!to_ask_.empty() && under_way_ < kUnderWayMax);
  });
  if (failed_) return *failed_;
  if (closed_) return error(Code::kCancelled, "the pull was closed");
  if (complete()) return std::optional<std::vector<uint8_t>>();
  std::vector<uint64_t> ask;
  while (!to_ask_.empty() && under_way_ < kUnderWayMax) {
    ask.push_back(to_ask_.front());
    to_ask_.pop_front();
    under_way_++;
  }
  std::vector<uint8_t> message;
  append_frame(message, Wire::kWant, 0, Hash{},
               Bytes(reinterpret_cast<const uint8_t*>(ask.data()), ask.size() * sizeof(uint64_t)));
  return std::optional(std::move(message));
}

Result<IngestResult> Ingest::finish() {
  {
    std::lock_guard lock(mutex_);
    if (failed_) return *failed_;
    if (!complete()) return error(Code::kFailedPrecondition, "the pull is not complete");
  }
  IngestResult result;
  result.manifest = make_manifest(volume_bytes_, {}, tree_root_);
  result.root = manifest_root(keys_, result.manifest);
  const auto owner =
      std::make_shared<const std::vector<uint8_t>>(result.manifest.begin(), result.manifest.end());
  TRY(session_.add_node({FrameKind::kManifest, result.root, uint32_t(owner->size()), *owner},
                        owner));
  TRY(session_.finish());
  result.added_bytes = session_.added_bytes();
  result.received_bytes = received_bytes_;
  result.chunks = listed_ - listed_zero_;
  result.logical_bytes = result.chunks * kChunkBytes;
  return result;
}

Progress Ingest::progress() {
  std::lock_guard lock(mutex_);
  const uint64_t known = done_chunks_ + missing_.size();
  return {done_chunks_ * kChunkBytes, list_ended_ ? known * kChunkBytes : 0};
}

void Ingest::close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

}  // namespace ashlar
