// What can go wrong: one code per cause (error_codes.def) and a message that names the object,
// the numbers and what to do. An Error is a value; only impossible states stop the process.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

namespace ashlar {

enum class Code : uint8_t {
#define ASHLAR_ERROR(name, vpc, nbd, grpc, http, text) name,
#include "base/error_codes.def"
#undef ASHLAR_ERROR
};

// The enumerator's name, for example "kNotFound". Never fails.
const char* code_name(Code code);

struct Error {
  Code code;
  std::string message;
};

inline Error error(Code code, std::string message) {
  return Error{code, std::move(message)};
}

}  // namespace ashlar
