// Carries messages between the two ends of a pull, as the daemons do, on one thread and in an order
// drawn from a seed, so that a run replays. A meddler may stand between the ends. When neither end
// has anything to say for `patience`, the connection is given up, as a transport would; both ends
// are closed and have to let go at once.
//
// Only the receiver's take() may wait, so it alone has a thread. When a source has something to say
// is known from what it was asked.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <thread>

#include "stream/channel.h"
#include "support/prng.h"

namespace ashlar::test {

using Message = std::vector<uint8_t>;
enum class Way : uint8_t { kToReceiver, kToSource };

// What the peer gets instead of a message.
using Meddler = std::function<std::vector<Message>(Way, Message)>;

struct PumpOptions {
  bool lists = false;  // the source begins with a list: a cut
  uint64_t seed = 0;
  uint64_t messages_max = UINT64_MAX;  // then the connection breaks
  std::chrono::milliseconds patience{20'000};
  Meddler meddler;
};

struct PumpEnd {
  bool complete = false;  // the receiver has nothing more to ask for
  std::optional<Error> source_failed;
  std::optional<Error> receiver_failed;
  uint64_t messages = 0;
  bool gave_up() const { return !complete && !source_failed && !receiver_failed; }
};

class Pump {
 public:
  Pump(Channel& source, Channel& receiver, PumpOptions options)
      : source_(source), receiver_(receiver), options_(std::move(options)), prng_(options_.seed) {}

  PumpEnd run() {
    std::thread taker([this] { take_from_receiver(); });
    while (!over() && step()) {
    }
    source_.close();
    receiver_.close();
    {
      std::unique_lock lock(mutex_);
      stop_ = true;
      changed_.notify_all();
      const auto let_go = [&] { return !taking_; };
      CHECK(changed_.wait_for(lock, std::chrono::seconds(30), let_go));  // close() ends a take()
    }
    taker.join();
    return end_;
  }

 private:
  using Taken = Result<std::optional<Message>>;

  bool over() const {
    return end_.complete || end_.source_failed || end_.receiver_failed ||
           end_.messages >= options_.messages_max;
  }
  bool source_speaks() const { return (options_.lists && !list_ended_) || owed_ > 0; }
  // It has heard of chunks that it has not asked for yet.
  bool receiver_may_speak() const { return listed_ > wanted_; }

  // False when nobody speaks.
  bool step() {
    if (!source_speaks()) return hear_receiver(options_.patience);
    if (receiver_may_speak() && prng_.chance(50)) {
      if (hear_receiver(std::chrono::milliseconds(2))) return true;
      wanted_ = listed_;  // it has all of that already, or has asked for as much as it may
    }
    hear_source();
    return true;
  }

  void hear_source() {
    auto taken = source_.take();
    if (!taken) {
      end_.source_failed = taken.error();
      return;
    }
    CHECK(taken->has_value());  // a source serves until it is closed
    note_said(**taken);
    for (const Message& message : meddled(Way::kToReceiver, *std::move(*taken))) {
      if (over()) return;
      end_.messages++;
      if (auto given = receiver_.give(message); !given) {
        end_.receiver_failed = given.error();
        return;
      }
      note_heard(message);
    }
  }

  bool hear_receiver(std::chrono::milliseconds patience) {
    std::optional<Taken> taken;
    {
      std::unique_lock lock(mutex_);
      asked_ = !taking_ && !taken_;
      changed_.notify_all();
      if (!changed_.wait_for(lock, patience, [&] { return taken_.has_value(); })) {
        return false;
      }
      taken.swap(taken_);
    }
    if (!*taken) {
      end_.receiver_failed = taken->error();
      return true;
    }
    if (!**taken) {
      end_.complete = true;
      return true;
    }
    wanted_ += numbers_in(***taken);
    for (const Message& message : meddled(Way::kToSource, **std::move(*taken))) {
      if (over()) return true;
      end_.messages++;
      if (auto given = source_.give(message); !given) {
        end_.source_failed = given.error();
        return true;
      }
      owed_ += numbers_in(message);
    }
    return true;
  }

  // One take at a time, begun when the pump first waits for it and kept until it comes.
  void take_from_receiver() {
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        changed_.wait(lock, [&] { return stop_ || (asked_ && !taken_); });
        if (stop_) return;
        asked_ = false;
        taking_ = true;
      }
      Taken taken = receiver_.take();
      std::lock_guard lock(mutex_);
      taken_ = std::move(taken);
      taking_ = false;
      changed_.notify_all();
    }
  }

  std::vector<Message> meddled(Way way, Message message) {
    if (options_.meddler) return options_.meddler(way, std::move(message));
    std::vector<Message> one;
    one.push_back(std::move(message));
    return one;
  }

  static uint64_t numbers_in(const Message& message) {
    uint64_t numbers = 0;
    const auto frames = parse_frames(message);
    if (!frames) return 0;
    for (const WireFrame& frame : *frames) {
      const bool want = frame.header.kind == Wire::kWant || frame.header.kind == Wire::kWantNode;
      if (want) numbers += wire_numbers(frame).size();
    }
    return numbers;
  }
  void note_said(const Message& message) {
    const auto frames = parse_frames(message);
    CHECK(frames.ok());  // a source says nothing that is not well formed
    for (const WireFrame& frame : *frames) {
      if (frame.header.kind == Wire::kListEnd) list_ended_ = true;
      if (frame.header.kind == Wire::kList || frame.header.kind == Wire::kListEnd) continue;
      CHECK(owed_ > 0);  // nor anything it was not asked for
      owed_--;
    }
  }
  void note_heard(const Message& message) {
    const auto frames = parse_frames(message);
    if (!frames) return;
    for (const WireFrame& frame : *frames) {
      if (frame.header.kind == Wire::kList) listed_ += wire_entries(frame).size();
    }
  }

  Channel& source_;
  Channel& receiver_;
  const PumpOptions options_;
  Prng prng_;
  PumpEnd end_;
  bool list_ended_ = false;
  uint64_t owed_ = 0;    // answers the source has not given yet
  uint64_t listed_ = 0;  // entries the receiver has heard
  uint64_t wanted_ = 0;  // numbers the receiver has asked for

  std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool asked_ = false;
  bool taking_ = false;
  bool stop_ = false;
  std::optional<Taken> taken_;
};

inline PumpEnd pump(Channel& source, Channel& receiver, PumpOptions options = {}) {
  return Pump(source, receiver, std::move(options)).run();
}

}  // namespace ashlar::test
