// What `top -H`, perf and a debugger call a thread. Thread: any.
#pragma once

#include <pthread.h>

namespace ashlar {

// Of the calling thread; at most 15 characters.
inline void name_thread(const char* name) {
  (void)pthread_setname_np(pthread_self(), name);
}

}  // namespace ashlar
