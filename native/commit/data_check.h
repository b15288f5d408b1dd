// The data of a check: blocks as the walk of the roots comes by them, read past the page cache in
// runs of up to 1 MiB and held against the checksums of their entries. A damaged run is one
// problem, which names its volume or snapshot and where in it the run begins.
//
// Thread: the one that checks.
#pragma once

#include <string>
#include <vector>

#include "codec/crc32c.h"
#include "device/device.h"
#include "format/tree_format.h"
#include "pool/space.h"
#include "pool/written_crcs.h"

namespace ashlar {

class DataCheck {
 public:
  explicit DataCheck(Device& device) : device_(device) {}

  // `whose`: of a volume or snapshot, for the reader; `logical`: of its blocks.
  void add(const MapEntry& entry, const std::string& whose, uint64_t logical,
           std::vector<std::string>* problems) {
    const bool goes_on = entry.block() == run_.end() && logical == logical_ + run_.count &&
                         whose == whose_ && run_.count < kRunBlocksMax;
    if (!goes_on) {
      finish(problems);
      run_ = {entry.block(), 0};
      whose_ = whose;
      logical_ = logical;
    }
    run_.count++;
    expected_.push_back(load_crc(entry));
  }

  // What was added last.
  void finish(std::vector<std::string>* problems) {
    if (run_.count == 0) return;
    data_.resize(run_.count * kBlockBytes);
    found_.resize(run_.count);
    if (auto read = device_.read_uncached(run_.first * kBlockBytes, data_); !read) {
      report({0, run_.count}, read.error().message, problems);
    } else {
      crc32c_blocks(data_.data(), run_.count, found_.data());
      compare(problems);
    }
    checked_blocks_ += run_.count;
    run_ = {};
    expected_.clear();
  }

  uint64_t checked_blocks() const { return checked_blocks_; }

 private:
  static constexpr uint64_t kRunBlocksMax = 256;

  void compare(std::vector<std::string>* problems) {
    for (uint64_t i = 0; i < run_.count;) {
      uint64_t bad = 0;
      while (i + bad < run_.count && found_[i + bad] != expected_[i + bad])
        bad++;
      if (bad > 0) report({i, bad}, "not the bytes that were written", problems);
      i += bad + 1;
    }
  }
  // `part`: of the run.
  void report(PoolRun part, const std::string& what, std::vector<std::string>* problems) {
    problems->push_back(whose_ + " at byte " +
                        std::to_string((logical_ + part.first) * kBlockBytes) + ", " +
                        std::to_string(part.count * kBlockBytes) + " bytes (block " +
                        std::to_string(run_.first + part.first) + " of the pool): " + what);
  }

  Device& device_;
  PoolRun run_;
  std::string whose_;
  uint64_t logical_ = 0;  // of the run's first block
  std::vector<uint32_t> expected_;
  std::vector<uint32_t> found_;
  std::vector<uint8_t> data_;
  uint64_t checked_blocks_ = 0;
};

}  // namespace ashlar
