#include "base/clock.h"

#include <time.h>

namespace ashlar {
namespace {

uint64_t read_clock(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return uint64_t(now.tv_sec) * 1'000'000'000 + uint64_t(now.tv_nsec);
}

}  // namespace

uint64_t monotonic_ns() {
  return read_clock(CLOCK_MONOTONIC);
}
uint64_t wall_clock_ns() {
  return read_clock(CLOCK_REALTIME);
}

}  // namespace ashlar
