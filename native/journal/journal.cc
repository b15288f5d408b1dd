#include "journal/journal.h"

#include <chrono>
#include <cstring>

#include "base/check.h"
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
      generation_(dirty_generation),
      checkpoint_generation_(checkpoint_generation) {
  open_.reserve(kBatchRecordsMax + kBlockBytes);
}

uint64_t Journal::used_bytes() const {
  return (head_linear_.load() - tail_mirror_.load()) * kBlockBytes;
}

// A batch never straddles the ring's end, so up to one batch of the ring is lost to the skip.
bool Journal::reserve(uint64_t record_bytes) {
  const uint64_t cost = record_bytes + kRecordOverheadBytes;
  const uint64_t slack = 2 * (kBatchRecordsMax + kRecordOverheadBytes);
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

uint64_t Journal::append(Bytes record) {
  CHECK(record.size() % 8 == 0);
  CHECK(record.size() <= kBatchRecordsMax);
  if (open_.size() + record.size() > sizeof(BatchHeader) + kBatchRecordsMax) seal();
  if (open_.empty()) open_.resize(sizeof(BatchHeader));
  open_.insert(open_.end(), record.begin(), record.end());
  open_has_records_.store(true);
  return generation_;
}

// Requires append_mutex_. Gives the open batch its place and hands it to the writers.
void Journal::seal() {
  if (open_.empty()) return;
  BatchHeader header;
  header.pool_id = pool_id_;
  header.journal_generation = journal_generation_;
  header.sequence = next_sequence_;
  header.length = uint32_t(open_.size() - sizeof(BatchHeader));
  const uint64_t blocks = blocks_of(open_.size());
  open_.resize(blocks * kBlockBytes);
  const uint64_t left = ring_.blocks - next_linear_ % ring_.blocks;
  if (blocks > left) next_linear_ += left;
  Sealed sealed{next_sequence_, next_linear_, std::move(open_)};
  open_.clear();
  open_.reserve(kBatchRecordsMax + kBlockBytes);
  next_linear_ += blocks;
  next_sequence_++;
  head_linear_.store(next_linear_);
  open_has_records_.store(false);
  std::lock_guard lock(io_mutex_);
  CHECK(next_linear_ - tail_linear_ <= ring_.blocks);  // reserve() saw to it
  header.checkpoint_generation = checkpoint_generation_;
  header.durable_sequence = durable_sequence_;
  std::memcpy(sealed.bytes.data(), &header, sizeof header);
  header.crc = crc32c(Bytes(sealed.bytes).first(sizeof header + header.length));
  std::memcpy(sealed.bytes.data(), &header, sizeof header);
  queue_.push_back(std::move(sealed));
}

Result<void> Journal::write_batches(std::deque<Sealed>& batches) {
  for (Sealed& batch : batches) {
    const uint64_t block = ring_.first + batch.linear % ring_.blocks;
    TRY(write_bytes(device_, block * kBlockBytes, batch.bytes));
  }
  return {};
}

// One leader at a time takes what is queued; the others wait for it or become the next.
Result<void> Journal::run(uint64_t wanted_sequence, bool durable) {
  std::unique_lock lock(io_mutex_);
  for (;;) {
    if (failed_) return *failed_;
    if ((durable ? durable_sequence_ : written_sequence_) >= wanted_sequence) return {};
    if (writing_) {
      io_changed_.wait(lock);
      continue;
    }
    writing_ = true;
    lock.unlock();
    if (durable) {  // take along what came since: the sync has not begun
      std::lock_guard append(append_mutex_);
      seal();
    }
    lock.lock();
    std::deque<Sealed> batches;
    batches.swap(queue_);
    const uint64_t last = batches.empty() ? written_sequence_ : batches.back().sequence;
    lock.unlock();
    Result<void> outcome = write_batches(batches);
    if (outcome && durable) outcome = device_.sync();
    lock.lock();
    writing_ = false;
    if (!outcome) {
      failed_ = outcome.error();
      failed_flag_ = true;
    } else {
      written_sequence_ = last;
      if (durable) durable_sequence_ = last;
    }
    io_changed_.notify_all();
  }
}

Result<void> Journal::sync() {
  uint64_t wanted = 0;
  {
    std::lock_guard lock(append_mutex_);
    // The open batch will be sealed by the leader under this very number.
    wanted = open_.empty() ? next_sequence_ - 1 : next_sequence_;
  }
  return run(wanted, true);
}

Result<void> Journal::write_out() {
  uint64_t wanted = 0;
  {
    std::lock_guard lock(append_mutex_);
    seal();
    wanted = next_sequence_ - 1;
  }
  return run(wanted, false);
}

bool Journal::has_unsynced() const {
  if (open_has_records_.load()) return true;
  std::lock_guard lock(io_mutex_);
  return !queue_.empty() || durable_sequence_ < written_sequence_;
}

Journal::Mark Journal::mark() {
  seal();
  Mark mark;
  mark.generation = generation_++;
  mark.replay_from = {next_linear_ % ring_.blocks, next_sequence_, next_linear_};
  return mark;
}

void Journal::checkpointed(const JournalPlace& replay_from, uint64_t checkpoint_generation) {
  std::lock_guard lock(io_mutex_);
  CHECK(replay_from.linear >= tail_linear_);
  tail_linear_ = replay_from.linear;
  tail_mirror_.store(tail_linear_);
  checkpoint_generation_ = checkpoint_generation;
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
