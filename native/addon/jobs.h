// Jobs: the addon's own threads for calls that block (libuv's small pool is not ours to fill), and
// the way back: a job's outcome settles a promise on the JavaScript thread. Threads are made as
// needed, up to a limit, and joined when the environment ends.
//
// Thread: run() on the JavaScript thread; everything else inside.
#pragma once

#include <napi.h>

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "base/result.h"

namespace ashlar::addon {

// What a finished job leaves: makes the value the promise resolves to.
using MakeValue = std::function<Napi::Value(Napi::Env)>;
using Job = std::function<Result<MakeValue>()>;

inline MakeValue undefined() {
  return [](Napi::Env env) { return env.Undefined(); };
}

// "NOT_FOUND" for kNotFound.
std::string code_text(Code code);
Napi::Error to_js_error(Napi::Env env, const Error& error);

class Jobs {
 public:
  explicit Jobs(Napi::Env env);
  ~Jobs();
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;

  Napi::Promise run(Napi::Env env, Job job);

 private:
  struct Waiting {
    Job job;
    Napi::Promise::Deferred deferred;
  };
  struct Done {
    Napi::Promise::Deferred deferred;
    Result<MakeValue> outcome;
  };

  void worker();
  void settle(Napi::Env env);

  static constexpr size_t kThreadsMax = 128;

  Napi::ThreadSafeFunction back_;
  size_t under_way_ = 0;  // JavaScript thread: while any, the environment is kept alive

  std::mutex mutex_;
  std::condition_variable wakes_;
  std::deque<std::unique_ptr<Waiting>> waiting_;
  std::deque<std::unique_ptr<Done>> done_;
  std::vector<std::thread> threads_;
  size_t idle_ = 0;
  bool stopping_ = false;
};

}  // namespace ashlar::addon
