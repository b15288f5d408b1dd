// What was done to one volume since the last moment that is certain, and whether what is found
// there later is a prefix of it. One thread uses it.
#pragma once

#include <gtest/gtest.h>

#include <optional>
#include <vector>

#include "support/byte_model.h"

namespace ashlar::test {

class VolumeHistory {
 public:
  VolumeHistory() = default;
  explicit VolumeHistory(ByteModel start) : start_(start), now_(std::move(start)) {}

  const ByteModel& now() const { return now_; }
  uint64_t bytes() const { return now_.bytes; }

  // ---- events; done, if at all, when acknowledge() says so ----
  void write(uint64_t offset, Bytes data) {
    note(offset, data.size(), [&] { now_.write(offset, data); });
  }
  void zero(uint64_t offset, uint64_t count) {
    note(offset, count, [&] { now_.zero(offset, count); });
  }
  // All events so far were answered.
  void acknowledge() { acknowledged_ = events_.size(); }
  // All acknowledged events are durable.
  void flushed() { flushed_ = acknowledged_; }

  // The last event failed: block by block it was done or not, and this is what is there.
  void settle(uint64_t offset, Bytes found) {
    note(offset, found.size(), [&] { now_.write(offset, found); });
  }

  // `found`: the whole volume. On success it is where the next history begins.
  testing::AssertionResult accept(const std::vector<uint8_t>& found, bool killed) {
    const size_t wanted = killed ? acknowledged_ : flushed_;
    ByteModel state = start_;
    size_t different = 0;
    for (uint64_t block = 0; block < blocks(); block++)
      different += !same(state, found, block);
    size_t nearest = SIZE_MAX;
    for (size_t done = 0;; done++) {
      const size_t excused = done < events_.size() ? excused_by(events_[done], state, found) : 0;
      if (done >= wanted) {
        nearest = std::min(nearest, different - excused);
        if (different == excused) return begin_again(found);
      }
      if (done == events_.size()) break;
      different = apply(events_[done], &state, found, different);
    }
    return testing::AssertionFailure()
           << "equals no prefix with the first " << wanted << " of " << events_.size()
           << " events (" << acknowledged_ << " acknowledged, " << flushed_
           << " flushed); the nearest differs in " << nearest << " of " << blocks() << " blocks";
  }

 private:
  struct Event {
    uint64_t first = 0;
    std::vector<ByteModel::Block> after;  // of the blocks it touches
  };

  uint64_t blocks() const { return now_.bytes / kBlockBytes; }

  template <typename Fn>
  void note(uint64_t offset, uint64_t count, Fn change) {
    change();
    Event event;
    event.first = offset / kBlockBytes;
    const uint64_t end = (offset + count + kBlockBytes - 1) / kBlockBytes;
    for (uint64_t block = event.first; block < end; block++)
      event.after.push_back(now_.content(block));
    events_.push_back(std::move(event));
  }

  static bool same(const ByteModel::Block& block, const std::vector<uint8_t>& found, uint64_t at) {
    return std::memcmp(block.data(), found.data() + at * kBlockBytes, kBlockBytes) == 0;
  }
  static bool same(const ByteModel& state, const std::vector<uint8_t>& found, uint64_t at) {
    return same(state.content(at), found, at);
  }

  // Blocks that are wrong without the event and right with it.
  static size_t excused_by(const Event& event, const ByteModel& state,
                           const std::vector<uint8_t>& found) {
    size_t excused = 0;
    for (size_t i = 0; i < event.after.size(); i++) {
      const uint64_t block = event.first + i;
      excused += !same(state, found, block) && same(event.after[i], found, block);
    }
    return excused;
  }
  static size_t apply(const Event& event, ByteModel* state, const std::vector<uint8_t>& found,
                      size_t different) {
    for (size_t i = 0; i < event.after.size(); i++) {
      const uint64_t block = event.first + i;
      different -= !same(*state, found, block);
      state->write(block * kBlockBytes, event.after[i]);
      different += !same(event.after[i], found, block);
    }
    return different;
  }

  testing::AssertionResult begin_again(const std::vector<uint8_t>& found) {
    ByteModel start;
    start.bytes = now_.bytes;
    start.write(0, found);
    *this = VolumeHistory(std::move(start));
    return testing::AssertionSuccess();
  }

  ByteModel start_;
  ByteModel now_;
  std::vector<Event> events_;
  size_t acknowledged_ = 0;
  size_t flushed_ = 0;
};

}  // namespace ashlar::test
