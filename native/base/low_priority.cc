#include "base/low_priority.h"

#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

namespace ashlar {

void lower_priority() {
  constexpr int kNice = 10;
  const sched_param none{};
  (void)sched_setscheduler(0, SCHED_BATCH, &none);
  // On Linux a nice value is a thread's own.
  (void)setpriority(PRIO_PROCESS, id_t(gettid()), kNice);
}

void lowest_priority() {
  const sched_param none{};
  if (sched_setscheduler(0, SCHED_IDLE, &none) != 0) lower_priority();
}

}  // namespace ashlar
