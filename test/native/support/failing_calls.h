// Makes the n-th and, if asked, every later write, sync, create or rename of this thread fail,
// while it is in scope: a full or failing disk, one call after another. The code under test calls
// the C library as always; failing_calls.cc takes these calls' places in the test program. What
// RocksDB writes, syncs, renames and removes on this thread counts; what it creates does not.
#pragma once

#include <cstdint>

namespace ashlar::test {

class FailingCalls {
 public:
  struct Plan {
    uint64_t at = 0;           // the call that fails, from 0
    int error = 0;             // errno
    bool later_too = false;    // or only that one
    bool half_before = false;  // a write that fails has written its first half, as full disks do
    bool killed = false;       // with later_too: nothing can be removed either
  };
  explicit FailingCalls(const Plan& plan);
  FailingCalls(const FailingCalls&) = delete;
  FailingCalls& operator=(const FailingCalls&) = delete;
  ~FailingCalls();
  bool struck() const;  // some call failed
  bool halved() const;  // the first that did was a write whose first half was written
};

}  // namespace ashlar::test
