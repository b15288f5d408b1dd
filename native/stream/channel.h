// A channel is one end of a pull: frames in, frames out. JavaScript carries them between it and the
// gRPC stream and looks at none. At most one give and one take run at a time; close may come at any
// moment and ends both. Thread: any (jobs of the addon).
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <vector>

#include "format/replication_frame.h"

namespace ashlar {

struct Progress {
  uint64_t done_bytes = 0;
  uint64_t total_bytes = 0;  // 0 until known
};

class Channel {
 public:
  virtual ~Channel() = default;
  // What the peer sent. An error means that the pull has failed; nothing wrong was kept.
  virtual Result<void> give(Bytes message) = 0;
  // The next message for the peer; waits. Nothing = this side has nothing more, ever.
  virtual Result<std::optional<std::vector<uint8_t>>> take() = 0;
  virtual Progress progress() = 0;
  virtual void close() = 0;
};

}  // namespace ashlar
