#include "addon/jobs.h"

#include <cctype>
#include <utility>

#include "base/thread.h"
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

namespace {

Attempt attempt_of(Job job) {
  return [job = std::move(job)](const Ready&) -> Result<std::optional<MakeValue>> {
    return std::optional(TRY(job()));
  };
}

}  // namespace

Jobs::Jobs(Napi::Env env)
    : shared_(std::make_shared<Shared>(Napi::ThreadSafeFunction::New(
          env, Napi::Function::New(env, [](const Napi::CallbackInfo&) {}), "ashlar", 0, 1))) {
  shared_->back.Unref(env);
  shared_->settle = [this](Napi::Env at) { settle(at); };
  for (const Lane lane : {Lane::kOrder, Lane::kEnd, Lane::kBulk}) {
    std::lock_guard lock(shared_->mutex);
    if (shared_->add_thread(lane)) continue;
    to_js_error(env, no_thread("loading the addon")).ThrowAsJavaScriptException();
    return;
  }
  // Hooks run backwards: this one before that of `back`, which no thread may call after its end.
  napi_add_env_cleanup_hook(
      env, [](void* jobs) { static_cast<Jobs*>(jobs)->stop(); }, this);
}

Jobs::~Jobs() {
  stop();
}

void Jobs::stop() {
  {
    std::lock_guard lock(shared_->mutex);
    if (std::exchange(shared_->stopping, true)) return;
    for (Threads& threads : shared_->lanes)
      threads.wakes.notify_all();
  }
  // Nobody adds to them from here on.
  for (Threads& threads : shared_->lanes) {
    for (std::thread& thread : threads.all)
      thread.join();
  }
  // What has not begun, or was not heard, may hold a pool that holds who will say `again`, and so
  // all this: each would keep the other, and the pool open.
  for (Threads& threads : shared_->lanes)
    threads.waiting.clear();
  shared_->done.clear();
  shared_->back.Release();
}

Napi::Promise Jobs::run(Napi::Env env, Lane lane, Job job) {
  return promise(env, {}, lane, attempt_of(std::move(job)));
}

Napi::Promise Jobs::run_keeping(Napi::Env env, Lane lane, Napi::Object kept, Job job) {
  return promise(env, Napi::Persistent(kept), lane, attempt_of(std::move(job)));
}

Napi::Promise Jobs::run_when_ready(Napi::Env env, Lane lane, Attempt attempt) {
  return promise(env, {}, lane, std::move(attempt));
}

Napi::Promise Jobs::promise(Napi::Env env, Napi::ObjectReference kept, Lane lane, Attempt attempt) {
  // Not Napi::Promise::Deferred: that leaves its promise undefined where JavaScript is already
  // being ended while it still runs, and whoever got it would follow a wild handle.
  napi_deferred deferred = nullptr;
  napi_value value = nullptr;
  if (napi_create_promise(env, &deferred, &value) != napi_ok) return {};
  if (promised_.empty()) shared_->back.Ref(env);
  promised_.emplace(++last_, Promised{deferred, std::move(kept)});
  shared_->push(std::make_shared<const Call>(Call{last_, lane, std::move(attempt)}));
  return Napi::Promise(env, value);
}

void Jobs::Shared::push(std::shared_ptr<const Call> call) {
  std::lock_guard lock(mutex);
  if (stopping) return;
  const Lane lane = call->lane;
  Threads& threads = lanes[size_t(lane)];
  threads.waiting.push_back(std::move(call));
  // Where the system gives no more, it waits for one that is there.
  if (threads.idle < threads.waiting.size() && threads.all.size() < kThreadsMax[size_t(lane)]) {
    (void)add_thread(lane);
  }
  threads.wakes.notify_one();
}

bool Jobs::Shared::add_thread(Lane lane) {
  auto thread = try_thread([self = shared_from_this(), lane] { self->worker(lane); });
  if (!thread) return false;
  lanes[size_t(lane)].all.push_back(*std::move(thread));
  return true;
}

void Jobs::Shared::worker(Lane lane) {
  name_thread("job");
  Threads& threads = lanes[size_t(lane)];
  std::unique_lock lock(mutex);
  for (;;) {
    threads.idle++;
    threads.wakes.wait(lock, [&] { return stopping || !threads.waiting.empty(); });
    threads.idle--;
    if (stopping) return;
    auto call = std::move(threads.waiting.front());
    threads.waiting.pop_front();
    lock.unlock();
    auto outcome = attempt(call);
    const Number number = call->number;
    call.reset();  // what it holds may end here, and take its time
    lock.lock();
    if (stopping) return;
    if (!outcome) continue;
    // Whoever finds others there before him has been announced by them.
    const bool announced = !done.empty();
    done.push_back({number, *std::move(outcome)});
    lock.unlock();
    if (!announced) {
      back.NonBlockingCall([this](Napi::Env env, Napi::Function) { settle(env); });
    }
    lock.lock();
  }
}

// Nothing when it is too early: somebody has the call then, and may have begun it again already.
std::optional<Result<MakeValue>> Jobs::Shared::attempt(const std::shared_ptr<const Call>& call) {
  auto outcome = call->attempt([self = shared_from_this(), call] { self->push(call); });
  if (!outcome) return Result<MakeValue>(std::move(outcome).error());
  if (!*outcome) return std::nullopt;
  return Result<MakeValue>(**std::move(outcome));
}

// JavaScript thread. Whatever has been done by now is settled.
void Jobs::settle(Napi::Env env) {
  std::deque<Done> done;
  {
    std::lock_guard lock(shared_->mutex);
    done.swap(shared_->done);
  }
  for (Done& each : done) {
    const auto promised = promised_.extract(each.number);
    const napi_deferred deferred = promised.mapped().deferred;
    // What fails here fails because nobody is left to hear it.
    if (each.outcome) {
      (void)napi_resolve_deferred(env, deferred, (*each.outcome)(env));
    } else {
      (void)napi_reject_deferred(env, deferred, to_js_error(env, each.outcome.error()).Value());
    }
  }
  if (promised_.empty() && !done.empty()) shared_->back.Unref(env);
}

}  // namespace ashlar::addon
