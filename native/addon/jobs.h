// Jobs: the addon's own threads for calls that block (libuv's small pool is not ours to fill), and
// the way back: a job's outcome settles a promise on the JavaScript thread. Each lane has a thread
// from the beginning and more as needed, up to a limit; all are joined when the environment ends.
// They compute and do disk I/O; who waits for a peer leaves word and holds none (run_when_ready).
//
// Threads know a promise by its number alone. What belongs to JavaScript (the promise itself, and a
// value that has to live as long as it) stays in `promised_`, which only the JavaScript thread
// touches: nothing of it can be released anywhere else, however a call ends.
//
// Thread: run*() on the JavaScript thread; everything else inside.
#pragma once

#include <napi.h>

#include <array>
#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/changes.h"
#include "base/result.h"

namespace ashlar::addon {

// What a finished job leaves: makes the value the promise resolves to. Called and destroyed on the
// JavaScript thread.
using MakeValue = std::function<Napi::Value(Napi::Env)>;
// Destroyed on any thread: holds nothing of JavaScript.
using Job = std::function<Result<MakeValue>()>;
// A job that may find that it is too early: then it leaves nothing, and sees to it that `again` is
// called when it is worth another attempt.
using Attempt = std::function<Result<std::optional<MakeValue>>(const Ready& again)>;

inline MakeValue undefined() {
  return [](Napi::Env env) { return env.Undefined(); };
}

// "NOT_FOUND" for kNotFound.
std::string code_text(Code code);
Napi::Error to_js_error(Napi::Env env, const Error& error);

class Jobs {
 public:
  // No call waits behind others of another lane.
  enum class Lane : uint8_t {
    kOrder,  // what a control plane waits for: short
    kEnd,    // waits for hosts, or for other calls, to let go of something
    kBulk,   // frames, and whatever reads or hashes much
  };

  explicit Jobs(Napi::Env env);
  ~Jobs();
  Jobs(const Jobs&) = delete;
  Jobs& operator=(const Jobs&) = delete;

  Napi::Promise run(Napi::Env env, Lane lane, Job job);
  // `kept` stays alive until the promise is settled: the job may use what is inside.
  Napi::Promise run_keeping(Napi::Env env, Lane lane, Napi::Object kept, Job job);
  Napi::Promise run_when_ready(Napi::Env env, Lane lane, Attempt attempt);

 private:
  using Number = uint64_t;
  struct Promised {
    napi_deferred deferred = nullptr;
    Napi::ObjectReference kept;
  };
  struct Call {
    Number number = 0;
    Lane lane = Lane::kBulk;
    Attempt attempt;
  };
  struct Done {
    Number number = 0;
    Result<MakeValue> outcome;
  };
  struct Threads {
    std::condition_variable wakes;
    std::deque<std::shared_ptr<const Call>> waiting;
    std::vector<std::thread> all;
    size_t idle = 0;
  };
  // The threads' side. A call that waits for its peer is held by who will say `again`, perhaps
  // longer than the environment lives: then it is dropped.
  struct Shared : std::enable_shared_from_this<Shared> {
    explicit Shared(Napi::ThreadSafeFunction to_js) : back(std::move(to_js)) {}
    void push(std::shared_ptr<const Call> call);
    // Requires the mutex.
    bool add_thread(Lane lane);
    void worker(Lane lane);
    std::optional<Result<MakeValue>> attempt(const std::shared_ptr<const Call>& call);

    Napi::ThreadSafeFunction back;  // not called once `stopping`
    std::function<void(Napi::Env)> settle;
    std::mutex mutex;  // guards what follows
    std::array<Threads, 3> lanes;
    std::deque<Done> done;
    bool stopping = false;
  };

  Napi::Promise promise(Napi::Env env, Napi::ObjectReference kept, Lane lane, Attempt attempt);
  void settle(Napi::Env env);
  // No job begins any more; returns when none runs. Idempotent.
  void stop();

  static constexpr std::array<size_t, 3> kThreadsMax = {32, 64, 128};

  // JavaScript thread. While there are promises, the environment is kept alive.
  std::unordered_map<Number, Promised> promised_;
  Number last_ = 0;
  const std::shared_ptr<Shared> shared_;
};

}  // namespace ashlar::addon
