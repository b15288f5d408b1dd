// What is on a device that is no pool yet, so that nothing is destroyed unasked and an operator
// reads what would have been. Thread: any, nobody else uses the device.
#pragma once

#include <optional>
#include <string>

#include "device/device.h"

namespace ashlar {

// "an ext2, ext3 or ext4 file system", "data (the first at byte 4190208)"; nothing where it is
// blank: zeros in all of the first `whole_bytes`, in samples of the rest, and at the end. A pool
// whose making never came to its end is nothing either.
Result<std::optional<std::string>> contents_of(Device& device, uint64_t whole_bytes);

}  // namespace ashlar
