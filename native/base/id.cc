#include "base/id.h"

#include <cstdio>

namespace ashlar {
namespace {

constexpr char kHexDigits[] = "0123456789abcdef";

int hex_value(char digit) {
  if (digit >= '0' && digit <= '9') return digit - '0';
  if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
  return -1;
}

}  // namespace

std::string to_string(const Id& id) {
  char region[16];
  std::snprintf(region, sizeof region, "r%03u-", id.region);
  std::string text = region;
  for (size_t i = 0; i < id.uuid.size(); i++) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kHexDigits[id.uuid[i] >> 4];
    text += kHexDigits[id.uuid[i] & 15];
  }
  return text;
}

Result<Id> parse_id(std::string_view text) {
  const auto malformed = [&] {
    return error(Code::kInvalidArgument,
                 "\"" + std::string(text.substr(0, 80)) + "\" is not an id (r001-<uuid>)");
  };
  const size_t dash = text.find('-');
  if (text.empty() || text[0] != 'r' || dash == std::string_view::npos || dash < 4 || dash > 7) {
    return malformed();
  }
  Id id;
  for (const char digit : text.substr(1, dash - 1)) {
    if (digit < '0' || digit > '9') return malformed();
    id.region = id.region * 10 + uint32_t(digit - '0');
  }
  const std::string_view uuid = text.substr(dash + 1);
  if (uuid.size() != 36) return malformed();
  size_t nibble = 0;
  for (size_t i = 0; i < uuid.size(); i++) {
    if (i == 8 || i == 13 || i == 18 || i == 23) {
      if (uuid[i] != '-') return malformed();
      continue;
    }
    const int value = hex_value(uuid[i]);
    if (value < 0) return malformed();
    id.uuid[nibble / 2] = uint8_t(id.uuid[nibble / 2] << 4 | value);
    nibble++;
  }
  return id;
}

std::string to_hex(const Hash& hash) {
  std::string text;
  for (const uint8_t byte : hash) {
    text += kHexDigits[byte >> 4];
    text += kHexDigits[byte & 15];
  }
  return text;
}

}  // namespace ashlar
