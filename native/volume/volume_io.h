// A volume as a host sees it: bytes at offsets, served from the map, the pool and, where a range is
// still remote, from its origin. All functions may be called from any thread at once; the map lock
// inside is held for a batch's lookups or one apply, never across I/O (DESIGN 4, Locks).
//
// A reply may be sent when a call returns: a write is then applied, visible to every later read on
// any connection, and survives the death of the process; it survives a crash of the machine once a
// later flush() has returned.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/id.h"
#include "base/result.h"
#include "volume/chunk_wait.h"
#include "volume/traffic.h"

namespace ashlar {

// One read of a batch. `into` is at most 32 MiB and lies inside the volume (the caller checked).
struct ReadRequest {
  enum class Outcome : uint8_t { kDone, kWouldBlock, kRemote, kFailed };

  uint64_t offset = 0;
  MutableBytes into;

  Outcome outcome = Outcome::kDone;
  // Ranges relative to `into` that are known zero, ascending, not adjacent, at least 4 KiB but at
  // the request's ends. Their bytes in `into` are left as they were: send a hole or clear them.
  std::vector<ByteRange> zeros;
  Error error{Code::kInternal, ""};  // when kFailed
};

// One write of a batch. `data` lies inside the volume (the caller checked).
struct WriteRequest {
  uint64_t offset = 0;
  Bytes data;

  bool failed = false;
  Error error{Code::kInternal, ""};  // when failed
};

// How far a read may sleep: not at all, for this machine's disk, or for the region too.
enum class Wait : uint8_t { kNever, kForDisk, kAllowed };
enum class Erase : uint8_t {
  kHole,
  kZeroKeep
};  // kZeroKeep: NO_HOLE, reads zero, reported allocated

struct StatusExtent {
  uint64_t bytes = 0;
  bool hole = false;  // nothing allocated here or beneath
  bool zero = false;  // reads as zero
};

class VolumeIo {
 public:
  virtual ~VolumeIo() = default;

  // Live size; grows while connections are open.
  virtual uint64_t size_bytes() const = 0;

  // Fills what it can. With kNever a request whose data is not in memory ends as kWouldBlock, and
  // is to be repeated with kForDisk on a thread that may sleep. With both of them one whose data is
  // remote ends as kRemote, and is to be repeated when ask_for() says so: it may take seconds, and
  // no thread should wait for it. Nothing was filled in then.
  virtual void read(std::span<ReadRequest> batch, Wait wait) = 0;

  // Asks at once for all that is remote in these ranges. `ready` is called, perhaps more than once
  // and with locks held (it hands on and no more), when the wait is over: then ask again. Null: all
  // is here, and stays so.
  virtual Result<std::unique_ptr<ChunkWait>> ask_for(std::span<const ByteRange> ranges,
                                                     const Ready& ready) = 0;
  // How long a request may wait for what is remote.
  virtual std::chrono::milliseconds stall() const = 0;

  // Writes, in any order; adjacent requests become one device write. May sleep: cold
  // read-modify-write edges (remote ones as long as a read of kAllowed: ask_for() first), the
  // throttle near a full journal. Fails kNoSpace, kPoolReadOnly, kDeviceFailed per request.
  virtual void write(std::span<WriteRequest> batch) = 0;

  // Trim and zero; whole-volume ranges are O(metadata). Unaligned edges are zeroed.
  virtual Result<void> erase(ByteRange range, Erase how) = 0;

  // True when erase(range) needs no data I/O (block aligned): what fast zero asks.
  virtual bool erase_is_fast(ByteRange range) const = 0;

  // Durable: everything acknowledged on this volume before the call. Group commit; may sleep.
  virtual Result<void> flush() = 0;

  // base:allocation from `range.offset` on: neighbours merged, at least one extent, at most
  // `extents_max`, may stop short of or run past range.end() but never past the volume's end.
  virtual Result<std::vector<StatusExtent>> status(ByteRange range, size_t extents_max) = 0;

  // A hint that the range is wanted soon; starts read-ahead and returns.
  virtual void prefetch(ByteRange range) = 0;

  // Of all its hosts, over all their connections.
  Traffic& traffic() { return traffic_; }

 private:
  Traffic traffic_;
};

// What an export name leads to. The NBD server obeys the pool's attachment record alone.
struct Export {
  std::string name;  // the attachment id
  std::shared_ptr<VolumeIo> volume;
  bool read_only = false;
};

class ExportSource {
 public:
  virtual ~ExportSource() = default;
  // Errors: kAttachmentNotFound (unknown), kShuttingDown or kFailedPrecondition (being detached).
  virtual Result<Export> find_export(const std::string& name) = 0;
  // Names listed to a Unix-socket peer.
  virtual std::vector<std::string> list_exports() = 0;
};

}  // namespace ashlar
