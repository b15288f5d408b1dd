// Background work gives way to requests: its threads ask the scheduler for less. Thread: any.
#pragma once

#include <sys/resource.h>

namespace ashlar {

// This thread only (Linux keeps the value by thread), and for the rest of its life.
inline void lower_priority() {
  constexpr int kNice = 10;
  (void)::setpriority(PRIO_PROCESS, 0, kNice);
}

}  // namespace ashlar
