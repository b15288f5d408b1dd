// What a pool stands on: a file or a block device, addressed in bytes. Implementations: FileDevice
// (buffered), and the faulty device of the crash tests. Every call may come from any thread.
// errno becomes a Code here and nowhere else: ENOSPC, EDQUOT, EFBIG -> kNoSpace, the rest ->
// kDeviceFailed.
#pragma once

#include <sys/uio.h>

#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/result.h"

namespace ashlar {

class Device {
 public:
  virtual ~Device() = default;

  // Requires: inside size_bytes(). Fills all of `into` or fails.
  virtual Result<void> read(uint64_t offset, MutableBytes into) = 0;
  // As read, but false when the bytes are not in memory right now. Nothing is promised of `into`
  // then.
  virtual Result<bool> read_cached(uint64_t offset, MutableBytes into) = 0;
  // As read, past any cache the operating system keeps (recovery).
  virtual Result<void> read_uncached(uint64_t offset, MutableBytes into) = 0;
  // Writes all parts, one after another, from `offset` on. The parts may be changed by the call.
  virtual Result<void> write(uint64_t offset, std::span<iovec> parts) = 0;
  // As write, for bytes that are not wanted again soon: written back at once, and not kept in
  // memory, where the system can do that.
  virtual Result<void> write_uncached(uint64_t offset, std::span<iovec> parts) {
    return write(offset, parts);
  }
  // Announces the range that store() will be called for, once, before the first of them.
  virtual void expect_stores(ByteRange) {}
  // As write, for few bytes, and as cheap as can be: with the operating system when it returns, so
  // that they outlive this process. Of two calls one after another the system has the first when it
  // has the second; of eight aligned bytes it has all or none.
  virtual Result<void> store(uint64_t offset, Bytes bytes);
  // Durable: every write and store that returned before the call. After a failure nothing is known.
  virtual Result<void> sync() = 0;
  // Makes [0, bytes) writable without running out of space. kNoSpace when the system has no more.
  virtual Result<void> grow(uint64_t bytes) = 0;
  // Starts reading in the background; a hint.
  virtual void prefetch(ByteRange range) = 0;

  virtual uint64_t size_bytes() const = 0;
  // What grow() could still add.
  virtual uint64_t growable_bytes() const = 0;
  // What the file system has in all (for the 20 % rule); 0 for a block device.
  virtual uint64_t file_system_bytes() const = 0;
};

Result<void> write_bytes(Device& device, uint64_t offset, Bytes data);
Result<void> write_bytes_uncached(Device& device, uint64_t offset, Bytes data);

struct OpenedFile {
  std::unique_ptr<Device> device;
  bool is_block_device = false;
  bool created = false;  // an empty file, which was not there before
};

enum class IfAbsent : uint8_t { kFail, kCreate };
// Opens and locks the file or block device that the path names: while this one is open, nobody else
// opens it or puts another in its place. kNotFound; kInUse when another process, or for a block
// device the system, has it.
Result<OpenedFile> open_file_device(const std::string& path, IfAbsent absent);

}  // namespace ashlar
