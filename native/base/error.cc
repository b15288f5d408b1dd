#include "base/error.h"

namespace ashlar {

const char* code_name(Code code) {
  switch (code) {
#define ASHLAR_ERROR(name, vpc, nbd, grpc, http, text) \
  case Code::name:                                     \
    return #name;
#include "base/error_codes.def"
#undef ASHLAR_ERROR
  }
  __builtin_unreachable();
}

}  // namespace ashlar
