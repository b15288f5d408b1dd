// The module: src/native/binding.ts says what each function does. Handles are external values with
// a type tag, so that a wrong one is an exception and not a crash. One Addon object carries all
// state of an environment; its end closes everything. Thread: JavaScript.
#include <cstdlib>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "addon/measures.h"
#include "addon/pool_calls.h"
#include "addon/record_objects.h"
#include "addon/store_calls.h"
#include "addon/values.h"
#include "seal/image.h"

namespace ashlar::addon {
namespace {

constexpr napi_type_tag kPoolTag{0x617368706f6f6c31, 0x8d1c4f6a2b9e7035};
constexpr napi_type_tag kStoreTag{0x61736873746f7265, 0x5d7e2a9b4c8f1036};
constexpr napi_type_tag kChannelTag{0x6173686368616e6e, 0x2c6b8e0f1a3d5749};
constexpr napi_type_tag kNbdTag{0x6173686e62643131, 0x3f5a9c1e7d2b8460};

// Messages of a pull are a megabyte each and come by the hundred: memory for them that went back to
// the system between two would be zeroed anew, page by page, each time.
void keep_freed_memory() {
#ifdef __GLIBC__
  constexpr int kKeptBytes = 32 << 20;
  (void)mallopt(M_MMAP_THRESHOLD, kKeptBytes);
  (void)mallopt(M_TRIM_THRESHOLD, kKeptBytes);
#endif
}

class Addon final : public Napi::Addon<Addon> {
 public:
  Addon(Napi::Env env, Napi::Object exports) : jobs_(env) {
    keep_freed_memory();
    DefineAddon(
        exports,
        {
            InstanceMethod("errorCodes", &Addon::error_codes),
            InstanceMethod("openPool", &Addon::open),
            InstanceMethod("closePool", &Addon::close),
            InstanceMethod("order", &Addon::order),
            InstanceMethod("settle", &Addon::settle),
            InstanceMethod("growPool", &Addon::grow),
            InstanceMethod("records", &Addon::records_of),
            InstanceMethod("poolStats", &Addon::said_of<pool_stats>),
            InstanceMethod("poolMeasures", &Addon::said_of<pool_measures>),
            InstanceMethod("memoryMeasures", &Addon::memory),
            InstanceMethod("cutPauses", &Addon::said_of<cut_pauses>),
            InstanceMethod("createPool", &Addon::create_pool),
            InstanceMethod("poolCheck", &Addon::check),
            InstanceMethod("verifyImage", &Addon::verify),
            InstanceMethod("manifestRoot", &Addon::root_of_manifest),
            InstanceMethod("startNbd", &Addon::start_nbd),
            InstanceMethod("stopNbd", &Addon::stop_nbd),
            InstanceMethod("openStore", &Addon::open_store_at),
            InstanceMethod("closeStore", &Addon::close_store),
            InstanceMethod("storeStats", &Addon::store_job<store_stats, Jobs::Lane::kOrder>),
            InstanceMethod("storeRecords", &Addon::store_job<store_records>),
            InstanceMethod("storeDamagedRecords", &Addon::store_job<store_damaged_records>),
            InstanceMethod("storeQuarantine",
                           &Addon::store_job<store_quarantine, Jobs::Lane::kOrder>),
            InstanceMethod("storeDamage", &Addon::store_job<store_damage, Jobs::Lane::kOrder>),
            InstanceMethod("collectBegin", &Addon::collect_begin_in),
            InstanceMethod("collectEnd", &Addon::collect_end_in),
            InstanceMethod("collectAbort", &Addon::store_job<collect_abort, Jobs::Lane::kOrder>),
            InstanceMethod("storeCheck", &Addon::store_path_job<store_check>),
            InstanceMethod("storeReadRecords", &Addon::store_path_job<store_read_records>),
            InstanceMethod("storeRebuildIndex", &Addon::store_path_job<store_rebuild_index>),
            InstanceMethod("storeRecord", &Addon::record_in),
            InstanceMethod("openCutSource", &Addon::cut_source),
            InstanceMethod("auditCut", &Addon::audit),
            InstanceMethod("openSnapshotSource", &Addon::snapshot_source),
            InstanceMethod("openIngest", &Addon::ingest),
            InstanceMethod("openTreeIngest", &Addon::tree_ingest),
            InstanceMethod("openRepair", &Addon::repair),
            InstanceMethod("finishIngest", &Addon::ingest_finish),
            InstanceMethod("openHydration", &Addon::hydration),
            InstanceMethod("openCloneFill", &Addon::clone_fill),
            InstanceMethod("give", &Addon::give_to),
            InstanceMethod("take", &Addon::take_from),
            InstanceMethod("yieldChannel", &Addon::yield_channel),
            InstanceMethod("takeDemand", &Addon::demand_of),
            InstanceMethod("channelProgress", &Addon::progress_of),
            InstanceMethod("closeChannel", &Addon::close_channel),
        });
  }

 private:
  using Lane = Jobs::Lane;
  using Node = std::shared_ptr<PoolNode>;

  using Store = std::shared_ptr<StoreNode>;
  using Held = std::shared_ptr<ChannelHandle>;

  template <typename Shared>
  static Napi::Value handle(Napi::Env env, Shared node, const napi_type_tag& tag) {
    auto held = std::make_unique<Shared>(std::move(node));
    auto external = Napi::External<Shared>::New(env, held.release(), [](Napi::Env, Shared* given) {
      const std::unique_ptr<Shared> owner(given);
    });
    external.TypeTag(&tag);
    return external;
  }

  template <typename Shared>
  static Result<Shared> held_in(const Napi::Value& value, const napi_type_tag& tag) {
    if (!value.IsExternal()) return error(Code::kInvalidArgument, "this is no handle");
    const auto external = value.As<Napi::External<Shared>>();
    if (!external.CheckTypeTag(&tag))
      return error(Code::kInvalidArgument, "a handle of another kind");
    return *external.Data();
  }
  static Result<Node> node_of(const Napi::Value& value, const napi_type_tag& tag) {
    return held_in<Node>(value, tag);
  }
  static Napi::Value channel_handle(Napi::Env env, Held channel) {
    return handle(env, std::move(channel), kChannelTag);
  }

  Napi::Value reject(Napi::Env env, const Error& reason) {
    return jobs_.run(env, Lane::kOrder, [reason]() -> Result<MakeValue> { return reason; });
  }
  Napi::Value run(Napi::Env env, Lane lane, Result<Job> job) {
    if (!job) return reject(env, job.error());
    return jobs_.run(env, lane, *std::move(job));
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
    return run(env, Lane::kEnd, open_pool(info[0].As<Napi::Object>(), [](Node node) -> MakeValue {
                 return [node](Napi::Env at) { return handle(at, node, kPoolTag); };
               }));
  }

  Napi::Value create_pool(const Napi::CallbackInfo& info) {
    if (!info[0].IsObject())
      return reject(info.Env(), error(Code::kInvalidArgument, "options are missing"));
    return run(info.Env(), Lane::kBulk, create_pool_at(info[0].As<Napi::Object>()));
  }

  Napi::Value close(const Napi::CallbackInfo& info) {
    const auto node = node_of(info[0], kPoolTag);
    if (!node) return reject(info.Env(), node.error());
    return jobs_.run(info.Env(), Lane::kEnd, [node = *node]() -> Result<MakeValue> {
      TRY(node->close());
      return undefined();
    });
  }

  Napi::Value settle(const Napi::CallbackInfo& info) {
    const auto node = node_of(info[0], kPoolTag);
    if (!node) return reject(info.Env(), node.error());
    return jobs_.run(info.Env(), Lane::kOrder, settle_job(*node));
  }

  Napi::Value order(const Napi::CallbackInfo& info) {
    const auto node = node_of(info[0], kPoolTag);
    if (!node) return reject(info.Env(), node.error());
    if (!info[1].IsObject()) {
      return reject(info.Env(), error(Code::kInvalidArgument, "the order is missing"));
    }
    const Napi::Object order = info[1].As<Napi::Object>();
    const Lane lane = waits_for_hosts(order) ? Lane::kEnd : Lane::kOrder;
    return run(info.Env(), lane, order_job(*node, order));
  }

  Napi::Value grow(const Napi::CallbackInfo& info) {
    return run_with<Node>(info, kPoolTag, grow_pool, Lane::kOrder);
  }

  Napi::Value records_of(const Napi::CallbackInfo& info) {
    const auto node = node_of(info[0], kPoolTag);
    if (!node) return throw_error(info.Env(), node.error());
    auto value = records_of_pool(*node).now(info.Env());
    return value ? *value : throw_error(info.Env(), value.error());
  }
  RecordObjects& records_of_pool(const Node& node) {
    std::erase_if(records_, [](const auto& objects) { return objects->are_of_nobody(); });
    const auto found =
        std::ranges::find_if(records_, [&](const auto& objects) { return objects->are_of(node); });
    if (found != records_.end()) return **found;
    return *records_.emplace_back(std::make_unique<RecordObjects>(node));
  }

  template <Result<Napi::Value> (*kSay)(Napi::Env, PoolNode&)>
  Napi::Value said_of(const Napi::CallbackInfo& info) {
    const auto node = node_of(info[0], kPoolTag);
    if (!node) return throw_error(info.Env(), node.error());
    auto value = kSay(info.Env(), **node);
    return value ? *value : throw_error(info.Env(), value.error());
  }

  Napi::Value memory(const Napi::CallbackInfo& info) {
    return memory_measures(info.Env());
  }

  Napi::Value check(const Napi::CallbackInfo& info) {
    if (!info[0].IsString() || !info[1].IsObject()) {
      return reject(info.Env(), error(Code::kInvalidArgument, "a path and options are needed"));
    }
    const Napi::Object options = info[1].As<Napi::Object>();
    const CheckDepth depth = flag_at(options, "data") ? CheckDepth::kData : CheckDepth::kMaps;
    return run(
        info.Env(), Lane::kBulk,
        pool_check(info[0].As<Napi::String>().Utf8Value(), flag_at(options, "repair"), depth));
  }

  Napi::Value verify(const Napi::CallbackInfo& info) {
    if (!info[0].IsString()) {
      return reject(info.Env(), error(Code::kInvalidArgument, "a path is needed"));
    }
    const std::string path = info[0].As<Napi::String>().Utf8Value();
    return jobs_.run(info.Env(), Lane::kBulk, [path]() -> Result<MakeValue> {
      const ImageRoot image = TRY(verify_image(path));
      return MakeValue([image](Napi::Env env) {
        Napi::Object at = Napi::Object::New(env);
        at.Set("rootHex", to_hex(image.root));
        at.Set("volumeBytes", big(env, image.volume_bytes));
        return at;
      });
    });
  }

  Napi::Value root_of_manifest(const Napi::CallbackInfo& info) {
    const Napi::Env env = info.Env();
    Manifest manifest;
    const auto given = info[0].IsBuffer() ? info[0].As<Napi::Buffer<uint8_t>>()
                                          : Napi::Buffer<uint8_t>::New(env, 0);
    if (given.Length() != manifest.size())
      return throw_error(env, error(Code::kInvalidArgument, "a manifest has 80 bytes"));
    std::copy_n(given.Data(), manifest.size(), manifest.begin());
    const auto fields = read_manifest(manifest);
    if (!fields) return throw_error(env, fields.error());
    return Napi::String::New(env, to_hex(manifest_root(derive_keys({}), manifest)));
  }

  Napi::Value start_nbd(const Napi::CallbackInfo& info) {
    const auto node = node_of(info[0], kPoolTag);
    if (!node) return reject(info.Env(), node.error());
    if (!info[1].IsObject()) {
      return reject(info.Env(), error(Code::kInvalidArgument, "options are missing"));
    }
    const auto options = nbd_options(info[1].As<Napi::Object>());
    if (!options) return reject(info.Env(), options.error());
    const auto job = [node = *node, options = *options]() -> Result<MakeValue> {
      TRY(node->start_server(options));
      return MakeValue([node](Napi::Env env) { return handle(env, node, kNbdTag); });
    };
    return jobs_.run(info.Env(), Lane::kOrder, job);
  }

  Napi::Value stop_nbd(const Napi::CallbackInfo& info) {
    const auto node = node_of(info[0], kNbdTag);
    if (!node) return reject(info.Env(), node.error());
    const double grace_ms = info[1].IsNumber() ? info[1].As<Napi::Number>().DoubleValue() : 5000;
    return jobs_.run(info.Env(), Lane::kEnd, [node = *node, grace_ms]() -> Result<MakeValue> {
      node->stop_server(std::chrono::milliseconds(int64_t(std::clamp(grace_ms, 0.0, 60e3))));
      return undefined();
    });
  }

  // A handle of `tag` and an object of options, answered by the job that `make` reads from them.
  template <typename Shared, typename Make>
  Napi::Value run_with(const Napi::CallbackInfo& info, const napi_type_tag& tag, Make make,
                       Lane lane = Lane::kBulk) {
    const auto held = held_in<Shared>(info[0], tag);
    if (!held) return reject(info.Env(), held.error());
    if (!info[1].IsObject()) {
      return reject(info.Env(), error(Code::kInvalidArgument, "options are missing"));
    }
    return run(info.Env(), lane, make(*held, info[1].As<Napi::Object>()));
  }

  Napi::Value open_store_at(const Napi::CallbackInfo& info) {
    if (!info[0].IsString() || !info[1].IsObject()) {
      return reject(info.Env(), error(Code::kInvalidArgument, "a path and options are needed"));
    }
    const std::string path = info[0].As<Napi::String>().Utf8Value();
    return run(info.Env(), Lane::kEnd,
               open_store(path, info[1].As<Napi::Object>(), [](Store store) -> MakeValue {
                 return [store](Napi::Env env) { return handle(env, store, kStoreTag); };
               }));
  }

  Napi::Value close_store(const Napi::CallbackInfo& info) {
    const auto store = held_in<Store>(info[0], kStoreTag);
    if (!store) return reject(info.Env(), store.error());
    return jobs_.run(info.Env(), Lane::kEnd, [store = *store]() -> Result<MakeValue> {
      store->close();
      return undefined();
    });
  }

  template <Job (*kMake)(Store), Jobs::Lane kLane = Jobs::Lane::kBulk>
  Napi::Value store_job(const Napi::CallbackInfo& info) {
    const auto store = held_in<Store>(info[0], kStoreTag);
    if (!store) return reject(info.Env(), store.error());
    return jobs_.run(info.Env(), kLane, kMake(*store));
  }

  Napi::Value record_in(const Napi::CallbackInfo& info) {
    return run_with<Store>(info, kStoreTag, store_record, Lane::kOrder);
  }
  template <Job (*kMake)(const std::string&)>
  Napi::Value store_path_job(const Napi::CallbackInfo& info) {
    if (!info[0].IsString()) {
      return reject(info.Env(), error(Code::kInvalidArgument, "a path is needed"));
    }
    return jobs_.run(info.Env(), Lane::kBulk, kMake(info[0].As<Napi::String>().Utf8Value()));
  }
  Napi::Value collect_begin_in(const Napi::CallbackInfo& info) {
    return run_with<Store>(info, kStoreTag, collect_begin);
  }
  Napi::Value collect_end_in(const Napi::CallbackInfo& info) {
    return run_with<Store>(info, kStoreTag, collect_end);
  }
  Napi::Value cut_source(const Napi::CallbackInfo& info) {
    return run_with<Node>(info, kPoolTag, [](Node node, const Napi::Object& options) {
      return open_cut_source(node, options, channel_handle);
    });
  }
  Napi::Value audit(const Napi::CallbackInfo& info) {
    return run_with<Node>(info, kPoolTag, audit_cut);
  }
  Napi::Value snapshot_source(const Napi::CallbackInfo& info) {
    return run_with<Store>(info, kStoreTag, [](Store store, const Napi::Object& options) {
      return open_snapshot_source(store, options, channel_handle);
    });
  }
  Napi::Value ingest(const Napi::CallbackInfo& info) {
    return run_with<Store>(info, kStoreTag, [](Store store, const Napi::Object& options) {
      return open_ingest(store, options, channel_handle);
    });
  }
  Napi::Value tree_ingest(const Napi::CallbackInfo& info) {
    return run_with<Store>(info, kStoreTag, [](Store store, const Napi::Object& options) {
      return open_tree_ingest(store, options, channel_handle);
    });
  }
  Napi::Value repair(const Napi::CallbackInfo& info) {
    return run_with<Store>(info, kStoreTag, [](Store store, const Napi::Object& options) {
      return open_repair(store, options, channel_handle);
    });
  }
  Napi::Value hydration(const Napi::CallbackInfo& info) {
    return run_with<Node>(info, kPoolTag, [](Node node, const Napi::Object& options) {
      return open_hydration(node, options, channel_handle);
    });
  }
  Napi::Value clone_fill(const Napi::CallbackInfo& info) {
    return run_with<Node>(info, kPoolTag, [](Node node, const Napi::Object& options) {
      return open_clone_fill(node, options, channel_handle);
    });
  }
  Napi::Value ingest_finish(const Napi::CallbackInfo& info) {
    const auto channel = held_in<Held>(info[0], kChannelTag);
    if (!channel) return reject(info.Env(), channel.error());
    return jobs_.run(info.Env(), Lane::kBulk, finish_ingest(*channel));
  }
  Napi::Value give_to(const Napi::CallbackInfo& info) {
    const auto channel = held_in<Held>(info[0], kChannelTag);
    if (!channel) return reject(info.Env(), channel.error());
    if (!info[1].IsBuffer()) {
      return reject(info.Env(), error(Code::kInvalidArgument, "frames are no buffer"));
    }
    // The bytes are read where they are.
    const auto frames = info[1].As<Napi::Buffer<uint8_t>>();
    return jobs_.run_keeping(info.Env(), Lane::kBulk, frames,
                             give(*channel, Bytes(frames.Data(), frames.Length())));
  }
  Napi::Value take_from(const Napi::CallbackInfo& info) {
    const auto channel = held_in<Held>(info[0], kChannelTag);
    if (!channel) return reject(info.Env(), channel.error());
    return jobs_.run_when_ready(info.Env(), Lane::kBulk, take(*channel));
  }
  Napi::Value yield_channel(const Napi::CallbackInfo& info) {
    const auto channel = held_in<Held>(info[0], kChannelTag);
    if (!channel) return reject(info.Env(), channel.error());
    return jobs_.run(info.Env(), Lane::kOrder, yield(*channel));
  }
  Napi::Value demand_of(const Napi::CallbackInfo& info) {
    const auto node = node_of(info[0], kPoolTag);
    if (!node) return reject(info.Env(), node.error());
    auto demand = take_demand(*node);
    if (!demand) return reject(info.Env(), demand.error());
    return jobs_.run_when_ready(info.Env(), Lane::kOrder, *std::move(demand));
  }
  Napi::Value progress_of(const Napi::CallbackInfo& info) {
    const auto channel = held_in<Held>(info[0], kChannelTag);
    if (!channel) return throw_error(info.Env(), channel.error());
    const Progress progress = (*channel)->progress();
    Napi::Object at = Napi::Object::New(info.Env());
    at.Set("doneBytes", big(info.Env(), progress.done_bytes));
    at.Set("totalBytes", big(info.Env(), progress.total_bytes));
    return at;
  }
  Napi::Value close_channel(const Napi::CallbackInfo& info) {
    const auto channel = held_in<Held>(info[0], kChannelTag);
    if (!channel) return throw_error(info.Env(), channel.error());
    // Ending may join a thread: not on this one.
    jobs_.run(info.Env(), Lane::kEnd, [channel = *channel]() -> Result<MakeValue> {
      channel->close();
      return undefined();
    });
    return info.Env().Undefined();
  }

  Jobs jobs_;
  std::vector<std::unique_ptr<RecordObjects>> records_;  // of each pool that was asked
};

}  // namespace

NODE_API_ADDON(Addon)

}  // namespace ashlar::addon
