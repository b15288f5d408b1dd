// How a pool comes to be, and how one is opened by its path. A file appears under its name as a
// whole pool or not at all; on a device the superblock comes last. So a kill at any moment leaves
// nothing that stands in the way of doing the same again. What is not empty is made a pool only
// when a person says so. Thread: any; the lock of the file keeps other processes away.
#pragma once

#include "commit/pool.h"

namespace ashlar {

// By how many blocks the file of a pool of this capacity grows at a time.
uint64_t growth_for(uint64_t capacity_blocks);

// Makes a pool of the whole device, whatever is on it. `name` is for messages.
Result<Superblock> create_pool(Device& device, const std::string& name, const PoolOptions& options);

// What a daemon does. A file that does not exist or is empty becomes a pool; anything else that is
// no pool is refused with kForeignFile and left untouched. kInUse: another process has it.
Result<std::unique_ptr<Pool>> open_pool_at(const std::string& path, const PoolOptions& options);

enum class Over : uint8_t { kNothing, kAnything };
// What an operator asks for. Over kNothing: kForeignFile, saying what is there, unless the file
// does not exist or is empty, or the device is blank. kInUse: a daemon, or the system, has it.
Result<Superblock> make_pool_at(const std::string& path, const PoolOptions& options, Over over);

}  // namespace ashlar
