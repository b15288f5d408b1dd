// The module: src/native/binding.ts says what each function does. Handles are external values with
// a type tag, so that a wrong one is an exception and not a crash. One Addon object carries all
// state of an environment; its end closes everything. Thread: JavaScript.
#include "addon/pool_calls.h"
#include "addon/values.h"
#include "seal/image.h"

namespace ashlar::addon {
namespace {

constexpr napi_type_tag kPoolTag{0x617368706f6f6c31, 0x8d1c4f6a2b9e7035};
constexpr napi_type_tag kNbdTag{0x6173686e62643131, 0x3f5a9c1e7d2b8460};

class Addon final : public Napi::Addon<Addon> {
 public:
  Addon(Napi::Env env, Napi::Object exports) : jobs_(env) {
    DefineAddon(exports, {
                             InstanceMethod("errorCodes", &Addon::error_codes),
                             InstanceMethod("openPool", &Addon::open),
                             InstanceMethod("closePool", &Addon::close),
                             InstanceMethod("order", &Addon::order),
                             InstanceMethod("records", &Addon::records_of),
                             InstanceMethod("poolStats", &Addon::stats_of),
                             InstanceMethod("poolCheck", &Addon::check),
                             InstanceMethod("verifyImage", &Addon::verify),
                             InstanceMethod("startNbd", &Addon::start_nbd),
                             InstanceMethod("stopNbd", &Addon::stop_nbd),
                         });
  }

 private:
  using Node = std::shared_ptr<PoolNode>;

  static Napi::Value handle(Napi::Env env, Node node, const napi_type_tag& tag) {
    auto held = std::make_unique<Node>(std::move(node));
    auto external = Napi::External<Node>::New(env, held.release(), [](Napi::Env, Node* given) {
      const std::unique_ptr<Node> owner(given);
    });
    external.TypeTag(&tag);
    return external;
  }

  static Result<Node> node_of(const Napi::Value& value, const napi_type_tag& tag) {
    if (!value.IsExternal()) return error(Code::kInvalidArgument, "this is no handle");
    const auto external = value.As<Napi::External<Node>>();
    if (!external.CheckTypeTag(&tag))
      return error(Code::kInvalidArgument, "a handle of another kind");
    return *external.Data();
  }

  Napi::Value reject(Napi::Env env, const Error& reason) {
    return jobs_.run(env, [reason]() -> Result<MakeValue> { return reason; });
  }
  Napi::Value run(Napi::Env env, Result<Job> job) {
    if (!job) return reject(env, job.error());
    return jobs_.run(env, *std::move(job));
  }
  static Napi::Value throw_error(Napi::Env env, const Error& reason) {
    to_js_error(env, reason).ThrowAsJavaScriptException();
    return env.Undefined();
  }

  Napi::Value error_codes(const Napi::CallbackInfo& info) {
    Napi::Array codes = Napi::Array::New(info.Env());
    uint32_t count = 0;
#define ASHLAR_ERROR(name, vpc, nbd, grpc, http, text) codes.Set(count++, code_text(Code::name));
#include "base/error_codes.def"
#undef ASHLAR_ERROR
    return codes;
  }

  Napi::Value open(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    if (!info[0].IsObject())
      return reject(env, error(Code::kInvalidArgument, "options are missing"));
    return run(env, open_pool(info[0].As<Napi::Object>(), [](Node node) -> MakeValue {
                 return [node](Napi::Env at) { return handle(at, node, kPoolTag); };
               }));
  }

  Napi::Value close(const Napi::CallbackInfo& info) {
    const auto node = node_of(info[0], kPoolTag);
    if (!node) return reject(info.Env(), node.error());
    return jobs_.run(info.Env(), [node = *node]() -> Result<MakeValue> {
      TRY(node->close());
      return undefined();
    });
  }

  Napi::Value order(const Napi::CallbackInfo& info) {
    const auto node = node_of(info[0], kPoolTag);
    if (!node) return reject(info.Env(), node.error());
    if (!info[1].IsObject()) {
      return reject(info.Env(), error(Code::kInvalidArgument, "the order is missing"));
    }
    return run(info.Env(), order_job(*node, info[1].As<Napi::Object>()));
  }

  Napi::Value records_of(const Napi::CallbackInfo& info) {
    const auto node = node_of(info[0], kPoolTag);
    if (!node) return throw_error(info.Env(), node.error());
    auto value = records(info.Env(), **node);
    return value ? *value : throw_error(info.Env(), value.error());
  }

  Napi::Value stats_of(const Napi::CallbackInfo& info) {
    const auto node = node_of(info[0], kPoolTag);
    if (!node) return throw_error(info.Env(), node.error());
    auto value = pool_stats(info.Env(), **node);
    return value ? *value : throw_error(info.Env(), value.error());
  }

  Napi::Value check(const Napi::CallbackInfo& info) {
    if (!info[0].IsString() || !info[1].IsObject()) {
      return reject(info.Env(), error(Code::kInvalidArgument, "a path and options are needed"));
    }
    return run(info.Env(), pool_check(info[0].As<Napi::String>().Utf8Value(),
                                      flag_at(info[1].As<Napi::Object>(), "repair")));
  }

  Napi::Value verify(const Napi::CallbackInfo& info) {
    if (!info[0].IsString()) {
      return reject(info.Env(), error(Code::kInvalidArgument, "a path is needed"));
    }
    const std::string path = info[0].As<Napi::String>().Utf8Value();
    return jobs_.run(info.Env(), [path]() -> Result<MakeValue> {
      const ImageRoot image = TRY(verify_image(path));
      return MakeValue([image](Napi::Env env) {
        Napi::Object at = Napi::Object::New(env);
        at.Set("rootHex", to_hex(image.root));
        at.Set("volumeBytes", big(env, image.volume_bytes));
        return at;
      });
    });
  }

  Napi::Value start_nbd(const Napi::CallbackInfo& info) {
    const auto node = node_of(info[0], kPoolTag);
    if (!node) return reject(info.Env(), node.error());
    if (!info[1].IsObject()) {
      return reject(info.Env(), error(Code::kInvalidArgument, "options are missing"));
    }
    const auto options = nbd_options(info[1].As<Napi::Object>());
    if (!options) return reject(info.Env(), options.error());
    return jobs_.run(info.Env(), [node = *node, options = *options]() -> Result<MakeValue> {
      TRY(node->start_server(options));
      return MakeValue([node](Napi::Env env) { return handle(env, node, kNbdTag); });
    });
  }

  Napi::Value stop_nbd(const Napi::CallbackInfo& info) {
    const auto node = node_of(info[0], kNbdTag);
    if (!node) return reject(info.Env(), node.error());
    const double grace_ms = info[1].IsNumber() ? info[1].As<Napi::Number>().DoubleValue() : 5000;
    return jobs_.run(info.Env(), [node = *node, grace_ms]() -> Result<MakeValue> {
      node->stop_server(std::chrono::milliseconds(int64_t(std::clamp(grace_ms, 0.0, 60e3))));
      return undefined();
    });
  }

  Jobs jobs_;
};

}  // namespace

NODE_API_ADDON(Addon)

}  // namespace ashlar::addon
