// How long work in the background rests, so that guests have their time: what a request of theirs
// buys, and at most so many times what the background has worked. A guest that is always at work
// gets nearly all of the time; one that asks for little costs the background little. Thread: any.
#pragma once

#include <algorithm>
#include <cstdint>

namespace ashlar {

constexpr uint64_t kRestNsPerRequest = 100'000;
constexpr uint64_t kRestPerWork = 20;
constexpr uint64_t kRestMaxNs = 200'000'000;

// `requests`: of guests, since the last rest began. `worked_ns`: since it ended.
constexpr uint64_t rest_ns(uint64_t requests, uint64_t worked_ns) {
  return std::min({std::min(requests, kRestMaxNs / kRestNsPerRequest) * kRestNsPerRequest,
                   std::min(worked_ns, kRestMaxNs / kRestPerWork) * kRestPerWork, kRestMaxNs});
}

}  // namespace ashlar
