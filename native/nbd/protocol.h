// Constants and byte order of the NBD protocol (the project's doc/proto.md; behaviour: nbd.md). All
// numbers on the wire are big-endian.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "base/bytes.h"

namespace ashlar::nbd {

constexpr uint64_t kGreetingMagic = 0x4e42444d41474943;  // "NBDMAGIC"
constexpr uint64_t kOptionMagic = 0x49484156454f5054;    // "IHAVEOPT"
constexpr uint64_t kOptionReplyMagic = 0x0003e889045565a9;
constexpr uint32_t kRequestMagic = 0x25609513;
constexpr uint32_t kSimpleReplyMagic = 0x67446698;
constexpr uint32_t kChunkMagic = 0x668e33ef;

constexpr uint16_t kFixedNewstyle = 1;
constexpr uint16_t kNoZeroes = 2;

enum Option : uint32_t {
  kOptExportName = 1,
  kOptAbort = 2,
  kOptList = 3,
  kOptStartTls = 5,
  kOptInfo = 6,
  kOptGo = 7,
  kOptStructuredReply = 8,
  kOptListMetaContext = 9,
  kOptSetMetaContext = 10,
};

enum OptionReply : uint32_t {
  kRepAck = 1,
  kRepServer = 2,
  kRepInfo = 3,
  kRepMetaContext = 4,
  kRepErrUnsup = 0x80000001,
  kRepErrPolicy = 0x80000002,
  kRepErrInvalid = 0x80000003,
  kRepErrUnknown = 0x80000006,
  kRepErrShutdown = 0x80000007,
  kRepErrTooBig = 0x80000009,
};

enum Info : uint16_t { kInfoExport = 0, kInfoName = 1, kInfoDescription = 2, kInfoBlockSize = 3 };

enum TransmissionFlag : uint16_t {
  kFlagHasFlags = 1 << 0,
  kFlagReadOnly = 1 << 1,
  kFlagSendFlush = 1 << 2,
  kFlagSendFua = 1 << 3,
  kFlagSendTrim = 1 << 5,
  kFlagSendWriteZeroes = 1 << 6,
  kFlagSendDf = 1 << 7,
  kFlagCanMultiConn = 1 << 8,
  kFlagSendCache = 1 << 10,
  kFlagSendFastZero = 1 << 11,
};

enum Command : uint16_t {
  kCmdRead = 0,
  kCmdWrite = 1,
  kCmdDisc = 2,
  kCmdFlush = 3,
  kCmdTrim = 4,
  kCmdCache = 5,
  kCmdWriteZeroes = 6,
  kCmdBlockStatus = 7,
};

enum CommandFlag : uint16_t {
  kCmdFua = 1 << 0,
  kCmdNoHole = 1 << 1,
  kCmdDf = 1 << 2,
  kCmdReqOne = 1 << 3,
  kCmdFastZero = 1 << 4,
};

enum ChunkType : uint16_t {
  kChunkNone = 0,
  kChunkOffsetData = 1,
  kChunkOffsetHole = 2,
  kChunkBlockStatus = 5,
  kChunkError = 0x8001,
};
constexpr uint16_t kChunkDone = 1;

constexpr uint32_t kStatusHole = 1;
constexpr uint32_t kStatusZero = 2;

// On the wire an error is one of these eight (nbd.md 1.3 C8).
enum Errno : uint32_t {
  NBD_EPERM = 1,
  NBD_EIO = 5,
  NBD_ENOMEM = 12,
  NBD_EINVAL = 22,
  NBD_ENOSPC = 28,
  NBD_EOVERFLOW = 75,
  NBD_ENOTSUP = 95,
  NBD_ESHUTDOWN = 108,
};

constexpr size_t kRequestBytes = 28;
constexpr size_t kSimpleReplyBytes = 16;
constexpr size_t kChunkHeaderBytes = 20;
constexpr uint32_t kPayloadMax = 32u << 20;         // advertised
constexpr uint32_t kPayloadDrainedMax = 64u << 20;  // refused but read; more than this closes
constexpr uint32_t kContextId = 1;                  // base:allocation
constexpr char kContextName[] = "base:allocation";

template <typename T>
T load_be(const uint8_t* at) {
  T value = 0;
  for (size_t i = 0; i < sizeof(T); i++)
    value = T(uint64_t(value) << 8 | at[i]);
  return value;
}

template <typename T>
void store_be(uint8_t* at, T value) {
  for (size_t i = sizeof(T); i-- > 0; value = T(uint64_t(value) >> 8))
    at[i] = uint8_t(value);
}

template <typename T>
void append_be(std::vector<uint8_t>& out, T value) {
  out.resize(out.size() + sizeof(T));
  store_be(out.data() + out.size() - sizeof(T), value);
}

inline void append_bytes(std::vector<uint8_t>& out, const void* data, size_t bytes) {
  const auto* at = static_cast<const uint8_t*>(data);
  out.insert(out.end(), at, at + bytes);
}

}  // namespace ashlar::nbd
