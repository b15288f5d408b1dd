// A channel is one end of a pull: frames in, frames out. JavaScript carries them between it and the
// gRPC stream and looks at none. At most one give and one taker at a time; close may come at any
// moment and ends both. Nothing here waits for the peer: a taker who finds nothing leaves word how
// he is called. Thread: any (jobs of the addon).
#pragma once

#include <optional>
#include <vector>

#include "base/changes.h"
#include "format/replication_frame.h"

namespace ashlar {

struct Progress {
  uint64_t done_bytes = 0;
  uint64_t total_bytes = 0;  // 0 until known
};

// What a taker finds.
struct Polled {
  enum class Kind : uint8_t {
    kMessage,
    kNotYet,
    kEnd,  // this side has nothing more, ever
  };
  Kind kind = Kind::kNotYet;
  std::vector<uint8_t> message;

  static Polled of(std::vector<uint8_t> message) { return {Kind::kMessage, std::move(message)}; }
  static Polled not_yet() { return {Kind::kNotYet, {}}; }
  static Polled end() { return {Kind::kEnd, {}}; }
};

class Channel {
 public:
  virtual ~Channel() = default;
  // What the peer sent. An error means that the pull has failed; nothing wrong was kept.
  virtual Result<void> give(Bytes message) = 0;
  // The next message for the peer. Not yet: `ready` is called when it is worth asking again.
  virtual Result<Polled> poll(const Ready& ready) = 0;
  virtual Progress progress() = 0;
  virtual void close() = 0;

  // For who has a thread to wait with: the next message; nothing = never one again.
  Result<std::optional<std::vector<uint8_t>>> take();
};

}  // namespace ashlar
