#include "addon/measures.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace ashlar::addon {
namespace {

Napi::Object value_of(Napi::Env env, const Durations::Reading& durations) {
  Napi::Array buckets = Napi::Array::New(env, durations.buckets.size());
  for (size_t i = 0; i < durations.buckets.size(); i++)
    buckets.Set(uint32_t(i), double(durations.buckets[i]));
  Napi::Object at = Napi::Object::New(env);
  at.Set("buckets", buckets);
  at.Set("sumNs", double(durations.sum_ns));
  return at;
}

Napi::Object value_of(Napi::Env env, const Volumes::UsedVolume& used) {
  const Traffic& traffic = used.volume->traffic();
  Napi::Array operations = Napi::Array::New(env, kOperations);
  for (size_t i = 0; i < kOperations; i++) {
    const Traffic::Reading reading = traffic.read(Operation(i));
    Napi::Object at = Napi::Object::New(env);
    at.Set("operation", name_of(Operation(i)));
    at.Set("bytes", double(reading.bytes));
    at.Set("failed", double(reading.failed));
    at.Set("durations", value_of(env, reading.durations));
    operations.Set(uint32_t(i), at);
  }
  Napi::Object at = Napi::Object::New(env);
  at.Set("volumeId", to_string(used.id));
  at.Set("queueDepth", double(traffic.queue_depth()));
  at.Set("operations", operations);
  return at;
}

Napi::Array bounds(Napi::Env env) {
  Napi::Array bounds = Napi::Array::New(env, Durations::kBounds);
  for (size_t i = 0; i < Durations::kBounds; i++)
    bounds.Set(uint32_t(i), double(Durations::bound_ns(i)));
  return bounds;
}

void add_server(Napi::Object& at, PoolNode& node) {
  const auto server = node.server();
  at.Set("connections", double(server ? server->connections() : 0));
  at.Set("payloadUsedBytes", double(server ? server->payloads().used_bytes() : 0));
  at.Set("payloadTotalBytes", double(server ? server->payloads().total_bytes() : 0));
}

}  // namespace

Result<Napi::Value> pool_measures(Napi::Env env, PoolNode& node) {
  Volumes* volumes = TRY(node.volumes());
  Pool& pool = volumes->pool();
  const std::vector<Volumes::UsedVolume> used = volumes->used_volumes();
  Napi::Array traffic = Napi::Array::New(env, used.size());
  for (size_t i = 0; i < used.size(); i++)
    traffic.Set(uint32_t(i), value_of(env, used[i]));
  const PageCache::Use cache = pool.pages().use();
  Napi::Object at = Napi::Object::New(env);
  at.Set("boundsNs", bounds(env));
  at.Set("volumes", traffic);
  at.Set("commits", value_of(env, pool.journal().commit_times().read()));
  at.Set("checkpoints", value_of(env, pool.checkpoint_times().read()));
  at.Set("journalBytes", double(pool.journal().ring_bytes()));
  at.Set("pageCacheHits", double(cache.hits));
  at.Set("pageCacheMisses", double(cache.misses));
  at.Set("pageCacheBytes", double(cache.bytes));
  at.Set("dirtyPageBytes", double(pool.pages().dirty_bytes()));
  add_server(at, node);
  return Napi::Value(at);
}

Napi::Value memory_measures(Napi::Env env) {
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
  const struct mallinfo2 all = ::mallinfo2();
  Napi::Object at = Napi::Object::New(env);
  at.Set("arenaBytes", double(all.arena));
  at.Set("mappedBytes", double(all.hblkhd));
  at.Set("usedBytes", double(all.uordblks));
  at.Set("freeBytes", double(all.fordblks));
  return at;
#else
  return env.Undefined();
#endif
}

}  // namespace ashlar::addon
