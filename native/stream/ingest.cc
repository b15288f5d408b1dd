#include "stream/ingest.h"

#include "base/parallel.h"
#include "stream/arrived_chunk.h"
#include "stream/tree_frames.h"

namespace ashlar {
namespace {

// Bytes asked for and not here yet. What a chunk will be is not known; what they were shows it.
constexpr size_t kUnderWayBytes = 8 << 20;
constexpr size_t kUnderWayMax = 2048;  // chunks, however small they are

// Not the source's fault, and no reason to fail the snapshot.
Error base_failed(const Error& reason) {
  return error(Code::kFailedPrecondition,
               "the base cannot be read here (" + reason.message + "); pull without it");
}

}  // namespace

Ingest::Ingest(ChunkStore& store, const DomainKeys& keys, IngestOptions options)
    : store_(store),
      keys_(keys),
      volume_bytes_(options.volume_bytes),
      chunks_((volume_bytes_ + kChunkBytes - 1) / kChunkBytes),
      list_is_delta_(options.list_is_delta),
      base_manifest_(options.base),
      session_(store),
      tree_(
          keys_, volume_bytes_,
          [this](uint8_t, uint64_t, const Hash& id, const NodeBytes& bytes) {
            add_node(id, bytes);
          },
          tree_base()) {}

MerkleBase Ingest::tree_base() {
  if (base_manifest_) base_.emplace(store_, *base_manifest_);
  if (!list_is_delta_) return {};
  CHECK(base_manifest_ && base_manifest_->volume_bytes <= volume_bytes_);
  return {base_manifest_->volume_bytes, base_manifest_->tree_root,
          [this](uint8_t level, uint64_t index) {
            const auto node = base_->node({level, index});
            if (!node && !node_error_) node_error_ = base_failed(node.error());
            return node && *node ? **node : NodeBytes{};
          }};
}

// A node that the store has is left out: what is below it is there too.
void Ingest::add_node(const Hash& id, const NodeBytes& bytes) {
  if (node_error_) return;
  const auto known = store_.present(std::span(&id, 1));
  if (known && (*known)[0]) return;
  auto added = known ? add_node_frame(FrameKind::kNode, id, bytes) : Result<void>(known.error());
  if (!added) node_error_ = std::move(added).error();
}

Result<void> Ingest::add_node_frame(FrameKind kind, const Hash& id, Bytes bytes) {
  std::vector<SessionWriter::Item> item(1);
  item[0].frame = {kind, id, uint32_t(bytes.size()), {}};
  item[0].bytes.assign(bytes.begin(), bytes.end());
  return session_.add(std::move(item));
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
  std::vector<WireFrame> chunks;
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
        chunks.push_back(frame);
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
  const auto id = base_->id_at({0, index});
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
    const Hash before = list_is_delta_ || !zero ? TRY(base_chunk(entry.index)) : Hash{};
    listed_over_ += !is_zero(before);
    if (zero || before == entry.id) {
      known++;
    } else {
      ids.push_back(entry.id);
      indices.push_back(entry.index);
    }
  }
  if (node_error_) return *node_error_;
  const std::vector<bool> present = TRY(store_.present_chunks(ids));
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

// Each chunk that was asked for, once.
Result<void> Ingest::check_wanted(const std::vector<WireFrame>& frames) {
  std::unordered_set<uint64_t> here;
  std::lock_guard lock(mutex_);
  for (const auto& [header, payload] : frames) {
    const auto wanted = missing_.find(header.index);
    const bool asked = wanted != missing_.end() && wanted->second == header.id;
    if (asked && here.size() < under_way_ && here.insert(header.index).second) continue;
    return broken("sent chunk " + std::to_string(header.index) + ", which was not asked for");
  }
  return {};
}

// Every id is verified, on all cores, before anything is written.
Result<void> Ingest::take_chunks(const std::vector<WireFrame>& frames) {
  TRY(check_wanted(frames));
  std::vector<Hash> bases;
  for (const WireFrame& frame : frames) {
    const bool delta = frame.header.kind == Wire::kDelta || frame.header.kind == Wire::kDeltaRaw;
    bases.push_back(delta ? TRY(base_chunk(frame.header.index)) : Hash{});
  }
  std::vector<std::optional<Result<ArrivedChunk>>> arrived(frames.size());
  parallel_for(frames.size(), [&](size_t i) {
    arrived[i].emplace(accept_chunk(store_, keys_, frames[i], frames[i].header.id, bases[i]));
  });
  std::vector<SessionWriter::Item> items;
  for (auto& outcome : arrived) {
    Result<ArrivedChunk>& chunk = *outcome;
    if (!chunk) {
      if (chunk.error().code == Code::kProtocol) return chunk.error();
      return base_failed(chunk.error());
    }
    SessionWriter::Item& item = items.emplace_back();
    item.frame = chunk->frame();
    // The message is the caller's only until this returns.
    item.bytes = chunk->packed.empty()
                     ? std::vector<uint8_t>(chunk->as_sent.begin(), chunk->as_sent.end())
                     : std::move(chunk->packed);
  }
  TRY(session_.add(std::move(items)));
  note_arrived(frames);
  return {};
}

void Ingest::note_arrived(const std::vector<WireFrame>& frames) {
  std::lock_guard lock(mutex_);
  for (const auto& [header, payload] : frames) {
    missing_.erase(header.index);
    // A mean of the last 64 or so.
    chunk_bytes_ = (chunk_bytes_ * 63 + payload.size() + sizeof header) / 64;
  }
  under_way_ -= frames.size();
  done_chunks_ += frames.size();
  if (may_ask() || complete()) changed_.notify_all();
}

size_t Ingest::under_way_max() const {
  return std::clamp<size_t>(kUnderWayBytes / std::max<size_t>(chunk_bytes_, 1),
                            kUnderWayBytes / kChunkBytes, kUnderWayMax);
}

// Not before there is room for a quarter, so that many are asked for at a time.
bool Ingest::may_ask() const {
  return !to_ask_.empty() && under_way_ < under_way_max() * 3 / 4;
}

Result<Polled> Ingest::poll(const Ready& ready) {
  std::lock_guard lock(mutex_);
  if (!changed_.holds([this] { return may_take(); }, ready)) return Polled::not_yet();
  if (failed_) return *failed_;
  if (closed_) return error(Code::kCancelled, "the pull was closed");
  if (complete()) return Polled::end();
  std::vector<uint64_t> ask;
  for (const size_t most = under_way_max(); !to_ask_.empty() && under_way_ < most;) {
    ask.push_back(to_ask_.front());
    to_ask_.pop_front();
    under_way_++;
  }
  std::vector<uint8_t> message;
  append_wants(message, Wire::kWant, ask);
  return Polled::of(std::move(message));
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
  TRY(add_node_frame(FrameKind::kManifest, result.root, result.manifest));
  TRY(session_.finish());
  result.added_bytes = session_.added_bytes();
  result.received_bytes = received_bytes_;
  result.chunks = listed_ - listed_zero_;
  const int64_t replaced = list_is_delta_ ? int64_t(listed_over_) : 0;
  result.logical_bytes = (int64_t(result.chunks) - replaced) * int64_t(kChunkBytes);
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
