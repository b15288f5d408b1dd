#include "format/replication_frame.h"

#include <bit>

namespace ashlar {
namespace {

Error broken(const std::string& what) {
  return error(Code::kProtocol, "the peer sent " + what + "; the pull has failed");
}

bool length_fits(const WireFrameHeader& header) {
  const uint32_t bytes = header.length;
  const int blocks = std::popcount(header.block_map);
  const bool delta = blocks > 0 && blocks <= kWireDeltaBlocksMax;
  const uint64_t plain_bytes = uint64_t(blocks) * kBlockBytes;
  switch (header.kind) {
    case Wire::kList:
      return bytes > 0 && bytes % sizeof(ListEntry) == 0;
    case Wire::kListEnd:
      return bytes == 0;
    case Wire::kWant:
    case Wire::kWantNode:
      return bytes > 0 && bytes % sizeof(uint64_t) == 0;
    case Wire::kRaw:
      return bytes == kChunkBytes;
    case Wire::kLz4:
      return bytes > 0 && bytes < kChunkBytes;
    case Wire::kDelta:
      return delta && bytes > 0 && bytes < plain_bytes;
    case Wire::kDeltaRaw:
      return delta && bytes == plain_bytes;
    case Wire::kNode:
      return bytes == kNodeWireBytes;
    case Wire::kCannot:
      return bytes == sizeof(uint32_t);
  }
  return false;
}

}  // namespace

Result<std::vector<WireFrame>> parse_frames(Bytes message) {
  std::vector<WireFrame> frames;
  while (!message.empty()) {
    WireFrame frame;
    if (message.size() < sizeof frame.header) return broken("a frame that is cut off");
    std::memcpy(&frame.header, message.data(), sizeof frame.header);
    message = message.subspan(sizeof frame.header);
    const uint8_t kind = uint8_t(frame.header.kind);
    if (kind < 1 || kind > 10 || frame.header.zero != 0) {
      return broken("a frame of unknown kind " + std::to_string(kind));
    }
    if (frame.header.length > kFrameBytesMax || frame.header.length > message.size() ||
        !length_fits(frame.header)) {
      return broken("a frame of kind " + std::to_string(kind) + " with the impossible length " +
                    std::to_string(frame.header.length));
    }
    frame.payload = message.first(frame.header.length);
    message = message.subspan(frame.header.length);
    frames.push_back(frame);
  }
  return frames;
}

std::vector<uint64_t> wire_numbers(const WireFrame& frame) {
  std::vector<uint64_t> numbers(frame.payload.size() / sizeof(uint64_t));
  if (!numbers.empty()) std::memcpy(numbers.data(), frame.payload.data(), frame.payload.size());
  return numbers;
}

std::vector<ListEntry> wire_entries(const WireFrame& frame) {
  std::vector<ListEntry> entries(frame.payload.size() / sizeof(ListEntry));
  if (!entries.empty()) {
    std::memcpy(static_cast<void*>(entries.data()), frame.payload.data(), frame.payload.size());
  }
  return entries;
}

}  // namespace ashlar
