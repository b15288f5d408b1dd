#include "stream/cut_source.h"

#include <algorithm>

#include "base/parallel.h"
#include "codec/lz4.h"
#include "seal/image.h"

namespace ashlar {
namespace {

constexpr uint64_t kHashChunks = 128;    // 8 MiB read and hashed at a time
constexpr size_t kWantedPerAnswer = 32;  // up to 2 MiB of plain data a message
constexpr size_t kWantedMax = 1 << 16;   // a receiver asks ahead 8 MiB, not this

}  // namespace

CutSource::CutSource(std::unique_ptr<CutImage> image, const DomainKeys& keys)
    : image_(std::move(image)), keys_(keys), tree_(keys_, image_->size_bytes()) {}

Result<void> CutSource::give(Bytes message) {
  const uint64_t chunks = (image_->size_bytes() + kChunkBytes - 1) / kChunkBytes;
  for (const WireFrame& frame : TRY(parse_frames(message))) {
    if (frame.header.kind != Wire::kWant) {
      return error(Code::kProtocol, "a cut answers WANT only");
    }
    const std::vector<uint64_t> numbers = wire_numbers(frame);
    std::lock_guard lock(mutex_);
    for (const uint64_t chunk : numbers) {
      if (chunk >= chunks || wanted_.size() >= kWantedMax) {
        return error(Code::kProtocol, "chunk " + std::to_string(chunk) + " cannot be asked for");
      }
      wanted_.push_back(chunk);
    }
    changed_.notify_all();
  }
  return {};
}

Result<std::optional<std::vector<uint8_t>>> CutSource::take() {
  std::vector<uint64_t> wanted;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return closed_ || !wanted_.empty() || !list_done_; });
    if (closed_) return std::optional<std::vector<uint8_t>>();
    while (!wanted_.empty() && wanted.size() < kWantedPerAnswer) {
      wanted.push_back(wanted_.front());
      wanted_.pop_front();
    }
  }
  if (!wanted.empty()) return std::optional(TRY(answer(wanted)));
  return std::optional(TRY(list_more()));
}

// Hashes the next chunks that may hold something, on all cores.
Result<std::vector<uint8_t>> CutSource::list_more() {
  std::vector<uint8_t> message;
  const auto range = TRY(image_->next_chunks(next_chunk_));
  if (!range) {
    list_done_ = true;
    append_frame(message, Wire::kListEnd, listed_, tree_.finish(), {});
    return message;
  }
  const uint64_t count = std::min(range->count, kHashChunks);
  std::vector<uint8_t> data(count * kChunkBytes);
  TRY(image_->read_chunks(range->first, count, data));
  std::vector<Hash> ids(count);
  parallel_for(count, [&](size_t i) {
    ids[i] = chunk_id(keys_, Bytes(data).subspan(i * kChunkBytes, kChunkBytes));
  });
  std::vector<uint8_t> entries;
  for (uint64_t i = 0; i < count; i++) {
    if (is_zero(ids[i])) continue;
    const ListEntry entry{range->first + i, ids[i]};
    const auto* raw = reinterpret_cast<const uint8_t*>(&entry);
    entries.insert(entries.end(), raw, raw + sizeof entry);
    tree_.add(entry.index, entry.id);
    listed_++;
  }
  if (!entries.empty()) append_frame(message, Wire::kList, 0, Hash{}, entries);
  next_chunk_ = range->first + count;
  std::lock_guard lock(mutex_);
  hashed_bytes_ += count * kChunkBytes;
  return message;
}

Result<std::vector<uint8_t>> CutSource::answer(const std::vector<uint64_t>& wanted) {
  struct Answer {
    std::vector<uint8_t> plain;
    std::optional<std::vector<uint8_t>> packed;
    Hash id{};
    std::optional<Error> failed;
  };
  std::vector<Answer> answers(wanted.size());
  parallel_for(wanted.size(), [&](size_t i) {
    Answer& to = answers[i];
    to.plain.resize(kChunkBytes);
    if (auto read = image_->read_chunks(wanted[i], 1, to.plain); !read) {
      to.failed = read.error();
      return;
    }
    to.id = chunk_id(keys_, to.plain);
    to.packed = lz4_compress(to.plain);
  });
  std::vector<uint8_t> message;
  for (size_t i = 0; i < wanted.size(); i++) {
    const Answer& from = answers[i];
    // A chunk that fails its checksum fails the snapshot; it never becomes zeros.
    if (from.failed) return *from.failed;
    if (from.packed) {
      append_frame(message, Wire::kLz4, wanted[i], from.id, *from.packed);
    } else {
      append_frame(message, Wire::kRaw, wanted[i], from.id, from.plain);
    }
  }
  return message;
}

Progress CutSource::progress() {
  std::lock_guard lock(mutex_);
  return {hashed_bytes_, 0};
}

void CutSource::close() {
  std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

}  // namespace ashlar
