#include "base/low_priority.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

namespace ashlar {
namespace {

void be_nice(int nice) {
  const sched_param none{};
  (void)sched_setscheduler(0, SCHED_BATCH, &none);
  // On Linux a nice value is a thread's own.
  (void)setpriority(PRIO_PROCESS, id_t(gettid()), nice);
}

}  // namespace

void lower_priority() {
  be_nice(10);
}

// Measured: SCHED_IDLE serves guests no better, and starves beside anything else in the background.
void lowest_priority() {
  be_nice(19);
}

}  // namespace ashlar
