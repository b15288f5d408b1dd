#include "addon/jobs.h"

#include <cctype>

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
}

Jobs::~Jobs() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  wakes_.notify_all();
  for (std::thread& thread : threads_)
    thread.join();
  back_.Release();
}

Napi::Promise Jobs::run(Napi::Env env, Job job) {
  auto deferred = Napi::Promise::Deferred::New(env);
  if (under_way_++ == 0) back_.Ref(env);
  {
    std::lock_guard lock(mutex_);
    waiting_.push_back(std::make_unique<Waiting>(Waiting{std::move(job), deferred}));
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
    auto waiting = std::move(waiting_.front());
    waiting_.pop_front();
    lock.unlock();
    Result<MakeValue> outcome = waiting->job();
    auto done = std::make_unique<Done>(Done{waiting->deferred, std::move(outcome)});
    waiting.reset();
    lock.lock();
    done_.push_back(std::move(done));
    lock.unlock();
    back_.NonBlockingCall([this](Napi::Env env, Napi::Function) { settle(env); });
    lock.lock();
  }
}

// JavaScript thread. Whatever has been done by now is settled.
void Jobs::settle(Napi::Env env) {
  std::deque<std::unique_ptr<Done>> done;
  {
    std::lock_guard lock(mutex_);
    done.swap(done_);
  }
  for (auto& each : done) {
    if (each->outcome) {
      each->deferred.Resolve((*each->outcome)(env));
    } else {
      each->deferred.Reject(to_js_error(env, each->outcome.error()).Value());
    }
    if (--under_way_ == 0) back_.Unref(env);
  }
}

}  // namespace ashlar::addon
