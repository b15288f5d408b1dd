#include "stream/snapshot_source.h"

#include <algorithm>
#include <bit>

#include "base/parallel.h"
#include "codec/lz4.h"
#include "store/delta.h"

namespace ashlar {
namespace {

constexpr size_t kWantedMax = 1 << 16;
// What one message answers, a chunk counted as half its plain size.
constexpr size_t kChunkCost = kChunkBytes / 2;
// A delta is sent where at most so many of a chunk's 16 blocks differ.
constexpr int kDeltaBlocksSent = 8;

bool is_full(FrameKind kind) {
  return kind == FrameKind::kRaw || kind == FrameKind::kLz4;
}

}  // namespace

SnapshotSource::SnapshotSource(ChunkStore& store, const ManifestFields& manifest,
                               const std::optional<ManifestFields>& base)
    : store_(store), keys_(derive_keys({})), tree_(store, manifest) {
  if (base) base_.emplace(store, *base);
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

// The tree is walked first, then chunks are read and packed on all cores.
Result<Polled> SnapshotSource::poll(const Ready& ready) {
  std::vector<Wanted> wanted;
  {
    std::lock_guard lock(mutex_);
    const auto may_take = [this] { return closed_ || !wanted_.empty(); };
    if (!changed_.holds(may_take, ready)) return Polled::not_yet();
    if (closed_) return Polled::end();
    for (size_t cost = 0; cost < kMessageBytes && !wanted_.empty(); wanted_.pop_front()) {
      wanted.push_back(wanted_.front());
      cost += wanted.back().node ? kNodeBytes : kChunkCost;
    }
  }
  std::vector<Answer> answers;
  for (const Wanted& each : wanted)
    answers.push_back(find(each));
  parallel_for(answers.size(), [&](size_t i) {
    Answer& answer = answers[i];
    if (answer.failed || answer.kind == Wire::kNode) return;
    if (auto filled = fill(answer); !filled) answer.failed = std::move(filled).error();
  });
  size_t message_bytes = 0;
  for (const Answer& answer : answers)
    message_bytes += sizeof(WireFrameHeader) + std::max(answer.payload.size(), sizeof(uint32_t));
  std::vector<uint8_t> message;
  message.reserve(message_bytes);
  for (Answer& answer : answers)
    append(answer, message);
  std::lock_guard lock(mutex_);
  sent_bytes_ += message.size();
  return Polled::of(std::move(message));
}

void SnapshotSource::append(Answer& answer, std::vector<uint8_t>& message) {
  if (answer.failed) {
    const uint32_t code = uint32_t(answer.failed->code);
    answer.kind = Wire::kCannot;
    answer.id = Hash{};
    answer.block_map = 0;
    const auto* raw = reinterpret_cast<const uint8_t*>(&code);
    answer.payload.assign(raw, raw + sizeof code);
  }
  append_frame(message, answer.kind, answer.number, answer.id, answer.payload, answer.block_map);
}

// The id by the tree, and a node's bytes.
SnapshotSource::Answer SnapshotSource::find(const Wanted& wanted) {
  Answer answer;
  answer.number = wanted.number;
  const TreePlace place = wanted.node ? place_of(wanted.number) : TreePlace{0, wanted.number};
  const auto found = [&]() -> Result<void> {
    answer.id = TRY(tree_.id_at(place));
    if (is_zero(answer.id) || wanted.node != (place.level > 0)) {
      return error(Code::kNotFound, "nothing at level " + std::to_string(place.level) + ", index " +
                                        std::to_string(place.index));
    }
    if (wanted.node) {
      answer.kind = Wire::kNode;
      const NodeBytes* node = TRY(tree_.node(place));
      answer.payload.assign(node->begin(), node->end());
      return {};
    }
    // A base that cannot be read makes no deltas; that is all.
    const auto base = base_ ? base_->id_at(place) : Result<Hash>(Hash{});
    if (base && *base != answer.id) answer.base = *base;
    return {};
  }();
  if (!found) answer.failed = found.error();
  return answer;
}

// The chunk as a delta on the agreed base's, where that is smaller.
std::optional<Delta> SnapshotSource::delta_of(const Answer& answer,
                                              const ChunkStore::Stored& stored) const {
  if (is_zero(answer.base)) return std::nullopt;
  if (stored.kind == FrameKind::kDelta && stored.base == answer.base) {
    return Delta{stored.block_map, stored.bytes};
  }
  std::vector<uint8_t> chunk(kChunkBytes);
  std::vector<uint8_t> base(kChunkBytes);
  // What cannot be read makes no delta; whether the chunk itself can be is found out after this.
  if (!store_.read_chunk(keys_, answer.id, chunk)) return std::nullopt;
  if (!store_.read_chunk(keys_, answer.base, base)) return std::nullopt;
  const uint16_t block_map = differing_blocks(chunk, base);
  if (block_map == 0 || std::popcount(block_map) > kDeltaBlocksSent) return std::nullopt;
  Delta delta = make_delta(block_map, chunk);
  if (is_full(stored.kind) && stored.bytes.size() <= delta.stored.size()) return std::nullopt;
  return delta;
}

// The bytes of a chunk, in a form that the receiver can take. Thread: any.
Result<void> SnapshotSource::fill(Answer& answer) const {
  ChunkStore::Stored stored = TRY(store_.read(answer.id));
  if (auto delta = delta_of(answer, stored)) {
    const size_t plain = size_t(std::popcount(delta->block_map)) * kBlockBytes;
    answer.kind = delta->stored.size() == plain ? Wire::kDeltaRaw : Wire::kDelta;
    answer.block_map = delta->block_map;
    answer.payload = std::move(delta->stored);
    return {};
  }
  if (is_full(stored.kind)) {
    answer.kind = stored.kind == FrameKind::kRaw ? Wire::kRaw : Wire::kLz4;
    answer.payload = std::move(stored.bytes);
    return {};
  }
  answer.payload.resize(kChunkBytes);
  TRY(store_.read_chunk(keys_, answer.id, answer.payload));
  answer.kind = Wire::kRaw;
  if (auto packed = lz4_compress(answer.payload)) {
    answer.kind = Wire::kLz4;
    answer.payload = *std::move(packed);
  }
  return {};
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
