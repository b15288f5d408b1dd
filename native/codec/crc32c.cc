#include "codec/crc32c.h"

#include <array>
#include <cstring>

#if defined(__x86_64__)
#include <nmmintrin.h>
#endif

namespace ashlar {
namespace {

constexpr uint32_t kPolynomial = 0x82f63b78;  // reflected

constexpr std::array<uint32_t, 256> make_table() {
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t value = i;
    for (int bit = 0; bit < 8; bit++)
      value = value >> 1 ^ (value & 1 ? kPolynomial : 0);
    table[i] = value;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kTable = make_table();

uint32_t update_table(uint32_t state, const uint8_t* at, size_t bytes) {
  for (size_t i = 0; i < bytes; i++)
    state = state >> 8 ^ kTable[(state ^ at[i]) & 255];
  return state;
}

#if defined(__x86_64__)

__attribute__((target("sse4.2"))) uint32_t update_sse(uint32_t state, const uint8_t* at,
                                                      size_t bytes) {
  uint64_t wide = state;
  for (; bytes >= 8; at += 8, bytes -= 8) {
    uint64_t word;
    std::memcpy(&word, at, 8);
    wide = _mm_crc32_u64(wide, word);
  }
  state = uint32_t(wide);
  for (; bytes > 0; at++, bytes--)
    state = _mm_crc32_u8(state, *at);
  return state;
}

// The instruction takes three cycles and one can start each cycle, so 4,080 bytes (nearly a block)
// are summed in three lanes and joined: the CRC is linear, so "then 1,360 zero bytes" is a table
// look-up of the state's four bytes.
constexpr size_t kLaneBytes = 1360;
using ShiftTable = std::array<std::array<uint32_t, 256>, 4>;

ShiftTable make_shift() {
  const std::array<uint8_t, kLaneBytes> zeros{};
  ShiftTable shift;
  for (uint32_t byte = 0; byte < 4; byte++) {
    for (uint32_t value = 0; value < 256; value++) {
      shift[byte][value] = update_table(value << (8 * byte), zeros.data(), zeros.size());
    }
  }
  return shift;
}

uint32_t shift_lane(const ShiftTable& shift, uint32_t state) {
  return shift[0][state & 255] ^ shift[1][state >> 8 & 255] ^ shift[2][state >> 16 & 255] ^
         shift[3][state >> 24];
}

__attribute__((target("sse4.2"))) uint32_t update_lanes(const ShiftTable& shift, uint32_t state,
                                                        const uint8_t* at) {
  uint64_t a = state;
  uint64_t b = 0;
  uint64_t c = 0;
  for (size_t i = 0; i < kLaneBytes; i += 8) {
    uint64_t words[3];
    std::memcpy(&words[0], at + i, 8);
    std::memcpy(&words[1], at + kLaneBytes + i, 8);
    std::memcpy(&words[2], at + 2 * kLaneBytes + i, 8);
    a = _mm_crc32_u64(a, words[0]);
    b = _mm_crc32_u64(b, words[1]);
    c = _mm_crc32_u64(c, words[2]);
  }
  state = shift_lane(shift, uint32_t(a)) ^ uint32_t(b);
  return shift_lane(shift, state) ^ uint32_t(c);
}

uint32_t update_fast(uint32_t state, Bytes bytes) {
  static const ShiftTable shift = make_shift();
  for (; bytes.size() >= 3 * kLaneBytes; bytes = bytes.subspan(3 * kLaneBytes))
    state = update_lanes(shift, state, bytes.data());
  return update_sse(state, bytes.data(), bytes.size());
}

bool has_sse() {
  static const bool has = __builtin_cpu_supports("sse4.2");
  return has;
}

#endif

}  // namespace

uint32_t crc32c(Bytes bytes, uint32_t before) {
#if defined(__x86_64__)
  if (has_sse()) return ~update_fast(~before, bytes);
#endif
  return ~update_table(~before, bytes.data(), bytes.size());
}

void crc32c_blocks(const uint8_t* blocks, size_t count, uint32_t* out) {
  for (size_t i = 0; i < count; i++)
    out[i] = crc32c(Bytes(blocks + i * kBlockBytes, kBlockBytes));
}

}  // namespace ashlar
