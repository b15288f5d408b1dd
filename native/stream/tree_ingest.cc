#include "stream/tree_ingest.h"

#include <algorithm>

#include "base/parallel.h"

namespace ashlar {
namespace {

constexpr size_t kChunksUnderWay = (8 << 20) / kChunkBytes;
constexpr size_t kNodesUnderWay = 256;     // of one level
constexpr size_t kChildrenWaiting = 1024;  // then no more nodes of the level above are asked for
// What is added between two times that all of it is made durable.
constexpr size_t kAddedMax = 65'536;

Error uneven() {
  return broken("has a tree of uneven height");
}

}  // namespace

TreeIngest::TreeIngest(ChunkStore& store, const DomainKeys& keys, const Manifest& manifest,
                       const ManifestFields& fields)
    : store_(store),
      keys_(keys),
      manifest_(manifest),
      fields_(fields),
      height_(tree_height(fields.volume_bytes)),
      chunks_((fields.volume_bytes + kChunkBytes - 1) / kChunkBytes),
      root_(manifest_root(keys, manifest)),
      session_(store) {}

Result<std::unique_ptr<TreeIngest>> TreeIngest::open(ChunkStore& store, const DomainKeys& keys,
                                                     const Manifest& manifest,
                                                     const std::optional<Manifest>& base) {
  const ManifestFields fields = TRY(read_manifest(manifest));
  std::unique_ptr<TreeIngest> ingest(new TreeIngest(store, keys, manifest, fields));
  if (base) ingest->base_.emplace(store, TRY(read_manifest(*base)));
  TRY(ingest->begin());
  return ingest;
}

Result<void> TreeIngest::begin() {
  const Hash tree[] = {fields_.tree_root};
  manifest_present_ = TRY(store_.present(std::span(&root_, 1)))[0];
  complete_ = manifest_present_ || is_zero(fields_.tree_root) ||
              TRY(store_.present_nodes(tree, height_))[0];
  if (complete_) {
    done_chunks_ = chunks_;
    return {};
  }
  const TreePlace top{height_, 0};
  items_[fields_.tree_root].place = top;
  to_ask_[height_].push_back({top, fields_.tree_root});
  return {};
}

// ---- what came

Result<void> TreeIngest::give(Bytes message) {
  {
    std::lock_guard lock(mutex_);
    if (failed_) return *failed_;
    if (closed_) return error(Code::kCancelled, "the pull was closed");
    if (complete_) return broken("sent more than was asked for");  // finish() may run
    busy_ = true;
  }
  auto taken = take_message(message);
  bool last = false;
  {
    std::lock_guard lock(mutex_);
    complete_ = items_.empty();
    if (!taken && !failed_) failed_ = taken.error();
    last = (failed_ || closed_) && !kept_;
    kept_ = kept_ || last;
    busy_ = last;
    changed_.notify_all();
  }
  if (last) keep_what_came();
  return taken;
}

Result<void> TreeIngest::take_message(Bytes message) {
  const Deltas deltas = base_ ? Deltas::kAllowed : Deltas::kRefused;
  const TreeFrames frames = TRY(sort_frames(message, deltas));
  for (const WireFrame& node : frames.nodes)
    TRY(take_node(node));
  received_bytes_ += message.size();
  TRY(take_chunks(frames.chunks));
  return frames.refused.empty() ? Result<void>() : Result<void>(refusal(frames.refused.back()));
}

// The id under which this was asked for; it is not asked for any more.
Result<Hash> TreeIngest::take_id(const WireFrame& frame) {
  std::lock_guard lock(mutex_);
  const Hash id = TRY(take_asked(asked_, frame));
  under_way_[place_in_tree(frame).level]--;
  return id;
}

Result<void> TreeIngest::take_node(const WireFrame& frame) {
  const Hash id = TRY(take_id(frame));
  items_.at(id).node = std::make_unique<NodeBytes>(TRY(checked_node(keys_, frame, id)));
  return expand(id);
}

// Every id is verified, on all cores, before anything is written.
Result<void> TreeIngest::take_chunks(const std::vector<WireFrame>& frames) {
  std::vector<Hash> ids;
  std::vector<Hash> bases(frames.size());
  for (size_t i = 0; i < frames.size(); i++) {
    const WireFrameHeader& header = frames[i].header;
    ids.push_back(TRY(take_id(frames[i])));
    const bool delta = header.kind == Wire::kDelta || header.kind == Wire::kDeltaRaw;
    if (delta) bases[i] = TRY(base_->id_at({0, header.index}));
  }
  std::vector<std::optional<Result<ArrivedChunk>>> arrived(frames.size());
  parallel_for(frames.size(), [&](size_t i) {
    arrived[i].emplace(accept_chunk(store_, keys_, frames[i], ids[i], bases[i]));
  });
  for (const auto& chunk : arrived) {
    if (!*chunk) return chunk->error();
    TRY(session_.add_chunk((*chunk)->frame()));
    chunks_come_++;
    TRY(complete((*chunk)->id));
    std::lock_guard lock(mutex_);
    done_chunks_++;
  }
  return {};
}

// ---- the tree

// Chunks of the volume under a place.
uint64_t TreeIngest::chunks_in(const TreePlace& place) const {
  const uint64_t below = chunks_below(place.level);
  const uint64_t first = place.index * below;
  return first < chunks_ ? std::min(below, chunks_ - first) : 0;
}

// A node has come: what it names and is not here becomes an item.
Result<void> TreeIngest::expand(const Hash& id) {
  Item& item = items_.at(id);
  // A base that cannot be read spares no look-ups; that is all.
  const auto base_node = base_ ? base_->node(item.place) : Result<const NodeBytes*>(nullptr);
  const NodeBytes* base = base_node ? *base_node : nullptr;
  uint64_t covered = 0;
  bool any = false;
  std::vector<Hash> ids;
  std::vector<TreePlace> places;
  for (uint64_t i = 0; i < kFanOut; i++) {
    const Hash child = child_id(*item.node, i);
    const TreePlace place = item.place.child(i);
    const uint64_t chunks = chunks_in(place);
    if (is_zero(child)) {
      covered += chunks;
      continue;
    }
    any = true;
    if (chunks == 0) return broken("has a tree that reaches past the end of its volume");
    const auto added = added_.find(child);
    if (added != added_.end() && added->second != place.level) return uneven();
    if ((base && child_id(*base, i) == child) || added != added_.end()) {
      covered += chunks;
      continue;
    }
    ids.push_back(child);
    places.push_back(place);
  }
  if (!any) return broken("has a node that holds nothing");
  const uint8_t below = uint8_t(item.place.level - 1);
  const std::vector<bool> present =
      TRY(below == 0 ? store_.present_chunks(ids) : store_.present_nodes(ids, below));
  std::vector<std::pair<TreePlace, Hash>> ask;
  for (size_t i = 0; i < ids.size(); i++) {
    if (present[i]) {
      covered += chunks_in(places[i]);
      continue;
    }
    const auto [at, first] = items_.try_emplace(ids[i]);
    Item& child = at->second;
    if (first) {
      child.place = places[i];
      ask.push_back({places[i], ids[i]});
    } else {
      if (child.place.level != places[i].level) return uneven();
      covered += chunks_in(places[i]);  // comes with the first
    }
    child.parents.push_back(id);
    item.missing++;
  }
  const bool whole = item.missing == 0;
  {
    std::lock_guard lock(mutex_);
    done_chunks_ += covered;
    for (const auto& each : ask)
      to_ask_[each.first.level].push_back(each);
  }
  return whole ? complete(id) : Result<void>();
}

// All below it is in the session: so is it now, and perhaps nodes above that waited for it.
Result<void> TreeIngest::complete(const Hash& id) {
  std::vector<Hash> ready = {id};
  while (!ready.empty()) {
    const Hash next = ready.back();
    ready.pop_back();
    const auto item = items_.extract(next);
    if (item.mapped().node) {
      TRY(session_.add_node({FrameKind::kNode, next, kNodeBytes, *item.mapped().node}));
    }
    added_[next] = item.mapped().place.level;
    for (const Hash& parent : item.mapped().parents) {
      if (--items_.at(parent).missing == 0) ready.push_back(parent);
    }
  }
  return added_.size() < kAddedMax ? Result<void>() : make_durable();
}

// At any time: no node is in the session without all that is below it.
Result<void> TreeIngest::make_durable() {
  TRY(session_.finish());
  added_.clear();
  return {};
}

// A pull that broke off leaves what came to the next one.
void TreeIngest::keep_what_came() {
  (void)make_durable();  // what is not kept is asked for again
  std::lock_guard lock(mutex_);
  busy_ = false;
  changed_.notify_all();
}

// ---- questions

bool TreeIngest::may_ask(size_t level) const {
  if (to_ask_[level].empty()) return false;
  if (level == 0) return under_way_[0] < kChunksUnderWay;
  return under_way_[level] < kNodesUnderWay && to_ask_[level - 1].size() < kChildrenWaiting;
}

bool TreeIngest::may_ask_any() const {
  for (size_t level = 0; level < kLevels; level++) {
    if (may_ask(level)) return true;
  }
  return false;
}

Result<Polled> TreeIngest::poll(const Ready& ready) {
  std::lock_guard lock(mutex_);
  if (!changed_.holds([this] { return may_take(); }, ready)) return Polled::not_yet();
  if (failed_) return *failed_;
  if (complete_) return Polled::end();
  if (closed_) return error(Code::kCancelled, "the pull was closed");
  std::vector<uint64_t> chunks;
  std::vector<uint64_t> nodes;
  for (size_t level = 0; level < kLevels; level++) {
    while (may_ask(level)) {
      const auto [place, id] = to_ask_[level].front();
      to_ask_[level].pop_front();
      under_way_[level]++;
      asked_[place] = id;
      (level == 0 ? chunks : nodes).push_back(number_of(place));
    }
  }
  return Polled::of(wants_of(nodes, chunks));
}

Progress TreeIngest::progress() {
  std::lock_guard lock(mutex_);
  return {std::min(done_chunks_ * kChunkBytes, fields_.volume_bytes), fields_.volume_bytes};
}

void TreeIngest::close() {
  bool last = false;
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    last = !busy_ && !kept_;  // a call that runs sees to it itself
    kept_ = kept_ || last;
    busy_ = busy_ || last;
    changed_.notify_all();
  }
  if (last) keep_what_came();
}

Result<IngestResult> TreeIngest::finish() {
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !busy_; });
    if (failed_) return *failed_;
    if (!complete_) return error(Code::kFailedPrecondition, "the pull is not complete");
    busy_ = true;
    kept_ = true;
  }
  const auto stored = store_manifest();
  {
    std::lock_guard lock(mutex_);
    busy_ = false;
    changed_.notify_all();
  }
  TRY(stored);
  IngestResult result;
  result.root = root_;
  result.manifest = manifest_;
  result.added_bytes = session_.added_bytes();
  result.received_bytes = received_bytes_;
  result.chunks = chunks_come_;
  return result;
}

// Last: with it everything below it is there.
Result<void> TreeIngest::store_manifest() {
  if (manifest_present_) return {};
  TRY(session_.add_node({FrameKind::kManifest, root_, uint32_t(manifest_.size()), manifest_}));
  TRY(session_.finish());
  manifest_present_ = true;
  return {};
}

}  // namespace ashlar
