#include "stream/ingest.h"

#include <algorithm>

#include "base/parallel.h"
#include "codec/lz4.h"
#include "seal/image.h"

namespace ashlar {
namespace {

constexpr size_t kUnderWayMax = (8 << 20) / kChunkBytes;

Error broken(const std::string& what) {
  return error(Code::kProtocol, "the source " + what + "; nothing of this pull was committed");
}

}  // namespace

Ingest::Ingest(ChunkStore& store, const DomainKeys& keys, uint64_t volume_bytes)
    : store_(store),
      keys_(keys),
      volume_bytes_(volume_bytes),
      chunks_((volume_bytes + kChunkBytes - 1) / kChunkBytes),
      session_(store),
      tree_(keys_, volume_bytes, [this](uint8_t, uint64_t, const Hash& id, const NodeBytes& bytes) {
        if (node_error_) return;
        const auto known = store_.present(std::span(&id, 1));
        if (known && (*known)[0]) return;
        auto added = known ? session_.add_node({FrameKind::kNode, id, kNodeBytes, bytes})
                           : Result<void>(known.error());
        if (!added) node_error_ = std::move(added).error();
      }) {}

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
  std::vector<WireFrame> data;
  for (const WireFrame& frame : TRY(parse_frames(message))) {
    switch (frame.header.kind) {
      case Wire::kList:
        TRY(take_list(wire_entries(frame)));
        break;
      case Wire::kListEnd:
        TRY(take_end(frame.header));
        break;
      case Wire::kRaw:
      case Wire::kLz4:
        data.push_back(frame);
        break;
      case Wire::kCannot: {
        return error(Code::kRemoteUnavailable,
                     "the source cannot give chunk " + std::to_string(frame.header.index));
      }
      case Wire::kWant:
      case Wire::kWantNode:
      case Wire::kDelta:
      case Wire::kDeltaRaw:
      case Wire::kNode:
        return broken("sent a frame that was not asked for");
    }
  }
  return take_chunks(data);
}

Result<void> Ingest::take_list(const std::vector<ListEntry>& entries) {
  std::vector<Hash> ids;
  for (const ListEntry& entry : entries) {
    if (entry.index >= chunks_ || (last_index_ && entry.index <= *last_index_) ||
        is_zero(entry.id)) {
      return broken("listed chunk " + std::to_string(entry.index) + " out of turn");
    }
    {
      std::lock_guard lock(mutex_);
      if (list_ended_) return broken("listed more after the end of its list");
    }
    last_index_ = entry.index;
    listed_++;
    tree_.add(entry.index, entry.id);
    ids.push_back(entry.id);
  }
  if (node_error_) return *node_error_;
  const std::vector<bool> present = TRY(store_.present(ids));
  std::lock_guard lock(mutex_);
  for (size_t i = 0; i < ids.size(); i++) {
    if (present[i] || !seen_.insert(ids[i]).second) {
      done_chunks_++;
      continue;
    }
    missing_[entries[i].index] = ids[i];
    to_ask_.push_back(entries[i].index);
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

// Every id is verified, on all cores, before anything is written.
Result<void> Ingest::take_chunks(const std::vector<WireFrame>& frames) {
  if (frames.empty()) return {};
  std::vector<char> good(frames.size());
  parallel_for(frames.size(), [&](size_t i) {
    const WireFrame& frame = frames[i];
    std::vector<uint8_t> plain;
    Bytes chunk = frame.payload;
    if (frame.header.kind == Wire::kLz4) {
      plain.resize(kChunkBytes);
      if (!lz4_decompress(frame.payload, plain)) return;
      chunk = plain;
    }
    good[i] = chunk_id(keys_, chunk) == frame.header.id;
  });
  for (size_t i = 0; i < frames.size(); i++) {
    const WireFrameHeader& header = frames[i].header;
    {
      std::lock_guard lock(mutex_);
      const auto wanted = missing_.find(header.index);
      if (wanted == missing_.end() || wanted->second != header.id || under_way_ == 0) {
        return broken("sent chunk " + std::to_string(header.index) + ", which was not asked for");
      }
      if (!good[i]) {
        return broken("sent a chunk " + std::to_string(header.index) +
                      " that is not what its id says");
      }
    }
    const FrameKind kind = header.kind == Wire::kLz4 ? FrameKind::kLz4 : FrameKind::kRaw;
    TRY(session_.add_chunk({kind, header.id, uint32_t(kChunkBytes), frames[i].payload}));
    std::lock_guard lock(mutex_);
    missing_.erase(header.index);
    under_way_--;
    done_chunks_++;
    changed_.notify_all();
  }
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
  TRY(session_.add_node(
      {FrameKind::kManifest, result.root, uint32_t(result.manifest.size()), result.manifest}));
  TRY(session_.finish());
  result.added_bytes = session_.added_bytes();
  result.chunks = listed_;
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
