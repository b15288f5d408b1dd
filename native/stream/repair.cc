#include "stream/repair.h"

#include <algorithm>

#include "base/parallel.h"
#include "stream/snapshot_tree.h"

namespace ashlar {
namespace {

constexpr size_t kUnderWayMax = (8 << 20) / kChunkBytes;

// For the questions about one node, whose children are looked at as a whole.
bool has_room(size_t questions, size_t questions_max) {
  return questions + kFanOut <= questions_max;
}

}  // namespace

Repair::Repair(ChunkStore& store, const DomainKeys& keys, const Manifest& manifest,
               const ManifestFields& fields, std::span<const Hash> damaged)
    : store_(store),
      keys_(keys),
      manifest_(manifest),
      fields_(fields),
      root_(manifest_root(keys, manifest)),
      damaged_(damaged.begin(), damaged.end()),
      session_(store) {}

Result<std::unique_ptr<Repair>> Repair::open(ChunkStore& store, const DomainKeys& keys,
                                             const Manifest& manifest,
                                             std::span<const Hash> damaged) {
  const ManifestFields fields = TRY(read_manifest(manifest));
  return std::unique_ptr<Repair>(new Repair(store, keys, manifest, fields, damaged));
}

// ---- the walk

Result<Polled> Repair::poll(const Ready& ready) {
  for (;;) {
    size_t room = 0;
    {
      std::lock_guard lock(mutex_);
      room = room_left();
    }
    const std::vector<Question> questions = TRY(walk(room));
    std::lock_guard lock(mutex_);
    if (failed_) return *failed_;
    if (closed_) return error(Code::kCancelled, "the repair was closed");
    if (!questions.empty()) {
      std::vector<uint64_t> chunks;
      std::vector<uint64_t> nodes;
      for (const auto& [place, id] : questions) {
        asked_[place] = id;
        (place.level == 0 ? chunks : nodes).push_back(number_of(place));
      }
      return Polled::of(wants_of(nodes, chunks));
    }
    complete_ = way_.empty() && come_.empty() && asked_.empty();
    if (complete_) return Polled::end();
    if (!changed_.holds([this] { return may_take(); }, ready)) return Polled::not_yet();
  }
}

bool Repair::may_take() const {
  const bool more = !way_.empty() || !come_.empty();
  return closed_ || failed_ || asked_.empty() || (more && has_room(0, room_left()));
}

size_t Repair::room_left() const {
  return kUnderWayMax - asked_.size();
}

// False when nothing is left to look at for now.
bool Repair::may_go_on() {
  std::lock_guard lock(mutex_);
  if (closed_ || failed_) return false;
  if (!way_.empty()) return true;
  if (come_.empty()) return false;
  way_.push_back(std::move(come_.front()));
  come_.pop_front();
  return true;
}

// Goes on until there may be so many questions, or nothing is left to look at for now.
Result<std::vector<Repair::Question>> Repair::walk(size_t questions_max) {
  std::vector<Question> questions;
  if (!begun_) {
    begun_ = true;
    look_at_node({tree_height(fields_.volume_bytes), 0}, fields_.tree_root, questions);
  }
  while (has_room(questions.size(), questions_max) && may_go_on()) {
    Step& step = way_.back();
    if (step.place.level == 1) {
      TRY(look_at_chunks(step, questions));
      way_.pop_back();
    } else if (step.next == kFanOut) {
      way_.pop_back();
    } else {
      const uint64_t child = step.next++;
      look_at_node(step.place.child(child), child_id(step.node, child), questions);
    }
  }
  return questions;
}

Result<void> Repair::look_at_chunks(const Step& step, std::vector<Question>& questions) {
  std::vector<Hash> ids;
  std::vector<TreePlace> places;
  for (uint64_t i = 0; i < kFanOut; i++) {
    ids.push_back(child_id(step.node, i));
    places.push_back(step.place.child(i));
  }
  const std::vector<bool> present = TRY(store_.present_chunks(ids));
  for (size_t i = 0; i < ids.size(); i++) {
    if (is_zero(ids[i]) || (present[i] && !damaged_.contains(ids[i]))) {
      cover(places[i]);
    } else {
      ask(places[i], ids[i], questions);
    }
  }
  return {};
}

void Repair::look_at_node(const TreePlace& place, const Hash& id,
                          std::vector<Question>& questions) {
  if (is_zero(id)) return cover(place);
  if (const auto node = readable_node(place, id)) {
    way_.push_back({place, *node, 0});
  } else {
    ask(place, id, questions);
  }
}

std::optional<NodeBytes> Repair::readable_node(const TreePlace& place, const Hash& id) {
  if (damaged_.contains(id)) return std::nullopt;
  const auto node = read_node(store_, id);
  const bool good = node && (*node)[0] == place.level && keyed_hash(keys_.node, *node) == id;
  return good ? std::optional(*node) : std::nullopt;
}

// Once for each id, wherever else it stands.
void Repair::ask(const TreePlace& place, const Hash& id, std::vector<Question>& questions) {
  if (asked_ids_.insert(id).second) {
    questions.push_back({place, id});
  } else {
    cover(place);
  }
}

void Repair::cover(const TreePlace& place) {
  std::lock_guard lock(mutex_);
  covered_chunks_ += chunks_below(place.level);
}

// ---- what came

Result<void> Repair::give(Bytes message) {
  {
    std::lock_guard lock(mutex_);
    if (failed_) return *failed_;
    if (closed_) return error(Code::kCancelled, "the repair was closed");
    if (complete_) return broken("sent more than was asked for");  // finish() may run
  }
  auto taken = take_message(message);
  std::lock_guard lock(mutex_);
  if (!taken && !failed_) failed_ = taken.error();
  changed_.notify_all();
  return taken;
}

Result<void> Repair::take_message(Bytes message) {
  const TreeFrames frames = TRY(sort_frames(message, Deltas::kRefused));
  for (const WireFrame& node : frames.nodes)
    TRY(take_node(node));
  received_bytes_ += message.size();
  TRY(take_chunks(frames.chunks));
  std::lock_guard lock(mutex_);
  for (const WireFrame& frame : frames.refused) {
    if (asked_.erase(place_in_tree(frame)) == 0) return broken("refused what was not asked for");
    refused_++;
  }
  return {};
}

Result<Hash> Repair::expected_id(const WireFrame& frame) {
  std::lock_guard lock(mutex_);
  return asked_id(asked_, frame);
}

// It is walked under, wherever its children are.
Result<void> Repair::take_node(const WireFrame& frame) {
  const Hash id = TRY(expected_id(frame));
  auto node = TRY(checked_node(keys_, frame, id));
  Step step{place_in_tree(frame), std::move(node), 0};
  nodes_.emplace_back(id, step.node);
  std::lock_guard lock(mutex_);
  asked_.erase(step.place);
  come_.push_back(std::move(step));
  return {};
}

Result<void> Repair::take_chunks(const std::vector<WireFrame>& frames) {
  std::vector<Hash> ids;
  for (const WireFrame& frame : frames)
    ids.push_back(TRY(expected_id(frame)));
  std::vector<std::optional<Result<ArrivedChunk>>> arrived(frames.size());
  parallel_for(frames.size(), [&](size_t i) {
    arrived[i].emplace(accept_chunk(store_, keys_, frames[i], ids[i], Hash{}));
  });
  for (size_t i = 0; i < frames.size(); i++) {
    const Result<ArrivedChunk>& chunk = *arrived[i];
    if (!chunk) return chunk.error();
    {
      std::lock_guard lock(mutex_);
      if (asked_.erase({0, frames[i].header.index}) == 0) return broken("sent a chunk twice");
      covered_chunks_++;
    }
    TRY(session_.add_chunk(chunk->frame()));
    chunks_come_++;
  }
  return {};
}

Result<IngestResult> Repair::finish() {
  {
    std::lock_guard lock(mutex_);
    if (failed_) return *failed_;
    if (!complete_) return error(Code::kFailedPrecondition, "the repair is not complete");
  }
  std::stable_sort(nodes_.begin(), nodes_.end(),
                   [](const auto& a, const auto& b) { return a.second[0] < b.second[0]; });
  for (const auto& [id, node] : nodes_)
    TRY(session_.add_node({FrameKind::kNode, id, kNodeBytes, node}));
  nodes_.clear();
  if (damaged_.contains(root_) || !store_.read(root_)) {
    TRY(session_.add_node({FrameKind::kManifest, root_, uint32_t(manifest_.size()), manifest_}));
  }
  TRY(session_.finish());
  if (refused_ > 0) {
    return error(Code::kRemoteUnavailable, "the source could not give " + std::to_string(refused_) +
                                               " of the damaged parts of " + to_hex(root_) +
                                               "; the others were repaired");
  }
  IngestResult result;
  result.root = root_;
  result.manifest = manifest_;
  result.added_bytes = session_.added_bytes();
  result.received_bytes = received_bytes_;
  result.chunks = chunks_come_;
  return result;
}

Progress Repair::progress() {
  std::lock_guard lock(mutex_);
  return {std::min(covered_chunks_ * kChunkBytes, fields_.volume_bytes), fields_.volume_bytes};
}

void Repair::close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

}  // namespace ashlar
