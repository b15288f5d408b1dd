#include "stream/hydration.h"

#include <algorithm>

#include "base/crew.h"
#include "base/parallel.h"
#include "base/thread.h"
#include "seal/image.h"
#include "stream/arrived_chunk.h"

namespace ashlar {
namespace {

// On the way, being verified, waiting for the installer and being installed. What was not asked for
// is refused, so this bounds what waits here too.
constexpr size_t kUnderWayMax = (16 << 20) / kChunkBytes;
constexpr size_t kNodesKept = 4096;  // 8 MiB

}  // namespace

Hydration::Hydration(std::shared_ptr<Hydrator> target, const ManifestFields& manifest,
                     const DomainKeys& keys, Lane lane,
                     std::optional<std::chrono::milliseconds> rest)
    : target_(std::move(target)),
      manifest_(manifest),
      keys_(keys),
      turn_([&] {
        Turn turn = target_->reopen(lane);
        turn.rest = rest;
        return turn;
      }()),
      height_(tree_height(manifest.volume_bytes)) {
  start_threads(lane);
}

// Without one of them the channel has failed before it began, and whoever opened it tries again.
void Hydration::start_threads(Lane lane) {
  auto pump = try_thread([this] { this->pump(); });
  if (!pump) return fail(no_thread("hydration"));
  pump_ = *std::move(pump);
  if (lane != Lane::kBackground) return;
  auto installer = try_thread([this] { install_in_turn(); });
  if (!installer) return fail(no_thread("hydration"));
  installer_ = *std::move(installer);
}

Hydration::~Hydration() {
  close();
  if (pump_.joinable()) pump_.join();
  if (installer_.joinable()) installer_.join();
}

void Hydration::close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  target_->close(turn_);
}

void Hydration::yield() {
  {
    std::lock_guard lock(mutex_);
    yielded_ = true;
  }
  target_->close(turn_);
}

void Hydration::pump() {
  for (;;) {
    size_t room = 0;
    {
      std::unique_lock lock(mutex_);
      // The sweep is asked for many at a time: each time it passes through map locks.
      const size_t low = turn_.lane == Lane::kDemand ? kUnderWayMax - 1 : kUnderWayMax / 2;
      changed_.wait(lock, [&] { return closed_ || failed_ || under_way_ <= low; });
      if (closed_ || failed_) return;
      room = kUnderWayMax - under_way_;
    }
    const auto wanted = target_->next_wanted(turn_, room);
    std::vector<Zeros> zeros;
    {
      std::lock_guard lock(mutex_);
      if (!wanted) {
        ended_ = true;
        changed_.notify_all();
        return;
      }
      under_way_ += wanted->size();
      for (const uint64_t chunk : *wanted) {
        if (const auto known = advance(chunk)) zeros.push_back(*known);
      }
      changed_.notify_all();
    }
    if (auto installed = install_zeros(zeros); !installed) return fail(installed.error());
  }
}

// Down from the root as far as the nodes are known.
std::optional<Hydration::Zeros> Hydration::advance(uint64_t chunk) {
  Hash id = manifest_.tree_root;
  for (uint8_t level = height_;; level--) {
    const uint64_t index = chunk / chunks_below(level);
    if (is_zero(id)) {
      under_way_--;
      return Zeros{index * chunks_below(level), chunks_below(level)};
    }
    if (level == 0) {
      if (asked_.emplace(TreePlace{0, chunk}, id).second) {
        ask_chunks_.push_back(chunk);
      } else {
        under_way_--;  // asked before
      }
      return std::nullopt;
    }
    const TreePlace place{level, index};
    const auto node = nodes_.find(place);
    if (node == nodes_.end()) {
      parked_[place].push_back(chunk);
      if (asked_.emplace(place, id).second) ask_nodes_.push_back(number_of(place));
      return std::nullopt;
    }
    id = child_id(node->second, chunk / chunks_below(uint8_t(level - 1)) % kFanOut);
  }
}

Result<void> Hydration::install_zeros(const std::vector<Zeros>& zeros) {
  Zeros done;
  for (const Zeros& run : zeros) {
    const bool again = run.first >= done.first && run.first + run.count <= done.first + done.count;
    if (again) continue;  // the same subtree, asked for chunk by chunk
    TRY(target_->install_zeros(run.first, run.count));
    done = run;
  }
  return {};
}

bool Hydration::may_take() const {
  // What was asked for in a demand lane that rests is for nobody any more.
  const bool rests = turn_.lane == Lane::kDemand && !yielded_;
  return closed_ || failed_ || !ask_nodes_.empty() || !ask_chunks_.empty() ||
         (ended_ && (under_way_ == 0 || rests));
}

Result<Polled> Hydration::poll(const Ready& ready) {
  std::lock_guard lock(mutex_);
  if (!changed_.holds([this] { return may_take(); }, ready)) return Polled::not_yet();
  if (failed_) return *failed_;
  if (closed_ || (ask_nodes_.empty() && ask_chunks_.empty())) return Polled::end();
  auto message = wants_of(ask_nodes_, ask_chunks_);
  ask_nodes_.clear();
  ask_chunks_.clear();
  return Polled::of(std::move(message));
}

Result<void> Hydration::give(Bytes message) {
  auto taken = take_message(message);
  if (!taken) fail(taken.error());
  return taken;
}

void Hydration::fail(const Error& reason) {
  std::lock_guard lock(mutex_);
  if (!failed_) failed_ = reason;
  changed_.notify_all();
}

Result<void> Hydration::take_message(Bytes message) {
  const TreeFrames frames = TRY(sort_frames(message, Deltas::kRefused));
  for (const WireFrame& node : frames.nodes)
    TRY(take_node(node));
  TRY(take_chunks(frames.chunks));
  Result<void> outcome;
  for (const WireFrame& refused : frames.refused)
    outcome = take_refusal(refused);
  return outcome;
}

// Those who wait for what the source cannot give are told. The region says why in its log;
// hydration keeps trying by opening again.
Result<void> Hydration::take_refusal(const WireFrame& frame) {
  const TreePlace place = place_of(frame.header.index);
  std::vector<uint64_t> chunks;
  {
    std::lock_guard lock(mutex_);
    if (place.level == 0 && asked_.contains(place)) {
      chunks = {place.index};
    } else if (const auto below = parked_.find(place); below != parked_.end()) {
      chunks = below->second;
    }
  }
  if (chunks.empty()) return broken("refused what was not asked for");
  for (const uint64_t chunk : chunks) {
    target_->fail(chunk,
                  error(Code::kRemoteUnavailable, "the region cannot give a chunk of the origin"));
  }
  return error(Code::kRemoteUnavailable, "the region cannot give a part of the snapshot");
}

Result<void> Hydration::take_node(const WireFrame& frame) {
  const TreePlace place = place_of(frame.header.index);
  Hash expected;
  {
    std::lock_guard lock(mutex_);
    expected = TRY(asked_id(asked_, frame));
  }
  const NodeBytes node = TRY(checked_node(keys_, frame, expected));
  std::vector<Zeros> zeros;
  {
    std::lock_guard lock(mutex_);
    asked_.erase(place);
    if (nodes_.size() >= kNodesKept) nodes_.clear();
    nodes_[place] = node;
    const auto parked = parked_.extract(place);
    if (!parked.empty()) {
      for (const uint64_t chunk : parked.mapped()) {
        if (const auto known = advance(chunk)) zeros.push_back(*known);
      }
    }
    changed_.notify_all();
  }
  return install_zeros(zeros);
}

Result<void> Hydration::take_chunks(const std::vector<WireFrame>& frames) {
  if (frames.empty()) return {};
  std::vector<Hash> expected;
  {
    std::lock_guard lock(mutex_);
    for (const WireFrame& frame : frames) {
      // Before it is installed: from then on it may be wanted once more, and is to be asked for
      // again.
      expected.push_back(TRY(take_asked(asked_, frame)));
    }
  }
  Arrived arrived = TRY(verify(frames, expected));
  if (turn_.lane == Lane::kDemand) return install(arrived);
  std::lock_guard lock(mutex_);
  if (failed_) return *failed_;
  arrived_.push_back(std::move(arrived));
  changed_.notify_all();
  return {};
}

Result<Hydration::Arrived> Hydration::verify(const std::vector<WireFrame>& frames,
                                             const std::vector<Hash>& expected) {
  Arrived arrived;
  for (const WireFrame& frame : frames)
    arrived.chunks.push_back(frame.header.index);
  arrived.plain = std::make_unique_for_overwrite<uint8_t[]>(frames.size() * kChunkBytes);
  enum class Verdict : uint8_t { kGood, kDoesNotUnpack, kOther };
  std::vector<Verdict> verdicts(frames.size());
  const auto judge = [&](size_t i) {
    const MutableBytes plain(&arrived.plain[i * kChunkBytes], kChunkBytes);
    if (!unpack_chunk(frames[i], plain)) {
      verdicts[i] = Verdict::kDoesNotUnpack;
    } else if (chunk_id(keys_, plain) != expected[i]) {
      verdicts[i] = Verdict::kOther;
    }
  };
  if (turn_.lane == Lane::kBackground) {
    background_crew().run(frames.size(), judge);
  } else {
    parallel_for(frames.size(), judge);
  }
  for (const Verdict verdict : verdicts) {
    if (verdict == Verdict::kDoesNotUnpack) return broken("sent a chunk that does not unpack");
    if (verdict == Verdict::kOther) return broken("sent a chunk that is not what the tree says");
  }
  return arrived;
}

// Neighbours together.
Result<void> Hydration::install(const Arrived& arrived) {
  const std::vector<uint64_t>& chunks = arrived.chunks;
  for (size_t first = 0; first < chunks.size();) {
    size_t end = first + 1;
    while (end < chunks.size() && chunks[end] == chunks[end - 1] + 1)
      end++;
    TRY(target_->install(turn_.lane, chunks[first],
                         Bytes(&arrived.plain[first * kChunkBytes], (end - first) * kChunkBytes)));
    first = end;
  }
  std::lock_guard lock(mutex_);
  under_way_ -= chunks.size();
  changed_.notify_all();
  return {};
}

void Hydration::install_in_turn() {
  for (;;) {
    Arrived arrived;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return closed_ || failed_ || !arrived_.empty(); });
      if (closed_ || failed_) return;
      arrived = std::move(arrived_.front());
      arrived_.pop_front();
      changed_.notify_all();
    }
    if (auto installed = install(arrived); !installed) return fail(installed.error());
  }
}

Progress Hydration::progress() {
  return {target_->done_bytes(), manifest_.volume_bytes};
}

}  // namespace ashlar
