// Jobs: the addon's own threads for calls that block (libuv's small pool is not ours to fill), and
// the way back: a job's outcome settles a promise on the JavaScript thread. Threads are made as
// needed, up to a limit, and joined when the environment ends.
//
// Threads know a promise by its number alone. What belongs to JavaScript (the promise itself, and a
// value that has to live as long as it) stays in `promised_`, which only the JavaScript thread
// touches: nothing of it can be released anywhere else, however a call ends.
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
#include <unordered_map>
#include <vector>

#include "base/result.h"

namespace ashlar::addon {

// What a finished job leaves: makes the value the promise resolves to. Called and destroyed on the
// JavaScript thread.
using MakeValue = std::function<Napi::Value(Napi::Env)>;
// Destroyed on any thread: holds nothing of JavaScript.
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
  // `kept` stays alive until the promise is settled: the job may use what is inside.
  Napi::Promise run_keeping(Napi::Env env, Napi::Object kept, Job job);

 private:
  using Number = uint64_t;
  struct Promised {
    Napi::Promise::Deferred deferred;
    Napi::ObjectReference kept;
  };
  struct Waiting {
    Number number = 0;
    Job job;
  };
  struct Done {
    Number number = 0;
    Result<MakeValue> outcome;
  };

  Napi::Promise promise(Napi::Env env, Napi::ObjectReference kept, Job job);
  void worker();
  void settle(Napi::Env env);
  // No job begins any more; returns when none runs. Idempotent.
  void stop();

  static constexpr size_t kThreadsMax = 128;

  // JavaScript thread. While there are promises, the environment is kept alive.
  Napi::ThreadSafeFunction back_;
  std::unordered_map<Number, Promised> promised_;
  Number last_ = 0;

  std::mutex mutex_;  // guards what follows
  std::condition_variable wakes_;
  std::deque<Waiting> waiting_;
  std::deque<Done> done_;
  std::vector<std::thread> threads_;
  size_t idle_ = 0;
  bool stopping_ = false;
};

}  // namespace ashlar::addon
