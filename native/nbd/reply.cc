#include "nbd/reply.h"

#include <algorithm>

namespace ashlar::nbd {
namespace {

constexpr size_t kTextBytesMax = 512;     // qemu's client refuses payloads near 1,000 bytes
constexpr uint64_t kHoleBytesMin = 4096;  // smaller ones cost more than they save
constexpr uint32_t kExtentBytesMax = 0xfffff000;

Operation operation_of(uint16_t command) {
  switch (command) {
    case kCmdRead:
      return Operation::kRead;
    case kCmdWrite:
      return Operation::kWrite;
    case kCmdTrim:
      return Operation::kTrim;
    case kCmdWriteZeroes:
      return Operation::kZero;
    case kCmdFlush:
      return Operation::kFlush;
    default:
      return Operation::kOther;
  }
}

}  // namespace

void ReplyBatch::note(const Request& request, Answered part) {
  part.operation = operation_of(request.command);
  part.since_ns = request.since_ns;
  if (!answered_.empty()) {
    Answered& last = answered_.back();
    if (last.operation == part.operation && last.since_ns == part.since_ns) {
      last.requests += part.requests;
      last.failed += part.failed;
      last.bytes += part.bytes;
      return;
    }
  }
  answered_.push_back(part);
}

void ReplyBatch::add(const void* data, size_t bytes) {
  bytes_left_ += bytes;
  auto* at = static_cast<uint8_t*>(const_cast<void*>(data));
  if (!parts_.empty()) {
    iovec& last = parts_.back();
    if (static_cast<uint8_t*>(last.iov_base) + last.iov_len == at) {
      last.iov_len += bytes;
      return;
    }
  }
  parts_.push_back({at, bytes});
}

uint8_t* ReplyBatch::extra(size_t bytes) {
  extras_.emplace_back(bytes, '\0');
  return reinterpret_cast<uint8_t*>(extras_.back().data());
}

void ReplyBatch::chunk_header(uint8_t* at, const Request& request, uint16_t flags, uint16_t type,
                              uint32_t bytes) {
  store_be(at, kChunkMagic);
  store_be(at + 4, flags);
  store_be(at + 6, type);
  store_be(at + 8, request.cookie);
  store_be(at + 16, bytes);
}

void ReplyBatch::simple(const Request& request, uint32_t number) {
  uint8_t* at = extra(kSimpleReplyBytes);
  store_be(at, kSimpleReplyMagic);
  store_be(at + 4, number);
  store_be(at + 8, request.cookie);
  add(at, kSimpleReplyBytes);
}

MutableBytes ReplyBatch::reserve_read(uint32_t data_bytes, bool structured) {
  const size_t header = structured ? kDataHeaderBytes : kSimpleReplyBytes;
  uint8_t* data = arena_.get() + used_ + header;
  used_ += header + data_bytes;
  return {data, data_bytes};
}

void ReplyBatch::read_done(const Request& request, uint64_t offset, MutableBytes data,
                           std::span<const ByteRange> zeros, bool structured, bool last) {
  note(request, {.requests = last ? 1u : 0u, .bytes = data.size()});
  const bool holes = structured && !(request.flags & kCmdDf);
  if (!structured) {
    for (const ByteRange& zero : zeros)
      std::memset(data.data() + zero.offset, 0, zero.bytes);
    uint8_t* header = data.data() - kSimpleReplyBytes;
    store_be(header, kSimpleReplyMagic);
    store_be(header + 4, uint32_t(0));
    store_be(header + 8, request.cookie);
    add(header, kSimpleReplyBytes + data.size());
    return;
  }
  std::vector<ByteRange> sent_as_holes;
  for (const ByteRange& zero : zeros) {
    if (holes && zero.bytes >= kHoleBytesMin) {
      sent_as_holes.push_back(zero);
    } else {
      std::memset(data.data() + zero.offset, 0, zero.bytes);
    }
  }
  const auto flags = [&](uint64_t end) {
    return uint16_t(last && end == data.size() ? kChunkDone : 0);
  };
  const auto data_chunk = [&](uint64_t begin, uint64_t end) {
    if (begin == end) return;
    // The first has its header's place in the arena, right before the data.
    uint8_t* header = begin == 0 ? data.data() - kDataHeaderBytes : extra(kDataHeaderBytes);
    chunk_header(header, request, flags(end), kChunkOffsetData, uint32_t(8 + end - begin));
    store_be(header + kChunkHeaderBytes, offset + begin);
    add(header, kDataHeaderBytes);
    add(data.data() + begin, end - begin);
  };
  uint64_t done = 0;
  for (const ByteRange& hole : sent_as_holes) {
    data_chunk(done, hole.offset);
    uint8_t* at = extra(kChunkHeaderBytes + 12);
    chunk_header(at, request, flags(hole.end()), kChunkOffsetHole, 12);
    store_be(at + kChunkHeaderBytes, offset + hole.offset);
    store_be(at + kChunkHeaderBytes + 8, uint32_t(hole.bytes));
    add(at, kChunkHeaderBytes + 12);
    done = hole.end();
  }
  data_chunk(done, data.size());
}

void ReplyBatch::done(const Request& request, bool structured) {
  (void)structured;  // success without data may be simple in both modes
  note(request, {.requests = 1, .bytes = is_change(request.command) ? request.bytes : 0});
  simple(request, 0);
}

void ReplyBatch::refuse(const Request& request, Errno number, const std::string& text,
                        bool structured) {
  const bool ours = number == NBD_EIO || number == NBD_ENOSPC;
  note(request, {.requests = 1, .failed = ours ? 1u : 0u});
  if (!structured) {
    simple(request, number);
    return;
  }
  const size_t text_bytes = std::min(text.size(), kTextBytesMax);
  uint8_t* at = extra(kChunkHeaderBytes + 6 + text_bytes);
  chunk_header(at, request, kChunkDone, kChunkError, uint32_t(6 + text_bytes));
  store_be(at + kChunkHeaderBytes, uint32_t(number));
  store_be(at + kChunkHeaderBytes + 4, uint16_t(text_bytes));
  std::memcpy(at + kChunkHeaderBytes + 6, text.data(), text_bytes);
  add(at, kChunkHeaderBytes + 6 + text_bytes);
}

void ReplyBatch::status(const Request& request, std::span<const StatusExtent> extents) {
  note(request, {.requests = 1});
  std::vector<uint8_t> payload;
  append_be(payload, kContextId);
  for (const StatusExtent& extent : extents) {
    uint64_t bytes = extent.bytes;
    const bool one = request.flags & kCmdReqOne;
    if (one) bytes = std::min<uint64_t>(bytes, request.bytes);
    const bool clamped = bytes > kExtentBytesMax;
    append_be(payload, uint32_t(std::min<uint64_t>(bytes, kExtentBytesMax)));
    append_be(payload, uint32_t((extent.hole ? kStatusHole : 0) | (extent.zero ? kStatusZero : 0)));
    if (clamped || one) break;  // what follows would not be adjacent
  }
  uint8_t* at = extra(kChunkHeaderBytes + payload.size());
  chunk_header(at, request, kChunkDone, kChunkBlockStatus, uint32_t(payload.size()));
  std::memcpy(at + kChunkHeaderBytes, payload.data(), payload.size());
  add(at, kChunkHeaderBytes + payload.size());
}

void ReplyBatch::sent(size_t bytes) {
  bytes_left_ -= bytes;
  while (bytes > 0) {
    iovec& part = parts_[next_];
    const size_t here = std::min(bytes, part.iov_len);
    part.iov_base = static_cast<uint8_t*>(part.iov_base) + here;
    part.iov_len -= here;
    bytes -= here;
    if (part.iov_len == 0) next_++;
  }
}

}  // namespace ashlar::nbd
