// A thread that may be refused: there is a limit of them (RLIMIT_NPROC, pids.max, memory), and
// whoever meets it does with fewer, or says so. std::thread throws then, which would end the
// process. Thread: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <system_error>
#include <thread>
#include <utility>

#include "base/error.h"
#include "base/failpoint.h"

namespace ashlar {

#ifdef ASHLAR_FAILPOINTS
// For tests: this process gets so many more. Without limit at first, and when negative.
void set_threads_left(int64_t count);
bool take_thread();
#else
inline bool take_thread() {
  return true;
}
#endif

// Nothing when the system gives no more of them.
template <typename Body>
std::optional<std::thread> try_thread(Body body) {
  if (!take_thread()) return std::nullopt;
  try {
    return std::thread(std::move(body));
  } catch (const std::system_error&) {
    return std::nullopt;
  }
}

// What could not be done without one.
Error no_thread(const std::string& what);

}  // namespace ashlar
