#include "stream/cut_source.h"

#include <algorithm>
#include <bit>

#include "base/low_priority.h"
#include "base/thread.h"
#include "base/thread_name.h"
#include "codec/lz4.h"
#include "seal/image.h"
#include "store/delta.h"

namespace ashlar {
namespace {

constexpr size_t kWalkChunks = 1024;           // of the map at a time
constexpr size_t kUnitChunks = 16;             // 1 MiB read and hashed at a time
constexpr size_t kUnitsAhead = 16;             // walked, not hashed
constexpr size_t kHashedAhead = 32;            // hashed, but one before them is not
constexpr size_t kListAhead = 1 << 16;         // entries that nobody took yet
constexpr size_t kWantedMax = 1 << 16;         // a receiver asks ahead 8 MiB, not this
constexpr size_t kAnswerChunks = 24;           // in messages of at most 1 MiB
constexpr size_t kAnswerDeltas = 128;          // most of them are small
constexpr size_t kAnswerBytesAhead = 4 << 20;  // that nobody took yet
constexpr size_t kThreadsMax = 16;
constexpr auto kPatience = std::chrono::milliseconds(20);

void append_delta(std::vector<uint8_t>& message, uint64_t chunk, const Hash& id, uint16_t map,
                  Bytes plain) {
  const Delta delta = make_delta(map, plain);
  const bool packed = delta.stored.size() < size_t(std::popcount(map)) * kBlockBytes;
  append_frame(message, packed ? Wire::kDelta : Wire::kDeltaRaw, chunk, id, delta.stored, map);
}

// Compressed where it is sent from: into the message.
void append_full(std::vector<uint8_t>& message, uint64_t chunk, const Hash& id, Bytes plain) {
  const size_t at = message.size();
  message.resize(at + sizeof(WireFrameHeader) + kChunkBytes - 1);
  const size_t bytes =
      lz4_compress_into(plain, MutableBytes(message).subspan(at + sizeof(WireFrameHeader)));
  if (bytes == 0) {
    message.resize(at);
    append_frame(message, Wire::kRaw, chunk, id, plain);
    return;
  }
  WireFrameHeader header;
  header.kind = Wire::kLz4;
  header.length = uint32_t(bytes);
  header.index = chunk;
  header.id = id;
  std::memcpy(&message[at], &header, sizeof header);
  message.resize(at + sizeof header + bytes);
}

}  // namespace

size_t CutSource::threads_for_this_machine() {
  return std::clamp<size_t>(std::thread::hardware_concurrency(), 1, kThreadsMax);
}

CutSource::CutSource(std::unique_ptr<CutImage> image, const DomainKeys& keys, size_t threads)
    : image_(std::move(image)), keys_(keys), tree_(keys_, image_->size_bytes()) {
  for (size_t i = 0; i < threads; i++) {
    auto thread = try_thread([this] { work(); });
    if (!thread) break;
    threads_.push_back(*std::move(thread));
    thread_count_++;
  }
}

void CutSource::close() {
  {
    std::lock_guard lock(mutex_);
    closed_ = true;
    changed_.notify_all();
  }
  std::lock_guard joining(join_mutex_);
  for (std::thread& thread : threads_)
    thread.join();
  threads_.clear();
}

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
    asked_lately_ = true;
    changed_.notify_all();
  }
  return {};
}

Result<Polled> CutSource::poll(const Ready& ready) {
  std::unique_lock lock(mutex_);
  // Without threads of its own this one does the work, and rests as they do.
  while (thread_count_ == 0 && !may_take()) {
    if (step(lock)) continue;
    if (!paused()) break;
    rest(lock);
  }
  if (!changed_.holds([this] { return may_take(); }, ready)) return Polled::not_yet();
  if (failed_) return *failed_;
  if (closed_) return Polled::end();
  Message message;
  if (list_due()) {
    message = list_message();
  } else {
    message = std::move(answers_.front());
    answers_.pop_front();
    answer_bytes_ -= message.size();
  }
  changed_.notify_all();
  return Polled::of(std::move(message));
}

// What is known of the list; at its end the root.
CutSource::Message CutSource::list_message() {
  Message message;
  const size_t entries = std::min(list_.size(), kMessageBytes / sizeof(ListEntry));
  if (entries > 0) {
    append_frame(
        message, Wire::kList, 0, Hash{},
        Bytes(reinterpret_cast<const uint8_t*>(list_.data()), entries * sizeof(ListEntry)));
    list_.erase(list_.begin(), list_.begin() + ptrdiff_t(entries));
  }
  if (list_.empty() && all_listed() && !list_ended_) {
    list_ended_ = true;
    append_frame(message, Wire::kListEnd, listed_, base_agreed() ? Hash{} : tree_.finish(), {});
  }
  return message;
}

// ---- the work

void CutSource::work() {
  name_thread("seal");
  lower_priority();
  std::unique_lock lock(mutex_);
  while (!closed_ && !failed_) {
    if (!step(lock)) rest(lock);
  }
}

// Until something changes. A receiver that asks for nothing of what is kept has it all: then there
// is no point in waiting before more is listed.
void CutSource::rest(std::unique_lock<std::mutex>& lock) {
  if (!paused()) return changed_.wait(lock);
  if (changed_.wait_for(lock, kPatience) == std::cv_status::timeout) asked_lately_ = false;
}

bool CutSource::may_answer() const {
  return !wanted_.empty() && answer_bytes_ < kAnswerBytesAhead;
}

bool CutSource::may_walk() const {
  return !walked_ && !walking_ && units_.size() < kUnitsAhead;
}

bool CutSource::may_hash() const {
  return !units_.empty() && hashed_.size() < kHashedAhead && list_.size() < kListAhead &&
         !(keeps_enough() && asked_lately_);
}

// One piece of work, without the lock; false when there is none.
bool CutSource::step(std::unique_lock<std::mutex>& lock) {
  const auto fail = [&](const Error& reason) {
    if (!failed_) failed_ = reason;
  };
  if (may_answer()) {
    const std::vector<Wanted> wanted = claim();
    lock.unlock();
    auto messages = answer(wanted);
    lock.lock();
    if (!messages) fail(messages.error());
    for (size_t i = 0; messages && i < messages->size(); i++) {
      answer_bytes_ += (*messages)[i].size();
      answers_.push_back(std::move((*messages)[i]));
    }
  } else if (may_walk()) {
    walking_ = true;
    const uint64_t from = next_chunk_;
    lock.unlock();
    auto chunks = walk(from);
    lock.lock();
    walking_ = false;
    if (chunks) {
      note_walked(*std::move(chunks));
    } else {
      fail(chunks.error());
    }
  } else if (may_hash()) {
    const std::shared_ptr<Unit> unit = units_.front();
    units_.pop_front();
    lock.unlock();
    const auto done = hash(*unit);
    lock.lock();
    if (done) {
      note_hashed(unit);
    } else {
      fail(done.error());
    }
  } else {
    return false;
  }
  changed_.notify_all();
  return true;
}

// The next chunks of the list; none = its end.
Result<std::vector<ChangedChunk>> CutSource::walk(uint64_t from) {
  if (base_agreed()) return image_->next_changed(from, kWalkChunks);
  std::vector<ChangedChunk> chunks;
  const auto range = TRY(image_->next_chunks(from));
  for (uint64_t i = 0; range && i < range->count; i++)
    chunks.push_back({range->first + i, 0, false});
  return chunks;
}

void CutSource::note_walked(std::vector<ChangedChunk> chunks) {
  walked_ = chunks.empty();
  if (walked_) return;
  next_chunk_ = chunks.back().index + 1;
  for (size_t at = 0; at < chunks.size(); at += kUnitChunks) {
    auto unit = std::make_shared<Unit>();
    unit->number = next_unit_++;
    const size_t end = std::min(chunks.size(), at + kUnitChunks);
    unit->chunks.assign(chunks.begin() + ptrdiff_t(at), chunks.begin() + ptrdiff_t(end));
    units_.push_back(std::move(unit));
  }
}

// Neighbours are read together.
Result<void> CutSource::hash(Unit& unit) {
  const std::vector<ChangedChunk>& chunks = unit.chunks;
  unit.ids.resize(chunks.size());
  const bool any = std::any_of(chunks.begin(), chunks.end(),
                               [](const ChangedChunk& chunk) { return !chunk.zero; });
  if (!any) return {};
  unit.bytes = std::make_unique_for_overwrite<uint8_t[]>(chunks.size() * kChunkBytes);
  for (size_t at = 0; at < chunks.size();) {
    if (chunks[at].zero) {
      at++;
      continue;
    }
    size_t run = 1;
    while (at + run < chunks.size() && !chunks[at + run].zero &&
           chunks[at + run].index == chunks[at].index + run) {
      run++;
    }
    const MutableBytes into(&unit.bytes[at * kChunkBytes], run * kChunkBytes);
    TRY(image_->read_chunks(chunks[at].index, run, into));
    for (size_t i = 0; i < run; i++)
      unit.ids[at + i] = chunk_id(keys_, into.subspan(i * kChunkBytes, kChunkBytes));
    at += run;
  }
  return {};
}

// Units end in any order and are listed in theirs.
void CutSource::note_hashed(std::shared_ptr<const Unit> hashed) {
  hashed_[hashed->number] = std::move(hashed);
  while (!hashed_.empty() && hashed_.begin()->first == next_listed_) {
    const std::shared_ptr<const Unit> unit = hashed_.begin()->second;
    hashed_.erase(hashed_.begin());
    next_listed_++;
    for (size_t i = 0; i < unit->chunks.size(); i++) {
      // In a difference a zero is news.
      if (is_zero(unit->ids[i]) && !base_agreed()) continue;
      list_.push_back({unit->chunks[i].index, unit->ids[i]});
      if (!base_agreed()) tree_.add(unit->chunks[i].index, unit->ids[i]);
      listed_++;
    }
    hashed_bytes_ += unit->chunks.size() * kChunkBytes;
    if (unit->bytes) keep(unit);
  }
}

// The oldest go first; they are what was asked for, or never will be.
void CutSource::keep(std::shared_ptr<const Unit> unit) {
  kept_chunks_ += unit->chunks.size();
  kept_.push_back(std::move(unit));
  while (kept_chunks_ * kChunkBytes > kKeptBytes + kUnitChunks * kChunkBytes) {
    kept_chunks_ -= kept_.front()->chunks.size();
    kept_.pop_front();
  }
}

const uint8_t* CutSource::Unit::find(uint64_t chunk, size_t* at) const {
  const auto found =
      std::lower_bound(chunks.begin(), chunks.end(), chunk,
                       [](const ChangedChunk& one, uint64_t index) { return one.index < index; });
  if (found == chunks.end() || found->index != chunk || found->zero) return nullptr;
  *at = size_t(found - chunks.begin());
  return &bytes[*at * kChunkBytes];
}

// A receiver asks in the order of the list: what lies before is not going to be asked for.
std::vector<CutSource::Wanted> CutSource::claim() {
  std::vector<Wanted> claimed;
  const size_t share = wanted_.size() / std::max<size_t>(thread_count_, 1);
  const size_t least = base_agreed() ? kAnswerDeltas / 4 : kAnswerChunks / 2;
  const size_t most = base_agreed() ? kAnswerDeltas : kAnswerChunks;
  const size_t count = std::clamp<size_t>(share, least, most);
  while (claimed.size() < count && !wanted_.empty()) {
    const uint64_t chunk = wanted_.front();
    wanted_.pop_front();
    while (!kept_.empty() && kept_.front()->chunks.back().index < chunk) {
      kept_chunks_ -= kept_.front()->chunks.size();
      kept_.pop_front();
    }
    const bool kept = !kept_.empty() && kept_.front()->chunks.front().index <= chunk;
    claimed.push_back({chunk, kept ? kept_.front() : nullptr});
  }
  return claimed;
}

// A chunk that fails its checksum fails the snapshot; it never becomes zeros.
Result<std::vector<CutSource::Message>> CutSource::answer(const std::vector<Wanted>& wanted) {
  std::vector<Message> messages;
  std::vector<uint8_t> buffer;
  for (const Wanted& each : wanted) {
    size_t at = 0;
    const uint8_t* kept = each.kept ? each.kept->find(each.chunk, &at) : nullptr;
    Hash id{};
    uint16_t map = 0;
    if (kept) {
      id = each.kept->ids[at];
      map = each.kept->chunks[at].block_map;
    } else {
      buffer.resize(kChunkBytes);
      TRY(image_->read_chunks(each.chunk, 1, buffer));
      id = chunk_id(keys_, buffer);
      if (base_agreed()) map = TRY(image_->changed_blocks(each.chunk));
    }
    const Bytes plain = kept ? Bytes(kept, kChunkBytes) : Bytes(buffer);
    if (messages.empty() ||
        messages.back().size() + sizeof(WireFrameHeader) + kChunkBytes > kMessageBytes) {
      messages.emplace_back();
      if (!base_agreed()) messages.back().reserve(kMessageBytes);
    }
    Message& message = messages.back();
    if (map != 0 && std::popcount(map) <= kWireDeltaBlocksMax) {
      append_delta(message, each.chunk, id, map, plain);
    } else {
      append_full(message, each.chunk, id, plain);
    }
  }
  return messages;
}

Progress CutSource::progress() {
  std::lock_guard lock(mutex_);
  return {hashed_bytes_, 0};
}

}  // namespace ashlar
