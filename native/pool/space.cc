#include "pool/space.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/check.h"
#include "base/failpoint.h"

namespace ashlar {
namespace {

// Applies `word(index, mask)` to every 64-bit word that holds bits of [first, first + count).
template <typename Fn>
void for_words(uint64_t first, uint64_t count, Fn word) {
  while (count > 0) {
    const uint64_t bit = first % 64;
    const uint64_t here = std::min<uint64_t>(count, 64 - bit);
    const uint64_t mask = (here == 64 ? ~0ull : (1ull << here) - 1) << bit;
    word(first / 64, mask);
    first += here;
    count -= here;
  }
}

}  // namespace

Space::Space(uint64_t capacity_blocks, uint64_t reserve_blocks)
    : capacity_blocks_(capacity_blocks), reserve_blocks_(reserve_blocks) {
  add_groups();
}

void Space::add_groups() {
  groups_.reserve(groups());
  while (groups_.size() < groups())
    groups_.push_back(std::make_unique<Group>());
}

void Space::set_capacity(uint64_t capacity_blocks) {
  std::lock_guard lock(mutex_);
  CHECK(capacity_blocks >= capacity_blocks_);
  capacity_blocks_ = capacity_blocks;
  add_groups();
}

void Space::set_size(uint64_t size_blocks) {
  std::lock_guard lock(mutex_);
  CHECK(size_blocks >= size_blocks_);
  CHECK(size_blocks <= capacity_blocks_);
  free_blocks_ += size_blocks - size_blocks_;
  arrivals_++;
  long_runs_ = true;
  size_blocks_ = size_blocks;
  reserve_blocks_ = std::max(reserve_blocks_, reserve_for(size_blocks));
}

void Space::claim_fixed(PoolRun run) {
  std::lock_guard lock(mutex_);
  set_taken(run, true);
  set_disk(run, true);
}

void Space::load_group(uint64_t group, const std::array<uint8_t, kBlockBytes>& bitmap) {
  std::lock_guard lock(mutex_);
  Group& target = *groups_[group];
  std::array<uint64_t, kWords> words{};
  std::memcpy(words.data(), bitmap.data(), kBlockBytes);
  for (uint64_t i = 0; i < kWords; i++) {
    free_blocks_ -= uint64_t(std::popcount(words[i] & ~target.taken[i]));
    target.taken[i] |= words[i];
    target.disk[i] |= words[i];
  }
}

void Space::hold(PoolRun run) {
  std::lock_guard lock(mutex_);
  for_words(run.first, run.count, [&](uint64_t index, uint64_t mask) {
    Group& group = *groups_[index / kWords];
    uint64_t& word = group.taken[index % kWords];
    free_blocks_ -= uint64_t(std::popcount(mask & ~word));
    word |= mask;
  });
}

void Space::set_taken(PoolRun run, bool taken) {
  CHECK(run.end() <= size_blocks_);
  for_words(run.first, run.count, [&](uint64_t index, uint64_t mask) {
    uint64_t& word = groups_[index / kWords]->taken[index % kWords];
    CHECK((word & mask) == (taken ? 0 : mask));  // neither handed out twice nor freed twice
    word ^= mask;
  });
  free_blocks_ += taken ? -run.count : run.count;
}

void Space::set_disk(PoolRun run, bool used) {
  for_words(run.first, run.count, [&](uint64_t index, uint64_t mask) {
    uint64_t& word = groups_[index / kWords]->disk[index % kWords];
    CHECK((word & mask) == (used ? 0 : mask));
    word ^= mask;
  });
}

// First free run of at least `shortest` blocks that begins in [from, to).
std::optional<PoolRun> Space::find_free(PoolBlock from, PoolBlock to, uint64_t shortest) const {
  PoolBlock at = from;
  PoolRun run{from, 0};
  while (at < size_blocks_ && (at < to || run.count > 0)) {
    const uint64_t bit = at % 64;
    const uint64_t word = groups_[at / kBitmapBlocks]->taken[at / 64 % kWords] >> bit;
    const uint64_t span = std::min<uint64_t>(64 - bit, size_blocks_ - at);
    const uint64_t clear =
        std::min<uint64_t>(word == 0 ? 64 : uint64_t(std::countr_zero(word)), span);
    if (run.count == 0) run.first = at;
    run.count += clear;
    at += clear;
    if (run.count >= kOpenRunBlocks) break;
    if (clear < span) {  // a taken block ends the run
      if (run.count >= shortest) break;
      run.count = 0;
      const uint64_t rest = word >> clear;
      at += std::min<uint64_t>(uint64_t(std::countr_one(rest)), span - clear);
    }
  }
  if (run.count < shortest || run.count == 0) return std::nullopt;
  run.count = std::min(run.count, kOpenRunBlocks);
  return run;
}

// Cuts the next free run out for `open`; false when a whole turn of the sweep found none.
bool Space::refill(PoolRun& open, uint64_t shortest) {
  if (shortest > 1 && !long_runs_) return false;
  auto found = find_free(sweep_, size_blocks_, shortest);
  if (!found) found = find_free(0, sweep_, shortest);
  if (!found) {
    long_runs_ = long_runs_ && shortest == 1;
    return false;
  }
  set_taken(*found, true);
  free_blocks_ += found->count;  // cut out, but still allocatable
  sweep_ = found->end() >= size_blocks_ ? 0 : found->end();
  open = *found;
  return true;
}

uint64_t Space::allocatable() const {
  return free_blocks_ > promised_pages_ ? free_blocks_ - promised_pages_ : 0;
}

uint64_t Space::floor_of(Purpose purpose) const {
  switch (purpose) {
    case Purpose::kData:
      return reserve_blocks_;
    case Purpose::kMetadata:
      return reserve_blocks_ / 2;
    case Purpose::kCheckpoint:
      return 0;
  }
  __builtin_unreachable();
}

bool Space::above_floor(uint64_t count, Purpose purpose) const {
  return allocatable() >= count + floor_of(purpose);
}

std::optional<std::vector<PoolRun>> Space::allocate(uint64_t count, Purpose purpose,
                                                    bool short_runs) {
  CHECK(count > 0);
  std::lock_guard lock(mutex_);
  if (!above_floor(count, purpose)) return std::nullopt;
  std::vector<PoolRun> runs;
  uint64_t left = count;
  while (left > 0) {
    if (open_data_.count == 0 && !refill(open_data_, kLongRunBlocks) &&
        !(short_runs && refill(open_data_, 1))) {
      if (short_runs && open_pages_.count > 0) {
        std::swap(open_data_, open_pages_);
        continue;
      }
      for (const PoolRun& run : runs)
        set_taken(run, false);
      return std::nullopt;
    }
    const uint64_t here = std::min(left, open_data_.count);
    if (!runs.empty() && runs.back().end() == open_data_.first) {
      runs.back().count += here;
    } else {
      runs.push_back({open_data_.first, here});
    }
    open_data_.first += here;
    open_data_.count -= here;
    free_blocks_ -= here;
    left -= here;
  }
  return runs;
}

bool Space::promise(uint64_t pages, Purpose purpose) {
  std::lock_guard lock(mutex_);
  if (!above_floor(pages, purpose)) return false;
  promised_pages_ += pages;
  return true;
}

void Space::unpromise(uint64_t pages) {
  std::lock_guard lock(mutex_);
  CHECK(promised_pages_ >= pages);
  promised_pages_ -= pages;
}

PoolBlock Space::allocate_page() {
  std::lock_guard lock(mutex_);
  if (open_pages_.count == 0 && !refill(open_pages_, kLongRunBlocks) && !refill(open_pages_, 1)) {
    CHECK(open_data_.count > 0);  // the promise, or the reserve, keeps a block for every page
    std::swap(open_pages_, open_data_);
  }
  const PoolBlock block = open_pages_.first++;
  open_pages_.count--;
  free_blocks_--;
  return block;
}

void Space::give_back(PoolRun run) {
  FAILPOINT(kSpaceGiveBack);
  std::lock_guard lock(mutex_);
  set_taken(run, false);
}

void Space::note_mapped(PoolRun run, uint64_t generation) {
  std::lock_guard lock(mutex_);
  auto& mapped = deltas_[generation].mapped;
  if (!mapped.empty() && mapped.back().end() == run.first) {
    mapped.back().count += run.count;
  } else {
    mapped.push_back(run);
  }
}

void Space::note_freed(PoolRun run, uint64_t generation) {
  std::lock_guard lock(mutex_);
  auto& freed = deltas_[generation].freed;
  if (!freed.empty() && freed.back().end() == run.first) {
    freed.back().count += run.count;
  } else {
    freed.push_back(run);
  }
  waiting_blocks_ += run.count;
}

void Space::note_unused(PoolRun run, uint64_t generation) {
  note_mapped(run, generation);
  note_freed(run, generation);
}

std::vector<uint64_t> Space::fold(uint64_t generation) {
  std::lock_guard lock(mutex_);
  std::vector<uint64_t> changed;
  const auto note = [&](const PoolRun& run) {
    for (uint64_t group = run.first / kBitmapBlocks; group * kBitmapBlocks < run.end(); group++) {
      changed.push_back(group);
    }
  };
  Delta& delta = deltas_[generation];
  for (const PoolRun& run : delta.mapped) {
    set_disk(run, true);
    note(run);
  }
  for (const PoolRun& run : delta.freed) {
    set_disk(run, false);
    note(run);
  }
  delta.mapped.clear();
  std::sort(changed.begin(), changed.end());
  changed.erase(std::unique(changed.begin(), changed.end()), changed.end());
  return changed;
}

PoolBlock Space::allocate_for_checkpoint(uint64_t generation,
                                         std::vector<uint64_t>* groups_changed) {
  (void)generation;
  const PoolBlock block = allocate_page();
  std::lock_guard lock(mutex_);
  set_disk({block, 1}, true);
  groups_changed->push_back(block / kBitmapBlocks);
  return block;
}

void Space::free_for_checkpoint(PoolBlock block, uint64_t generation,
                                std::vector<uint64_t>* groups_changed) {
  std::lock_guard lock(mutex_);
  set_disk({block, 1}, false);
  deltas_[generation].freed.push_back({block, 1});
  waiting_blocks_++;
  groups_changed->push_back(block / kBitmapBlocks);
}

std::array<uint8_t, kBlockBytes> Space::disk_image(uint64_t group) const {
  std::lock_guard lock(mutex_);
  std::array<uint8_t, kBlockBytes> image;
  std::memcpy(image.data(), groups_[group]->disk.data(), kBlockBytes);
  return image;
}

uint32_t Space::disk_free(uint64_t group) const {
  std::lock_guard lock(mutex_);
  uint64_t used = 0;
  for (const uint64_t word : groups_[group]->disk)
    used += uint64_t(std::popcount(word));
  return uint32_t(kBitmapBlocks - used);
}

void Space::release(uint64_t generation) {
  std::lock_guard lock(mutex_);
  const auto delta = deltas_.find(generation);
  if (delta == deltas_.end()) return;
  CHECK(delta->second.mapped.empty());  // folded before
  for (const PoolRun& run : delta->second.freed) {
    set_taken(run, false);
    waiting_blocks_ -= run.count;
  }
  arrivals_ += !delta->second.freed.empty();
  deltas_.erase(delta);
  long_runs_ = true;
}

uint64_t Space::arrivals() const {
  std::lock_guard lock(mutex_);
  return arrivals_;
}

bool Space::has_room(const Wanted& wanted) const {
  std::lock_guard lock(mutex_);
  return above_floor(wanted.blocks, wanted.purpose);
}

bool Space::waiting_would_do(const Wanted& wanted) const {
  std::lock_guard lock(mutex_);
  return free_blocks_ + waiting_blocks_ >=
         promised_pages_ + wanted.blocks + floor_of(wanted.purpose);
}

uint64_t Space::size_blocks() const {
  std::lock_guard lock(mutex_);
  return size_blocks_;
}

uint64_t Space::used_blocks() const {
  std::lock_guard lock(mutex_);
  return size_blocks_ - free_blocks_;
}

uint64_t Space::waiting_blocks() const {
  std::lock_guard lock(mutex_);
  return waiting_blocks_;
}

uint64_t Space::free_blocks() const {
  std::lock_guard lock(mutex_);
  return free_blocks_;
}

uint64_t Space::free_for_data(uint64_t more_blocks) const {
  std::lock_guard lock(mutex_);
  const uint64_t free = free_blocks_ + more_blocks;
  const uint64_t reserve = std::max(reserve_blocks_, reserve_for(size_blocks_ + more_blocks));
  const uint64_t kept = reserve + promised_pages_;
  return free > kept ? free - kept : 0;
}

std::vector<uint64_t> Space::live_image(uint64_t group) const {
  std::lock_guard lock(mutex_);
  std::vector<uint64_t> image(groups_[group]->disk.begin(), groups_[group]->disk.end());
  const auto apply = [&](const PoolRun& run, bool used) {
    for_words(run.first, run.count, [&](uint64_t index, uint64_t mask) {
      if (index / kWords != group) return;
      uint64_t& word = image[index % kWords];
      if (used) {
        word |= mask;
      } else {
        word &= ~mask;
      }
    });
  };
  for (const auto& [generation, delta] : deltas_) {
    for (const PoolRun& run : delta.mapped)
      apply(run, true);
    for (const PoolRun& run : delta.freed)
      apply(run, false);
  }
  return image;
}

}  // namespace ashlar
