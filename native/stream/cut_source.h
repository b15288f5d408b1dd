// The source of a cut. Where the base is agreed it lists what may differ from it, else everything
// that is not zero and then the tree's root; meanwhile it answers what is asked for: LZ4 where that
// is smaller, or only the blocks that may differ from the agreed base. The node keeps no tree.
//
// Threads of its own, at low priority so that guests go first, read, hash and compress: what is
// asked for goes before listing, and what was listed a moment ago is kept in memory (kKeptBytes),
// because it is asked for next. poll() only collects.
#pragma once

#include <atomic>
#include <deque>
#include <map>
#include <memory>
#include <thread>

#include "seal/merkle.h"
#include "stream/channel.h"
#include "volume/cut_image.h"

namespace ashlar {

class CutSource final : public Channel {
 public:
  // `threads` 0: the taker does the work itself, in an order that depends on nothing but the calls.
  CutSource(std::unique_ptr<CutImage> image, const DomainKeys& keys, size_t threads);
  ~CutSource() override { close(); }

  static size_t threads_for_this_machine();

  Result<void> give(Bytes message) override;
  Result<Polled> poll(const Ready& ready) override;
  Progress progress() override;
  void close() override;

  uint64_t volume_bytes() const { return image_->size_bytes(); }
  bool base_agreed() const { return image_->base_agreed(); }

 private:
  using Message = std::vector<uint8_t>;
  // Chunks that are listed together; immutable once it is hashed.
  struct Unit {
    uint64_t number = 0;
    std::vector<ChangedChunk> chunks;  // ascending
    std::unique_ptr<uint8_t[]> bytes;  // of all of them, in that order
    std::vector<Hash> ids;
    const uint8_t* find(uint64_t chunk, size_t* at) const;
  };
  struct Wanted {
    uint64_t chunk = 0;
    std::shared_ptr<const Unit> kept;  // where its bytes are still there
  };

  void work();
  bool step(std::unique_lock<std::mutex>& lock);
  void rest(std::unique_lock<std::mutex>& lock);
  bool may_take() const { return closed_ || failed_ || has_message(); }
  bool paused() const { return !units_.empty() && keeps_enough() && asked_lately_; }
  bool may_answer() const;
  bool may_walk() const;
  bool may_hash() const;
  bool keeps_enough() const { return kept_chunks_ * kChunkBytes >= kKeptBytes; }
  bool all_listed() const { return walked_ && units_.empty() && next_listed_ == next_unit_; }
  // Not every unit makes a message of its own.
  bool list_due() const {
    if (all_listed()) return !list_ended_;
    return !list_.empty() && (list_.size() >= list_at_least() || keeps_enough());
  }
  // A difference is asked for by the thousand; a whole chunk is most of a message itself.
  size_t list_at_least() const { return base_agreed() ? 512 : 64; }
  bool has_message() const { return list_due() || !answers_.empty(); }

  std::vector<Wanted> claim();
  Result<std::vector<ChangedChunk>> walk(uint64_t from);
  Result<void> hash(Unit& unit);
  void note_walked(std::vector<ChangedChunk> chunks);
  void note_hashed(std::shared_ptr<const Unit> unit);
  void keep(std::shared_ptr<const Unit> unit);
  Result<std::vector<Message>> answer(const std::vector<Wanted>& wanted);
  Message list_message();

  static constexpr size_t kKeptBytes = 32 << 20;

  const std::unique_ptr<CutImage> image_;
  const DomainKeys keys_;

  std::mutex mutex_;  // guards what follows
  Changes changed_;
  std::optional<Error> failed_;
  bool closed_ = false;

  // The walk over the map, by one thread at a time; then units are hashed, and listed in order.
  bool walking_ = false;
  bool walked_ = false;
  uint64_t next_chunk_ = 0;
  uint64_t next_unit_ = 0;
  std::deque<std::shared_ptr<Unit>> units_;  // not hashed yet
  std::map<uint64_t, std::shared_ptr<const Unit>> hashed_;
  uint64_t next_listed_ = 0;
  MerkleBuilder tree_;  // of a full list
  std::vector<ListEntry> list_;
  uint64_t listed_ = 0;
  uint64_t hashed_bytes_ = 0;
  bool list_ended_ = false;

  std::deque<uint64_t> wanted_;
  bool asked_lately_ = true;  // there is a point in not listing further than is kept
  std::deque<std::shared_ptr<const Unit>> kept_;
  size_t kept_chunks_ = 0;
  std::deque<Message> answers_;
  size_t answer_bytes_ = 0;

  std::atomic<size_t> thread_count_{0};  // as many as the system gave; not after the constructor
  std::mutex join_mutex_;                // guards threads_
  std::vector<std::thread> threads_;
};

}  // namespace ashlar
