// The two clocks. Nothing else asks the system for the time. Thread: any.
#pragma once

#include <cstdint>

namespace ashlar {

// For durations; never goes back.
uint64_t monotonic_ns();
// Nanoseconds since 1970, for people; may jump, so nothing is decided by it.
uint64_t wall_clock_ns();

}  // namespace ashlar
