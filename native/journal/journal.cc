#include "journal/journal.h"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "base/check.h"
#include "base/clock.h"
#include "base/failpoint.h"
#include "codec/crc32c.h"

namespace ashlar {
namespace {

// What a record may cost beyond its own bytes: a batch of its own, padded.
constexpr uint64_t kRecordOverheadBytes = kBlockBytes + sizeof(BatchHeader);

uint64_t blocks_of(uint64_t bytes) {
  return (bytes + kBlockBytes - 1) / kBlockBytes;
}

}  // namespace

Journal::Journal(Device& device, RingGeometry ring, const std::array<uint8_t, 16>& pool_id,
                 uint64_t journal_generation, uint64_t dirty_generation,
                 uint64_t checkpoint_generation)
    : device_(device),
      ring_(ring),
      pool_id_(pool_id),
      journal_generation_(journal_generation),
      batch_records_max_(std::min(kBatchRecordsMax, ring.blocks * kBlockBytes / 16)),
      generation_(dirty_generation),
      checkpoint_generation_(checkpoint_generation) {
  device_.expect_stores({ring_.first * kBlockBytes, ring_.blocks * kBlockBytes});
}

uint64_t Journal::used_bytes() const {
  return (head_linear_.load() - tail_mirror_.load()) * kBlockBytes;
}

// A batch never straddles the ring's end, so up to one batch of the ring is lost to the skip.
bool Journal::reserve(uint64_t record_bytes) {
  const uint64_t cost = record_bytes + kRecordOverheadBytes;
  const uint64_t slack = 2 * (batch_records_max_ + kRecordOverheadBytes);
  const uint64_t before = reserved_bytes_.fetch_add(cost);
  if (used_bytes() + before + cost + slack <= ring_bytes()) return true;
  reserved_bytes_.fetch_sub(cost);
  return false;
}

void Journal::unreserve(uint64_t record_bytes) {
  reserved_bytes_.fetch_sub(record_bytes + kRecordOverheadBytes);
}

Result<void> Journal::wait_for_room() {
  // The tail may have moved between reserve() and here: look again soon in any case.
  std::unique_lock lock(io_mutex_);
  if (!failed_) io_changed_.wait_for(lock, std::chrono::milliseconds(10));
  if (failed_) return *failed_;
  return {};
}

// ---- the open batch: all of this requires append_mutex_

uint64_t Journal::append(Bytes record) {
  CHECK(record.size() % 8 == 0);
  CHECK(record.size() <= batch_records_max_);
  const uint64_t grown = open_.bytes.size() + record.size();
  const bool fits = open_.placed() ? grown <= open_.blocks * kBlockBytes
                                   : grown <= sizeof(BatchHeader) + batch_records_max_;
  if (!fits) seal();
  if (open_.bytes.empty()) {
    open_.sequence = next_sequence_;
    open_.bytes.resize(sizeof(BatchHeader));
  }
  open_.bytes.insert(open_.bytes.end(), record.begin(), record.end());
  unsynced_.store(true);
  return generation_;
}

// From here on it has its blocks, and grows inside them only.
void Journal::place(Batch& batch) {
  batch.blocks = blocks_of(batch.bytes.size());
  const uint64_t left = ring_.blocks - next_linear_ % ring_.blocks;
  if (batch.blocks > left) next_linear_ += left;
  batch.linear = next_linear_;
  next_linear_ += batch.blocks;
  head_linear_.store(next_linear_);
  BatchHeader header;
  header.pool_id = pool_id_;
  header.journal_generation = journal_generation_;
  header.sequence = batch.sequence;
  {
    std::lock_guard lock(io_mutex_);
    CHECK(next_linear_ - tail_linear_ <= ring_.blocks);  // reserve() saw to it
    header.checkpoint_generation = checkpoint_generation_;
    header.unsynced = uint32_t(batch.sequence - durable_sequence_);
  }
  std::memcpy(batch.bytes.data(), &header, sizeof header);
}

void Journal::seal() {
  if (open_.bytes.empty()) return;
  if (!open_.placed()) place(open_);
  if (open_.handed < open_.bytes.size()) sealed_.push_back(std::move(open_));
  open_ = Batch{};
  next_sequence_++;
}

// What the kernel has not got yet. The open batch stays open while it is one block: the copy that
// goes now is the beginning of what goes later.
void Journal::take_unhanded() {
  if (!open_.placed() && blocks_of(open_.bytes.size()) > 1) seal();
  handing_.insert(handing_.end(), std::make_move_iterator(sealed_.begin()),
                  std::make_move_iterator(sealed_.end()));
  sealed_.clear();
  if (open_.bytes.size() == open_.handed) return;
  if (!open_.placed()) place(open_);
  handing_.push_back(open_);
  open_.handed = open_.bytes.size();
}

// ---- handing over

// What is new first, then the one word, length and CRC, that makes it part of the batch: a process
// that dies in between leaves the batch as it was. So may a power cut, while it keeps what came
// later: the next batch names the CRC that this one ends with.
Result<void> Journal::store(Batch& batch) {
  if (batch.sequence != stored_sequence_) previous_crc_ = stored_crc_;
  stored_sequence_ = batch.sequence;
  BatchHeader header;
  std::memcpy(&header, batch.bytes.data(), sizeof header);
  header.previous_crc = previous_crc_;
  header.length = uint32_t(batch.bytes.size() - sizeof header);
  header.crc = 0;
  std::memcpy(batch.bytes.data(), &header, sizeof header);
  header.crc = crc32c(batch.bytes);
  stored_crc_ = header.crc;
  std::memcpy(batch.bytes.data(), &header, sizeof header);
  const uint64_t offset = (ring_.first + batch.linear % ring_.blocks) * kBlockBytes;
  if (batch.handed == 0) {
    batch.bytes.resize(batch.blocks * kBlockBytes);
    return device_.store(offset, batch.bytes);
  }
  const Bytes bytes(batch.bytes);
  constexpr size_t kWord = offsetof(BatchHeader, length);
  TRY(device_.store(offset + batch.handed, bytes.subspan(batch.handed)));
  return device_.store(offset + kWord, bytes.subspan(kWord, 8));
}

// The sequence up to which everything is sealed and with the kernel.
Result<uint64_t> Journal::hand_over_all(bool sealing) {
  std::lock_guard turn(handing_mutex_);
  uint64_t sealed_sequence = 0;
  {
    std::lock_guard append(append_mutex_);
    if (sealing) seal();
    take_unhanded();
    sealed_sequence = next_sequence_ - 1;
  }
  Result<void> stored;
  for (Batch& batch : handing_) {
    if (stored) stored = store(batch);
  }
  handing_.clear();
  if (!stored) {
    fail(stored.error());
    return std::move(stored).error();
  }
  return sealed_sequence;
}

Result<void> Journal::hand_over() {
  TRY(hand_over_all(false));
  if (failed()) return failure();
  return {};
}

// ---- durability

Result<void> Journal::sync() {
  uint64_t wanted = 0;
  {
    std::lock_guard lock(append_mutex_);
    // The open batch will be sealed by the leader under this very number.
    wanted = open_.bytes.empty() ? next_sequence_ - 1 : next_sequence_;
  }
  return wait_durable(wanted);
}

// One leader at a time takes along all that was appended before its sync begins; the others wait
// for it or become the next.
Result<void> Journal::wait_durable(uint64_t wanted_sequence) {
  std::unique_lock lock(io_mutex_);
  for (;;) {
    if (failed_) return *failed_;
    if (durable_sequence_ >= wanted_sequence) return {};
    if (syncing_) {
      io_changed_.wait(lock);
      continue;
    }
    syncing_ = true;
    lock.unlock();
    unsynced_.store(false);
    const uint64_t since_ns = monotonic_ns();
    const Result<uint64_t> handed = hand_over_all(true);
    Result<void> outcome;
    if (handed) outcome = device_.sync();
    commit_times_.add(monotonic_ns() - since_ns);
    lock.lock();
    syncing_ = false;
    if (!outcome && !failed_) {
      failed_ = outcome.error();
      failed_flag_ = true;
    }
    if (handed && outcome) durable_sequence_ = std::max(durable_sequence_, *handed);
    io_changed_.notify_all();
  }
}

Journal::Mark Journal::mark() {
  seal();
  Mark mark;
  mark.generation = generation_++;
  mark.replay_from = {next_linear_ % ring_.blocks, next_sequence_, next_linear_};
  return mark;
}

// The open batch is sealed, because its header names the checkpoint before: what comes from now on
// may stand in blocks that only this one freed, and must never be replayed on top of the older.
void Journal::checkpointed(const JournalPlace& replay_from, uint64_t checkpoint_generation) {
  {
    std::lock_guard append(append_mutex_);
    seal();
    std::lock_guard lock(io_mutex_);
    CHECK(replay_from.linear >= tail_linear_);
    FAILPOINT(kJournalTail);
    tail_linear_ = replay_from.linear;
    tail_mirror_.store(tail_linear_);
    durable_sequence_ = std::max(durable_sequence_, replay_from.sequence - 1);
    checkpoint_generation_ = checkpoint_generation;
  }
  io_changed_.notify_all();
}

void Journal::fail(Error error) {
  std::lock_guard lock(io_mutex_);
  if (!failed_) failed_ = std::move(error);
  failed_flag_ = true;
  io_changed_.notify_all();
}

Error Journal::failure() const {
  std::lock_guard lock(io_mutex_);
  CHECK(failed_.has_value());
  return *failed_;
}

}  // namespace ashlar
