// Hydration: the receiver into a pool, one lane of one origin. It asks the target what is wanted,
// walks the tree from the root down to learn each chunk's id (every node is verified against its
// parent), asks for chunks by index, verifies and installs them. Whole zero subtrees cost nothing.
// In the demand lane a message is installed when give returns. In the background lane it is
// verified by then, with the time that nobody else wants, and installed while the next one comes.
//
// Thread: pump_ asks the target, installer_ (background lane) installs; give and take as of any
// channel. mutex_ guards all state; it is not held while the target or a hash runs.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <thread>

#include "seal/tree_place.h"
#include "stream/channel.h"
#include "stream/tree_frames.h"
#include "volume/hydrator.h"

namespace ashlar {

class Hydration final : public Channel {
 public:
  // `rest`: of the demand lane, which ends (poll) when nothing has been wanted for so long.
  // Default: it never does.
  Hydration(std::shared_ptr<Hydrator> target, const ManifestFields& manifest,
            const DomainKeys& keys, Lane lane,
            std::optional<std::chrono::milliseconds> rest = std::nullopt);
  ~Hydration() override;

  Result<void> give(Bytes message) override;
  Result<Polled> poll(const Ready& ready) override;
  Progress progress() override;
  void close() override;
  // Asks for nothing more; it ends when what was asked for has come. Readers who want something
  // from here on wait for the next receiver.
  void yield();

 private:
  struct Zeros {
    uint64_t first = 0;
    uint64_t count = 0;
  };

  struct Arrived {  // and verified
    std::vector<uint64_t> chunks;
    std::unique_ptr<uint8_t[]> plain;  // 64 KiB of each
  };

  // Requires mutex_.
  bool may_take() const;
  void pump();
  // Requires mutex_. Moves a wanted chunk on: to a question, or to zeros that are known.
  std::optional<Zeros> advance(uint64_t chunk);
  Result<void> take_message(Bytes message);
  Result<void> take_refusal(const WireFrame& frame);
  Result<void> take_node(const WireFrame& frame);
  Result<void> take_chunks(const std::vector<WireFrame>& frames);
  Result<Arrived> verify(const std::vector<WireFrame>& frames, const std::vector<Hash>& expected);
  Result<void> install(const Arrived& arrived);
  void install_in_turn();
  void start_threads(Lane lane);
  void fail(const Error& reason);
  Result<void> install_zeros(const std::vector<Zeros>& zeros);

  const std::shared_ptr<Hydrator> target_;
  const ManifestFields manifest_;
  const DomainKeys keys_;
  const Turn turn_;
  const uint8_t height_;

  std::mutex mutex_;
  Changes changed_;
  std::map<TreePlace, NodeBytes> nodes_;
  Asked asked_;
  std::map<TreePlace, std::vector<uint64_t>> parked_;  // chunks that wait for a node
  std::vector<uint64_t> ask_nodes_;
  std::vector<uint64_t> ask_chunks_;
  std::deque<Arrived> arrived_;  // for the installer
  size_t under_way_ = 0;         // chunks taken from the target and not yet installed
  bool ended_ = false;           // the target wants nothing more
  bool yielded_ = false;         // but what was asked for
  bool closed_ = false;
  std::optional<Error> failed_;
  std::thread pump_;  // none where the system gave none: then it has failed
  std::thread installer_;
};

}  // namespace ashlar
