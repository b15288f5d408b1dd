// What all connections of one volume have in common. Thread: any.
#pragma once

#include "nbd/parked_bytes.h"
#include "nbd/write_fence.h"

namespace ashlar::nbd {

struct VolumeShare {
  WriteFence fence;
  ParkedBytes parked;
};

}  // namespace ashlar::nbd
