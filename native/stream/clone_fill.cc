#include "stream/clone_fill.h"

#include <algorithm>
#include <cstring>

#include "base/low_priority.h"
#include "base/parallel.h"
#include "base/thread.h"
#include "base/thread_name.h"
#include "seal/image.h"
#include "stream/arrived_chunk.h"

namespace ashlar {
namespace {

constexpr size_t kUnderWayMax = (8 << 20) / kChunkBytes;

}  // namespace

Result<std::unique_ptr<CloneFill>> CloneFill::open(std::shared_ptr<CloneTarget> target,
                                                   const DomainKeys& keys) {
  const ManifestFields manifest = TRY(read_manifest(target->manifest()));
  return std::unique_ptr<CloneFill>(new CloneFill(std::move(target), manifest, keys));
}

CloneFill::CloneFill(std::shared_ptr<CloneTarget> target, const ManifestFields& manifest,
                     const DomainKeys& keys)
    : target_(std::move(target)), manifest_(manifest), keys_(keys) {
  auto walk = try_thread([this] { this->walk(); });
  if (walk) {
    walk_ = *std::move(walk);
  } else {
    fail(no_thread("filling a clone"));
  }
}

CloneFill::~CloneFill() {
  close();
  if (walk_.joinable()) walk_.join();
}

void CloneFill::close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

void CloneFill::fail(Error reason) {
  std::lock_guard lock(mutex_);
  if (!failed_) failed_ = std::move(reason);
  changed_.notify_all();
}

Result<void> CloneFill::wait(std::unique_lock<std::mutex>& lock,
                             const std::function<bool()>& until) {
  changed_.wait(lock, [&] { return failed_ || closed_ || until(); });
  if (failed_) return *failed_;
  if (closed_) return error(Code::kCancelled, "the channel is closed");
  return {};
}

void CloneFill::walk() {
  name_thread("clone-fill");
  lower_priority();
  target_->note_done(0);
  const auto whole = [&]() -> Result<void> {
    TRY(visit({tree_height(manifest_.volume_bytes), 0}, manifest_.tree_root));
    {
      std::unique_lock lock(mutex_);
      TRY(wait(lock, [&] { return under_way_ == 0; }));
    }
    TRY(target_->volume().flush());
    target_->note_done(manifest_.volume_bytes);
    target_->finish();
    std::lock_guard lock(mutex_);
    full_ = true;
    changed_.notify_all();
    return {};
  };
  if (auto walked = whole(); !walked) fail(std::move(walked).error());
}

// The questions for all children of a node go out before the first is entered.
Result<void> CloneFill::visit(const TreePlace& place, const Hash& id) {
  const uint64_t first_chunk = place.index * chunks_below(place.level);
  if (first_chunk * kChunkBytes >= manifest_.volume_bytes) return {};
  if (is_zero(id)) return clear(first_chunk, chunks_below(place.level));
  const NodeBytes bytes = TRY(node(place, id));
  if (place.level == 1) return visit_leaf(first_chunk, bytes);
  {
    std::lock_guard lock(mutex_);
    for (uint64_t i = 0; i < kFanOut; i++) {
      const Hash child = child_id(bytes, i);
      if (!is_zero(child)) ask_node(place.child(i), child);
    }
    changed_.notify_all();
  }
  for (uint64_t i = 0; i < kFanOut; i++)
    TRY(visit(place.child(i), child_id(bytes, i)));
  return {};
}

Result<void> CloneFill::visit_leaf(uint64_t first_chunk, const NodeBytes& node) {
  const uint64_t volume_chunks = (manifest_.volume_bytes + kChunkBytes - 1) / kChunkBytes;
  const uint64_t count = std::min(kFanOut, volume_chunks - first_chunk);
  std::vector<Hash> have(count);
  std::vector<std::optional<Error>> problems(count);
  parallel_for(count, [&](size_t i) {
    lower_priority();
    std::vector<uint8_t> bytes(kChunkBytes);
    const uint64_t offset = (first_chunk + i) * kChunkBytes;
    const uint64_t length = std::min(kChunkBytes, manifest_.volume_bytes - offset);
    const auto hole = read_volume(offset, MutableBytes(bytes).first(length));
    if (!hole) {
      problems[i] = hole.error();
    } else if (!*hole) {
      have[i] = chunk_id(keys_, bytes);
    }
  });
  for (uint64_t i = 0; i < count; i++) {
    if (problems[i]) return *problems[i];
    const Hash id = child_id(node, i);
    if (have[i] == id) continue;
    if (is_zero(id)) {
      TRY(clear(first_chunk + i, 1));
    } else {
      TRY(ask_chunk(first_chunk + i, id));
    }
  }
  target_->note_done(std::min((first_chunk + count) * kChunkBytes, manifest_.volume_bytes));
  return {};
}

// Only what is allocated: a hole cleared again would count as a change in the next seal.
Result<void> CloneFill::clear(uint64_t first_chunk, uint64_t chunks) {
  const uint64_t end = std::min((first_chunk + chunks) * kChunkBytes, manifest_.volume_bytes);
  for (uint64_t at = first_chunk * kChunkBytes; at < end;) {
    constexpr size_t kExtents = 1024;
    for (const StatusExtent& extent : TRY(target_->volume().status({at, end - at}, kExtents))) {
      const uint64_t bytes = std::min(extent.bytes, end - at);
      if (bytes > 0 && !extent.hole) TRY(target_->volume().erase({at, bytes}, Erase::kHole));
      at += bytes;
    }
  }
  return {};
}

void CloneFill::ask_node(const TreePlace& place, const Hash& id) {
  if (nodes_.contains(place) || !asked_.emplace(place, id).second) return;
  ask_nodes_.push_back(number_of(place));
}

Result<NodeBytes> CloneFill::node(const TreePlace& place, const Hash& id) {
  std::unique_lock lock(mutex_);
  ask_node(place, id);
  changed_.notify_all();
  TRY(wait(lock, [&] { return nodes_.contains(place); }));
  return nodes_.extract(place).mapped();
}

Result<void> CloneFill::ask_chunk(uint64_t chunk, const Hash& id) {
  std::unique_lock lock(mutex_);
  TRY(wait(lock, [&] { return under_way_ < kUnderWayMax; }));
  under_way_++;
  asked_.emplace(TreePlace{0, chunk}, id);
  ask_chunks_.push_back(chunk);
  changed_.notify_all();
  return {};
}

bool CloneFill::may_take() const {
  return closed_ || failed_ || full_ || !ask_nodes_.empty() || !ask_chunks_.empty();
}

Result<Polled> CloneFill::poll(const Ready& ready) {
  std::lock_guard lock(mutex_);
  if (!changed_.holds([this] { return may_take(); }, ready)) return Polled::not_yet();
  if (failed_) return *failed_;
  if (closed_ || full_) return Polled::end();
  auto message = wants_of(ask_nodes_, ask_chunks_);
  ask_nodes_.clear();
  ask_chunks_.clear();
  return Polled::of(std::move(message));
}

Result<void> CloneFill::give(Bytes message) {
  auto taken = take_message(message);
  if (!taken) fail(taken.error());
  return taken;
}

Result<void> CloneFill::take_message(Bytes message) {
  const TreeFrames frames = TRY(sort_frames(message, Deltas::kRefused));
  for (const WireFrame& node : frames.nodes)
    TRY(take_node(node));
  for (const WireFrame& chunk : frames.chunks)
    TRY(take_chunk(chunk));
  return frames.refused.empty() ? Result<void>() : Result<void>(refusal(frames.refused.front()));
}

Result<void> CloneFill::take_node(const WireFrame& frame) {
  Hash expected;
  {
    std::lock_guard lock(mutex_);
    expected = TRY(asked_id(asked_, frame));
  }
  const NodeBytes node = TRY(checked_node(keys_, frame, expected));
  const TreePlace place = place_in_tree(frame);
  std::lock_guard lock(mutex_);
  asked_.erase(place);
  nodes_[place] = node;
  changed_.notify_all();
  return {};
}

Result<void> CloneFill::take_chunk(const WireFrame& frame) {
  const uint64_t chunk = frame.header.index;
  Hash expected;
  {
    std::lock_guard lock(mutex_);
    expected = TRY(take_asked(asked_, frame));
  }
  std::vector<uint8_t> bytes(kChunkBytes);
  if (!unpack_chunk(frame, bytes)) return broken("sent a chunk that does not unpack");
  if (chunk_id(keys_, bytes) != expected) {
    return broken("sent a chunk that is not what the tree says");
  }
  TRY(write_difference(chunk, bytes));
  std::lock_guard lock(mutex_);
  under_way_--;
  changed_.notify_all();
  return {};
}

// Blocks that the base has right stay shared with it.
Result<void> CloneFill::write_difference(uint64_t chunk, Bytes bytes) {
  const uint64_t offset = chunk * kChunkBytes;
  const uint64_t length = std::min(kChunkBytes, manifest_.volume_bytes - offset);
  std::vector<uint8_t> have(length);
  TRY(read_volume(offset, have));
  std::vector<WriteRequest> writes;
  for (uint64_t at = 0; at < length; at += kBlockBytes) {
    const uint64_t count = std::min<uint64_t>(kBlockBytes, length - at);
    if (std::memcmp(&have[at], &bytes[at], count) == 0) continue;
    writes.emplace_back();
    writes.back().offset = offset + at;
    writes.back().data = bytes.subspan(at, count);
  }
  target_->volume().write(writes);
  for (const WriteRequest& write : writes) {
    if (write.failed) return write.error;
  }
  return {};
}

// True when all of it is a hole.
Result<bool> CloneFill::read_volume(uint64_t offset, MutableBytes into) {
  ReadRequest read;
  read.offset = offset;
  read.into = into;
  target_->volume().read(std::span(&read, 1), Wait::kAllowed);
  if (read.outcome == ReadRequest::Outcome::kFailed) return read.error;
  for (const ByteRange& zeros : read.zeros)
    std::memset(&into[zeros.offset], 0, zeros.bytes);
  return read.zeros.size() == 1 && read.zeros[0].bytes == into.size();
}

Progress CloneFill::progress() {
  return {target_->done_bytes(), manifest_.volume_bytes};
}

}  // namespace ashlar
