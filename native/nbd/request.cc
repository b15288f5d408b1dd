#include "nbd/request.h"

namespace ashlar::nbd {
namespace {

uint16_t flags_allowed(const Request& request, const SessionTerms& terms) {
  // Clients are known to set FUA on anything once it is advertised.
  uint16_t allowed = kCmdFua;
  if (request.command == kCmdWriteZeroes) allowed |= kCmdNoHole | kCmdFastZero;
  if (request.command == kCmdRead && terms.structured) allowed |= kCmdDf;
  if (request.command == kCmdBlockStatus) allowed |= kCmdReqOne;
  return allowed;
}

}  // namespace

std::optional<Request> parse_request(const uint8_t* at) {
  if (load_be<uint32_t>(at) != kRequestMagic) return std::nullopt;
  Request request;
  request.flags = load_be<uint16_t>(at + 4);
  request.command = load_be<uint16_t>(at + 6);
  request.cookie = load_be<uint64_t>(at + 8);
  request.offset = load_be<uint64_t>(at + 16);
  request.bytes = load_be<uint32_t>(at + 24);
  return request;
}

std::optional<Refusal> validate(const Request& request, const SessionTerms& terms) {
  if (request.command > kCmdBlockStatus || request.command == kCmdDisc) {
    return Refusal{NBD_EINVAL, "unknown command"};
  }
  if (request.flags & ~flags_allowed(request, terms)) {
    return Refusal{NBD_EINVAL, "a flag is unknown, not negotiated or not for this command"};
  }
  if (is_change(request.command) && terms.read_only) {
    return Refusal{NBD_EPERM, "the export is read-only"};
  }
  if (request.command == kCmdFlush) {
    if (request.offset == 0 && request.bytes == 0) return std::nullopt;
    return Refusal{NBD_EINVAL, "flush takes no range"};
  }
  if (request.command == kCmdBlockStatus && !terms.base_allocation) {
    return Refusal{NBD_EINVAL, "no metadata context was selected"};
  }
  if (request.bytes == 0) return Refusal{NBD_EINVAL, "the length is zero"};
  if (request.offset > terms.size_bytes || request.bytes > terms.size_bytes - request.offset) {
    const bool grows = request.command == kCmdWrite || request.command == kCmdWriteZeroes;
    return Refusal{grows ? NBD_ENOSPC : NBD_EINVAL, "the range passes the end of the volume"};
  }
  if (request.command == kCmdWrite && request.bytes > kPayloadMax) {
    return Refusal{NBD_EINVAL, "the payload is larger than 32 MiB"};
  }
  if (request.command == kCmdRead && request.bytes > kPayloadMax) {
    if (request.flags & kCmdDf) return Refusal{NBD_EOVERFLOW, "more than 32 MiB in one chunk"};
    if (!terms.structured) return Refusal{NBD_EINVAL, "the read is larger than 32 MiB"};
  }
  return std::nullopt;
}

Errno to_errno(Code code) {
  switch (code) {
#define ASHLAR_ERROR(name, vpc, nbd, grpc, http, text) \
  case Code::name:                                     \
    return nbd;
#include "base/error_codes.def"
#undef ASHLAR_ERROR
  }
  __builtin_unreachable();
}

}  // namespace ashlar::nbd
