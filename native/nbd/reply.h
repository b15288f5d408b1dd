// Replies of a batch, laid out for one send: an arena that holds headers and data in place, and the
// list of its parts in order. A part is never copied again. Thread: one at a time.
#pragma once

#include <sys/uio.h>

#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "nbd/request.h"
#include "volume/volume_io.h"

namespace ashlar::nbd {

class ReplyBatch {
 public:
  // `bytes`: data and headers of the reads that will be encoded here.
  explicit ReplyBatch(size_t bytes)
      : arena_(bytes > 0 ? std::make_unique_for_overwrite<uint8_t[]>(bytes) : nullptr) {}

  // Room for one read: its data begins right behind the header.
  MutableBytes reserve_read(uint32_t data_bytes, bool structured);
  static size_t read_room(uint32_t data_bytes) { return kDataHeaderBytes + data_bytes; }

  // `data` came from reserve_read; `zeros` are relative to it and hold nothing yet. `last`: whether
  // the reply ends here (a read larger than the limit comes in several).
  void read_done(const Request& request, uint64_t offset, MutableBytes data,
                 std::span<const ByteRange> zeros, bool structured, bool last);
  void done(const Request& request, bool structured);
  void refuse(const Request& request, Errno number, const std::string& text, bool structured);
  void status(const Request& request, std::span<const StatusExtent> extents);

  bool empty() const { return next_ == parts_.size(); }
  size_t bytes_left() const { return bytes_left_; }
  // For sendmsg; then what it took.
  std::span<iovec> parts() { return std::span(parts_).subspan(next_); }
  void sent(size_t bytes);

  // What has been put in so far, by operation and beginning: for whoever counts it.
  std::span<const Answered> answered() const { return answered_; }

 private:
  static constexpr size_t kDataHeaderBytes = kChunkHeaderBytes + 8;

  void add(const void* data, size_t bytes);
  uint8_t* extra(size_t bytes);
  void chunk_header(uint8_t* at, const Request& request, uint16_t flags, uint16_t type,
                    uint32_t bytes);
  void simple(const Request& request, uint32_t number);
  void note(const Request& request, Answered part);

  std::unique_ptr<uint8_t[]> arena_;
  size_t used_ = 0;
  std::deque<std::string> extras_;  // headers and texts beside the arena; addresses stay
  std::vector<iovec> parts_;
  size_t next_ = 0;
  size_t bytes_left_ = 0;
  std::vector<Answered> answered_;  // neighbours that are alike are one
};

}  // namespace ashlar::nbd
