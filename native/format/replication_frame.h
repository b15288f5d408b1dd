// Frames of a pull (DESIGN 8), little-endian: {u8 kind, u8 zero, u16 block map, u32 length, u64
// chunk index, 32-byte id, payload}. About a mebibyte of them makes one message. Everything a peer
// sends is checked here before anybody looks at it.
#pragma once

#include <cstring>
#include <optional>
#include <vector>

#include "base/bytes.h"
#include "base/id.h"
#include "base/result.h"

namespace ashlar {

enum class Wire : uint8_t {
  kList = 1,      // n x ListEntry, ascending
  kListEnd = 2,   // count in the index, tree root or zero in the id
  kWant = 3,      // n x u64
  kWantNode = 4,  // n x u64, level in the top 8 bits
  kRaw = 5,
  kLz4 = 6,
  kDelta = 7,
  kDeltaRaw = 8,
  kNode = 9,     // 2,049 bytes; index as in kWantNode
  kCannot = 10,  // u32 code
};

struct WireFrameHeader {
  Wire kind{};
  uint8_t zero = 0;
  uint16_t block_map = 0;
  uint32_t length = 0;
  uint64_t index = 0;
  Hash id{};
};
static_assert(sizeof(WireFrameHeader) == 48);

struct ListEntry {
  uint64_t index = 0;
  Hash id{};
};
static_assert(sizeof(ListEntry) == 40);

constexpr size_t kMessageBytes = 1 << 20;   // aimed at
constexpr size_t kFrameBytesMax = 2 << 20;  // refused above
constexpr uint32_t kNodeWireBytes = 2049;
constexpr int kWireDeltaBlocksMax = 8;  // of 16; more go as a whole chunk

struct WireFrame {
  WireFrameHeader header;
  Bytes payload;
};

inline void append_frame(std::vector<uint8_t>& to, Wire kind, uint64_t index, const Hash& id,
                         Bytes payload, uint16_t block_map = 0) {
  WireFrameHeader header;
  header.block_map = block_map;
  header.kind = kind;
  header.length = uint32_t(payload.size());
  header.index = index;
  header.id = id;
  const auto* raw = reinterpret_cast<const uint8_t*>(&header);
  to.insert(to.end(), raw, raw + sizeof header);
  to.insert(to.end(), payload.begin(), payload.end());
}

// WANT or WANT_NODE; nothing where there are no numbers.
inline void append_wants(std::vector<uint8_t>& to, Wire kind,
                         const std::vector<uint64_t>& numbers) {
  if (numbers.empty()) return;
  const auto* raw = reinterpret_cast<const uint8_t*>(numbers.data());
  append_frame(to, kind, 0, Hash{}, Bytes(raw, numbers.size() * sizeof(uint64_t)));
}

// The frames of one message, or kProtocol with what is wrong. Payloads point into `message`.
Result<std::vector<WireFrame>> parse_frames(Bytes message);

// The u64s of WANT and WANT_NODE; the entries of LIST. Requires a parsed frame.
std::vector<uint64_t> wire_numbers(const WireFrame& frame);
std::vector<ListEntry> wire_entries(const WireFrame& frame);

}  // namespace ashlar
