// CHECK stops the process when an internal invariant is broken; always on.
// DCHECK is for whole-structure validators; on in build/check and build/asan (ASHLAR_DCHECK).
// Input from a socket, file, peer or config can never trip either: validate it first, at the edge.
#pragma once

namespace ashlar {

[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace ashlar

#define CHECK(condition)                        \
  (__builtin_expect(!!(condition), 1) ? (void)0 \
                                      : ::ashlar::check_failed(#condition, __FILE__, __LINE__))

#ifdef ASHLAR_DCHECK
#define DCHECK(condition) CHECK(condition)
#else
#define DCHECK(condition) (void)sizeof(!(condition))
#endif
