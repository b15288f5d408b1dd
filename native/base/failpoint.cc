#include "base/failpoint.h"

#ifdef ASHLAR_FAILPOINTS

#include <atomic>

namespace ashlar {
namespace {

std::atomic<FailpointHook> hook_of_tests{nullptr};

}  // namespace

const char* failpoint_name(Failpoint failpoint) {
  static constexpr const char* kNames[] = {
#define ASHLAR_CXX_FAILPOINT(name, follows) #name,
#define ASHLAR_TS_FAILPOINT(name, follows)
#include "base/failpoints.def"
#undef ASHLAR_CXX_FAILPOINT
#undef ASHLAR_TS_FAILPOINT
  };
  return kNames[size_t(failpoint)];
}

void set_failpoint_hook(FailpointHook hook) {
  hook_of_tests.store(hook);
}

void pass_failpoint(Failpoint failpoint) {
  if (const FailpointHook hook = hook_of_tests.load(std::memory_order_acquire)) hook(failpoint);
}

}  // namespace ashlar

#endif
