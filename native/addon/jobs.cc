#include "addon/jobs.h"

#include <cctype>
#include <utility>

#include "base/thread_name.h"

namespace ashlar::addon {

std::string code_text(Code code) {
  std::string text;
  for (const char* at = code_name(code) + 1; *at; at++) {
    if (std::isupper(static_cast<unsigned char>(*at)) && !text.empty()) text += '_';
    text += char(std::toupper(static_cast<unsigned char>(*at)));
  }
  return text;
}

Napi::Error to_js_error(Napi::Env env, const Error& error) {
  Napi::Error thrown = Napi::Error::New(env, error.message);
  thrown.Set("code", Napi::String::New(env, code_text(error.code)));
  return thrown;
}

Jobs::Jobs(Napi::Env env)
    : back_(Napi::ThreadSafeFunction::New(
          env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}), "ashlar", 0, 1)) {
  back_.Unref(env);
  // Hooks run backwards: this one before that of back_, which no thread may call after its end.
  napi_add_env_cleanup_hook(
      env, [](void* jobs) { static_cast<Jobs*>(jobs)->stop(); }, this);
}

Jobs::~Jobs() {
  stop();
}

void Jobs::stop() {
  {
    std::lock_guard lock(mutex_);
    if (std::exchange(stopping_, true)) return;
  }
  wakes_.notify_all();
  for (std::thread& thread : threads_)
    thread.join();
  back_.Release();
}

Napi::Promise Jobs::run(Napi::Env env, Job job) {
  return promise(env, {}, std::move(job));
}

Napi::Promise Jobs::run_keeping(Napi::Env env, Napi::Object kept, Job job) {
  return promise(env, Napi::Persistent(kept), std::move(job));
}

Napi::Promise Jobs::promise(Napi::Env env, Napi::ObjectReference kept, Job job) {
  const auto deferred = Napi::Promise::Deferred::New(env);
  if (promised_.empty()) back_.Ref(env);
  promised_.emplace(++last_, Promised{deferred, std::move(kept)});
  {
    std::lock_guard lock(mutex_);
    waiting_.push_back({last_, std::move(job)});
    if (idle_ < waiting_.size() && threads_.size() < kThreadsMax) {
      threads_.emplace_back([this] { worker(); });
    }
  }
  wakes_.notify_one();
  return deferred.Promise();
}

void Jobs::worker() {
  name_thread("job");
  std::unique_lock lock(mutex_);
  for (;;) {
    idle_++;
    wakes_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
    idle_--;
    if (stopping_) return;
    Waiting waiting = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    Done done{waiting.number, waiting.job()};
    waiting.job = nullptr;  // what it holds may end here, and call
    lock.lock();
    done_.push_back(std::move(done));
    if (stopping_) return;
    lock.unlock();
    back_.NonBlockingCall([this](Napi::Env env, Napi::Function) { settle(env); });
    lock.lock();
  }
}

// JavaScript thread. Whatever has been done by now is settled.
void Jobs::settle(Napi::Env env) {
  std::deque<Done> done;
  {
    std::lock_guard lock(mutex_);
    done.swap(done_);
  }
  for (Done& each : done) {
    const auto promised = promised_.extract(each.number);
    const Napi::Promise::Deferred& deferred = promised.mapped().deferred;
    if (each.outcome) {
      deferred.Resolve((*each.outcome)(env));
    } else {
      deferred.Reject(to_js_error(env, each.outcome.error()).Value());
    }
  }
  if (promised_.empty() && !done.empty()) back_.Unref(env);
}

}  // namespace ashlar::addon
