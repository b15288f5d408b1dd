#include "nbd/handshake.h"

#include <algorithm>
#include <array>

namespace ashlar::nbd {
namespace {

constexpr size_t kNameBytesMax = 4096;
constexpr uint64_t kOptionBytesHeld = 64 << 10;
constexpr uint64_t kOptionBytesSkipped = 1 << 20;
constexpr int kOptionsMax = 64;
constexpr uint32_t kPreferredBlockBytes = 4096;

void reply(std::vector<uint8_t>& out, uint32_t option, uint32_t type, Bytes payload = {}) {
  append_be(out, kOptionReplyMagic);
  append_be(out, option);
  append_be(out, type);
  append_be(out, uint32_t(payload.size()));
  append_bytes(out, payload.data(), payload.size());
}

void reply_text(std::vector<uint8_t>& out, uint32_t option, uint32_t type,
                const std::string& text) {
  reply(out, option, type, Bytes(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

bool is_name(Bytes bytes) {
  if (bytes.size() > kNameBytesMax) return false;
  for (size_t i = 0; i < bytes.size();) {
    const uint8_t lead = bytes[i];
    size_t more = 0;
    if (lead == 0) return false;
    if (lead >= 0x80) {
      if (lead >= 0xc2 && lead < 0xe0) more = 1;
      if (lead >= 0xe0 && lead < 0xf0) more = 2;
      if (lead >= 0xf0 && lead < 0xf5) more = 3;
      if (more == 0 || i + more >= bytes.size()) return false;
      for (size_t k = 1; k <= more; k++) {
        if ((bytes[i + k] & 0xc0) != 0x80) return false;
      }
    }
    i += 1 + more;
  }
  return true;
}

std::string text_of(Bytes bytes) {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

uint32_t refusal_of(const Error& reason) {
  if (reason.code == Code::kAttachmentNotFound) return kRepErrUnknown;
  return reason.code == Code::kShuttingDown ? kRepErrShutdown : kRepErrPolicy;
}

}  // namespace

std::vector<uint8_t> Handshake::greeting() {
  std::vector<uint8_t> out;
  append_be(out, kGreetingMagic);
  append_be(out, kOptionMagic);
  append_be(out, uint16_t(kFixedNewstyle | kNoZeroes));
  return out;
}

Handshake::Next Handshake::feed(std::vector<uint8_t>& in, std::vector<uint8_t>& out) {
  size_t used = 0;
  Next next = Next::kMore;
  while (next == Next::kMore) {
    const Bytes left = Bytes(in).subspan(used);
    if (!flags_read_) {
      if (left.size() < 4) break;
      const uint32_t flags = load_be<uint32_t>(left.data());
      used += 4;
      flags_read_ = true;
      fixed_ = flags & kFixedNewstyle;
      no_zeroes_ = flags & kNoZeroes;
      // Unknown bits must drop the connection.
      if (flags & ~uint32_t(kFixedNewstyle | kNoZeroes)) next = Next::kClose;
      continue;
    }
    if (skip_bytes_ > 0) {
      const uint64_t here = std::min<uint64_t>(skip_bytes_, left.size());
      if (here == 0) break;
      used += here;
      skip_bytes_ -= here;
      if (skip_bytes_ == 0) {
        const bool known = skip_option_ >= kOptExportName && skip_option_ <= kOptSetMetaContext;
        reply_text(out, skip_option_, known ? kRepErrTooBig : kRepErrUnsup,
                   "the option is too large");
      }
      continue;
    }
    if (left.size() < 16) break;
    const uint32_t code = load_be<uint32_t>(left.data() + 8);
    const uint64_t bytes = load_be<uint32_t>(left.data() + 12);
    const bool refused = load_be<uint64_t>(left.data()) != kOptionMagic ||
                         bytes > kOptionBytesSkipped || (!fixed_ && code != kOptExportName);
    if (refused) {
      next = Next::kClose;
      break;
    }
    if (bytes > kOptionBytesHeld) {
      if (code == kOptExportName) {
        next = Next::kClose;
        break;
      }
      used += 16;
      skip_bytes_ = bytes;
      skip_option_ = code;
      if (++options_ > kOptionsMax) next = Next::kClose;
      continue;
    }
    if (left.size() < 16 + bytes) break;
    used += 16 + bytes;
    next = ++options_ > kOptionsMax ? Next::kClose : option(code, left.subspan(16, bytes), out);
  }
  in.erase(in.begin(), in.begin() + ptrdiff_t(used));
  return next;
}

Handshake::Next Handshake::option(uint32_t code, Bytes body, std::vector<uint8_t>& out) {
  if (stopping_ && code != kOptAbort) {
    if (code == kOptExportName) return Next::kClose;
    reply_text(out, code, kRepErrShutdown, "the server is stopping");
    return Next::kMore;
  }
  switch (code) {
    case kOptExportName:
      return export_name(body, out);
    case kOptAbort:
      reply(out, code, kRepAck);
      return Next::kClose;
    case kOptList:
      list(body, out);
      return Next::kMore;
    case kOptStartTls:
      reply_text(out, code, kRepErrPolicy, "TLS is not configured here");
      return Next::kMore;
    case kOptInfo:
    case kOptGo:
      return info_or_go(code, body, out);
    case kOptStructuredReply:
      structured_reply(body, out);
      return Next::kMore;
    case kOptListMetaContext:
    case kOptSetMetaContext:
      meta_context(code, body, out);
      return Next::kMore;
    default:
      reply_text(out, code, kRepErrUnsup, "option " + std::to_string(code) + " is not supported");
      return Next::kMore;
  }
}

uint16_t Handshake::transmission_flags(const Export& target) const {
  uint16_t flags = kFlagHasFlags | kFlagSendFlush | kFlagSendFua | kFlagSendTrim |
                   kFlagSendWriteZeroes | kFlagCanMultiConn | kFlagSendCache | kFlagSendFastZero;
  if (target.read_only) flags |= kFlagReadOnly;
  if (agreement_.structured) flags |= kFlagSendDf;  // only once it was negotiated
  return flags;
}

Handshake::Next Handshake::export_name(Bytes body, std::vector<uint8_t>& out) {
  if (!is_name(body)) return Next::kClose;
  const std::string name = text_of(body);
  auto target = exports_.find_export(name);
  if (!target) return Next::kClose;  // this option has no way to say why
  if ((refused_as_full_ = full_)) return Next::kClose;
  append_be(out, target->volume->size_bytes());
  append_be(out, transmission_flags(*target));
  if (!no_zeroes_) out.resize(out.size() + 124);
  agreement_.base_allocation = context_export_ == name;
  agreement_.target = *std::move(target);
  return Next::kTransmission;
}

void Handshake::list(Bytes body, std::vector<uint8_t>& out) {
  if (!body.empty()) {
    reply_text(out, kOptList, kRepErrInvalid, "LIST takes no data");
    return;
  }
  if (lists_names_) {
    for (const std::string& name : exports_.list_exports()) {
      std::vector<uint8_t> payload;
      append_be(payload, uint32_t(name.size()));
      append_bytes(payload, name.data(), name.size());
      reply(out, kOptList, kRepServer, payload);
    }
  }
  reply(out, kOptList, kRepAck);
}

void Handshake::structured_reply(Bytes body, std::vector<uint8_t>& out) {
  if (!body.empty()) {
    reply_text(out, kOptStructuredReply, kRepErrInvalid, "STRUCTURED_REPLY takes no data");
  } else if (agreement_.structured) {
    reply_text(out, kOptStructuredReply, kRepErrInvalid, "structured replies were agreed before");
  } else {
    agreement_.structured = true;
    reply(out, kOptStructuredReply, kRepAck);
  }
}

Handshake::Next Handshake::info_or_go(uint32_t code, Bytes body, std::vector<uint8_t>& out) {
  const auto invalid = [&](const char* why) {
    reply_text(out, code, kRepErrInvalid, why);
    return Next::kMore;
  };
  if (body.size() < 6) return invalid("the body is too short");
  const uint64_t name_bytes = load_be<uint32_t>(body.data());
  if (name_bytes > body.size() - 6) return invalid("the name passes the end of the option");
  const Bytes name = body.subspan(4, name_bytes);
  const uint64_t wanted = load_be<uint16_t>(body.data() + 4 + name_bytes);
  if (body.size() != 6 + name_bytes + 2 * wanted) return invalid("the length does not fit");
  if (!is_name(name)) return invalid("the name is too long or not text");
  auto target = exports_.find_export(text_of(name));
  if (!target) {
    reply_text(out, code, refusal_of(target.error()), target.error().message);
    return Next::kMore;
  }
  if (code == kOptGo && full_) {
    refused_as_full_ = true;
    reply_text(out, code, kRepErrPolicy, "all sessions of this server are in use; try again later");
    return Next::kMore;
  }
  // Each kind once, the harmless ones unasked; INFO equals the GO that follows.
  std::vector<uint8_t> payload;
  append_be(payload, uint16_t(kInfoExport));
  append_be(payload, target->volume->size_bytes());
  append_be(payload, transmission_flags(*target));
  reply(out, code, kRepInfo, payload);
  payload.clear();
  append_be(payload, uint16_t(kInfoBlockSize));
  append_be(payload, uint32_t(1));
  append_be(payload, kPreferredBlockBytes);
  append_be(payload, kPayloadMax);
  reply(out, code, kRepInfo, payload);
  for (uint64_t i = 0; i < wanted; i++) {
    const uint16_t kind = load_be<uint16_t>(body.data() + 6 + name_bytes + 2 * i);
    const auto* begin = body.data() + 6 + name_bytes;
    bool seen = false;
    for (uint64_t k = 0; k < i; k++)
      seen = seen || load_be<uint16_t>(begin + 2 * k) == kind;
    if (seen || (kind != kInfoName && kind != kInfoDescription)) continue;
    payload.clear();
    append_be(payload, kind);
    const std::string text = kind == kInfoName ? target->name : "ashlar volume";
    append_bytes(payload, text.data(), text.size());
    reply(out, code, kRepInfo, payload);
  }
  reply(out, code, kRepAck);
  if (code == kOptInfo) return Next::kMore;
  agreement_.base_allocation = context_export_ == text_of(name);
  agreement_.target = *std::move(target);
  return Next::kTransmission;
}

void Handshake::meta_context(uint32_t code, Bytes body, std::vector<uint8_t>& out) {
  const bool set = code == kOptSetMetaContext;
  // SET replaces the selection even when it fails.
  if (set) context_export_.reset();
  const auto invalid = [&](const char* why) { reply_text(out, code, kRepErrInvalid, why); };
  if (!agreement_.structured) return invalid("negotiate structured replies first");
  if (body.size() < 8) return invalid("the body is too short");
  const uint64_t name_bytes = load_be<uint32_t>(body.data());
  if (name_bytes > body.size() - 8) return invalid("the name passes the end of the option");
  const Bytes name = body.subspan(4, name_bytes);
  uint64_t queries = load_be<uint32_t>(body.data() + 4 + name_bytes);
  const bool none = queries == 0;
  Bytes rest = body.subspan(8 + name_bytes);
  bool wanted = false;
  for (; queries > 0; queries--) {
    if (rest.size() < 4) return invalid("a query is cut off");
    const uint64_t bytes = load_be<uint32_t>(rest.data());
    if (bytes > rest.size() - 4) return invalid("a query passes the end of the option");
    const std::string query = text_of(rest.subspan(4, bytes));
    wanted = wanted || query == kContextName || (!set && query == "base:");
    rest = rest.subspan(4 + bytes);
  }
  if (!rest.empty()) return invalid("bytes are left over");
  if (!is_name(name)) return invalid("the name is too long or not text");
  const auto target = exports_.find_export(text_of(name));
  if (!target) {
    reply_text(out, code, refusal_of(target.error()), target.error().message);
    return;
  }
  if (wanted || (none && !set)) {
    std::vector<uint8_t> payload;
    append_be(payload, set ? kContextId : uint32_t(0));
    append_bytes(payload, kContextName, sizeof kContextName - 1);
    reply(out, code, kRepMetaContext, payload);
    if (set) context_export_ = text_of(name);
  }
  reply(out, code, kRepAck);
}

}  // namespace ashlar::nbd
