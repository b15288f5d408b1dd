// A failpoint stands right before an action that nothing can take back: a test ends the process, or
// the life of its disk, there (test/native/failpoints_test.cc). failpoints.def has all of them.
// On in the builds that have DCHECK (check, asan, tsan); a release has neither the calls nor the
// names. Hence the daemons of the tests, which run the release's addon, die at the failpoints of
// TypeScript only: a second addon would be a second compile of everything, and what it could show
// beyond ashlar_tests is C++ that is killed at an instant, which needs no daemon around it.
// Thread: any. A failpoint may be passed with locks held: who hooks in takes none of ours.
#pragma once

#include <cstdint>

#ifdef ASHLAR_DCHECK
#define ASHLAR_FAILPOINTS 1
#endif

#ifdef ASHLAR_FAILPOINTS

namespace ashlar {

enum class Failpoint : uint8_t {
#define ASHLAR_CXX_FAILPOINT(name, follows) name,
#define ASHLAR_TS_FAILPOINT(name, follows)
#include "base/failpoints.def"
#undef ASHLAR_CXX_FAILPOINT
#undef ASHLAR_TS_FAILPOINT
};

// The enumerator's name. Never fails.
const char* failpoint_name(Failpoint failpoint);

// Called at every passage, by its thread; null for nothing.
using FailpointHook = void (*)(Failpoint);
void set_failpoint_hook(FailpointHook hook);

void pass_failpoint(Failpoint failpoint);

}  // namespace ashlar

#define FAILPOINT(name) ::ashlar::pass_failpoint(::ashlar::Failpoint::name)
#else
#define FAILPOINT(name) ((void)0)
#endif
