// What a server had to turn away, counted for the operator: whoever was turned away knows it, and
// nobody else would. Thread: any.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace ashlar::nbd {

enum class TurnedAway : uint8_t {
  kAccept,   // no descriptor or memory for a newcomer, who waits in the backlog
  kSilent,   // a connection that said nothing in its handshake made room for another
  kFull,     // all sessions are in use
  kNoThread  // nor could one more be served
};
constexpr size_t kTurnedAwayKinds = 4;

constexpr const char* sentence_of(TurnedAway kind) {
  constexpr const char* kSentences[kTurnedAwayKinds] = {
      "NBD connections wait: the system gives no more descriptors; raise their limit (ulimit -n, "
      "LimitNOFILE)",
      "NBD connections that did not speak were closed, because all places for newcomers were taken",
      "NBD connections were refused: all sessions are in use; close some or attach on another node",
      "NBD connections were closed: the system gives no more threads; raise their limit (ulimit "
      "-u, TasksMax)",
  };
  return kSentences[size_t(kind)];
}

class Refusals {
 public:
  void add(TurnedAway kind) { counts_[size_t(kind)]++; }
  uint64_t count(TurnedAway kind) const { return counts_[size_t(kind)]; }

 private:
  std::array<std::atomic<uint64_t>, kTurnedAwayKinds> counts_{};
};

}  // namespace ashlar::nbd
