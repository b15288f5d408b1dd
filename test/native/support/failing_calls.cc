#include "support/failing_calls.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include <cerrno>
#include <cstdarg>

#include "base/check.h"

namespace {

thread_local ashlar::test::FailingCalls::Plan plan;
thread_local bool armed = false;
thread_local bool halved = false;
thread_local uint64_t calls = 0;

// Does this call, which changes the disk, fail?
bool fails() {
  if (!armed) return false;
  const uint64_t call = calls++;
  return call == plan.at || (plan.later_too && call > plan.at);
}

// The half that was written is a success of its own; the call after it fails.
size_t allowed(size_t bytes) {
  if (!armed || !plan.half_before || halved || calls != plan.at || bytes < 2) return bytes;
  halved = true;
  return bytes / 2;
}

template <typename Call>
auto unless_failed(Call call) -> decltype(call()) {
  if (!fails()) return call();
  errno = plan.error;
  return -1;
}

}  // namespace

namespace ashlar::test {

FailingCalls::FailingCalls(const Plan& wanted) {
  CHECK(!armed);
  plan = wanted;
  calls = 0;
  ::halved = false;
  armed = true;
}
FailingCalls::~FailingCalls() {
  armed = false;
}
bool FailingCalls::struck() const {
  return calls > plan.at;
}
bool FailingCalls::halved() const {
  return ::halved;
}

}  // namespace ashlar::test

extern "C" {
#pragma GCC visibility push(default)  // shared objects find them too

ssize_t write(int file, const void* bytes, size_t count) {
  const size_t part = allowed(count);
  if (part < count) return ssize_t(::syscall(SYS_write, file, bytes, part));
  return unless_failed([&] { return ssize_t(::syscall(SYS_write, file, bytes, count)); });
}

ssize_t pwrite(int file, const void* bytes, size_t count, off_t offset) {
  const size_t part = allowed(count);
  if (part < count) return ssize_t(::syscall(SYS_pwrite64, file, bytes, part, offset));
  return unless_failed(
      [&] { return ssize_t(::syscall(SYS_pwrite64, file, bytes, count, offset)); });
}

ssize_t pwritev2(int file, const iovec* parts, int count, off_t offset, int flags) {
  return unless_failed(
      [&] { return ssize_t(::syscall(SYS_pwritev2, file, parts, count, offset, 0, flags)); });
}

int fsync(int file) {
  return unless_failed([&] { return int(::syscall(SYS_fsync, file)); });
}

int fdatasync(int file) {
  return unless_failed([&] { return int(::syscall(SYS_fdatasync, file)); });
}

int rename(const char* from, const char* to) noexcept {
  return unless_failed(
      [&] { return int(::syscall(SYS_renameat2, AT_FDCWD, from, AT_FDCWD, to, 0)); });
}

int unlink(const char* path) noexcept {
  const auto call = [&] { return int(::syscall(SYS_unlinkat, AT_FDCWD, path, 0)); };
  return plan.killed ? unless_failed(call) : call();
}

int open(const char* path, int flags, ...) {
  mode_t mode = 0;
  if (flags & O_CREAT) {
    va_list arguments;
    va_start(arguments, flags);
    mode = mode_t(va_arg(arguments, unsigned));
    va_end(arguments);
  }
  const auto call = [&] { return int(::syscall(SYS_openat, AT_FDCWD, path, flags, mode)); };
  return flags & O_CREAT ? unless_failed(call) : call();
}

#pragma GCC visibility pop
}  // extern "C"
