// One request: parsed, then validated once and completely (nbd.md 1.3 C1); what passes is never
// checked again below. Pure. A write's payload is consumed by the session whatever the verdict.
#pragma once

#include <optional>

#include "base/result.h"
#include "nbd/protocol.h"

namespace ashlar::nbd {

struct Request {
  uint16_t flags = 0;
  uint16_t command = 0;
  uint64_t cookie = 0;
  uint64_t offset = 0;
  uint32_t bytes = 0;
  uint64_t since_ns = 0;  // monotonic; when it was begun
};

// What a request is judged by.
struct SessionTerms {
  uint64_t size_bytes = 0;  // live
  bool read_only = false;
  bool structured = false;
  bool base_allocation = false;
};

struct Refusal {
  Errno number;
  const char* text;
};

// Of what the volume holds.
constexpr bool is_change(uint16_t command) {
  return command == kCmdWrite || command == kCmdTrim || command == kCmdWriteZeroes;
}

// nullopt: the magic is wrong, the connection must close.
std::optional<Request> parse_request(const uint8_t* at);
std::optional<Refusal> validate(const Request& request, const SessionTerms& terms);
// The one mapping of error codes to NBD errnos.
Errno to_errno(Code code);

}  // namespace ashlar::nbd
