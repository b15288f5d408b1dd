// Identities: made by the caller, never reused. Printed r%03u-<uuid>.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace ashlar {

struct Id {
  uint32_t region = 0;
  std::array<uint8_t, 16> uuid{};

  auto operator<=>(const Id&) const = default;
  bool is_nil() const { return *this == Id{}; }
};

// "r001-0f8fad5b-d9cb-469f-a165-70867728950e"
std::string to_string(const Id& id);
// Errors: kInvalidArgument when the text is not exactly that form.
Result<Id> parse_id(std::string_view text);

// 32-byte identity of a chunk, node or manifest (DESIGN 6). All zero = all-zero content.
using Hash = std::array<uint8_t, 32>;
std::string to_hex(const Hash& hash);
inline bool is_zero(const Hash& hash) {
  return hash == Hash{};
}

}  // namespace ashlar
