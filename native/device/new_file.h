// A file that appears under its name whole or not at all: it is written beside the name, synced by
// whoever writes it, and renamed over the empty (or given up) file that has the name until then.
// That one is locked meanwhile, and the new one before it gets the name, so that two processes
// never make the same file. A kill leaves the old file and perhaps one with the suffix ".new",
// which the next attempt removes. Thread: one.
#pragma once

#include "device/device.h"

namespace ashlar {

class NewFile {
 public:
  // Requires: `replaced` is a file, open by this path.
  static Result<std::unique_ptr<NewFile>> begin(OpenedFile replaced, const std::string& path);
  // Removes what was not published.
  ~NewFile();
  NewFile(const NewFile&) = delete;
  NewFile& operator=(const NewFile&) = delete;

  Device& device() { return *device_; }
  // Requires: what was written is synced. Gives it its name, durably.
  Result<std::unique_ptr<Device>> publish();

 private:
  NewFile(OpenedFile replaced, const std::string& path)
      : replaced_(std::move(replaced)), path_(path), temporary_(path + ".new") {}

  const OpenedFile replaced_;  // keeps its lock
  const std::string path_;
  const std::string temporary_;
  std::unique_ptr<Device> device_;
  bool published_ = false;
};

}  // namespace ashlar
