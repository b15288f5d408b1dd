#include "addon/measures.h"

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include <ranges>

namespace ashlar::addon {
namespace {

Napi::Object value_of(Napi::Env env, const Durations::Reading& durations) {
  Napi::Object at = Napi::Object::New(env);
  at.Set("buckets", array_of(env, durations.buckets, [](uint64_t times) { return double(times); }));
  at.Set("sumNs", double(durations.sum_ns));
  return at;
}

Napi::Object value_of(Napi::Env env, const Traffic& traffic, Operation operation) {
  const Traffic::Reading reading = traffic.read(operation);
  Napi::Object at = Napi::Object::New(env);
  at.Set("operation", name_of(operation));
  at.Set("bytes", double(reading.bytes));
  at.Set("failed", double(reading.failed));
  at.Set("durations", value_of(env, reading.durations));
  return at;
}

Napi::Object value_of(Napi::Env env, const Volumes::UsedVolume& used) {
  const Traffic& traffic = used.volume->traffic();
  Napi::Object at = Napi::Object::New(env);
  at.Set("volumeId", to_string(used.id));
  at.Set("queueDepth", double(traffic.queue_depth()));
  at.Set("operations", array_of(env, std::views::iota(size_t{0}, kOperations),
                                [&](size_t i) { return value_of(env, traffic, Operation(i)); }));
  return at;
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
  const PageCache::Use cache = pool.pages().use();
  Napi::Object at = Napi::Object::New(env);
  at.Set("boundsNs", array_of(env, std::views::iota(size_t{0}, Durations::kBounds),
                              [](size_t i) { return double(Durations::bound_ns(i)); }));
  at.Set("volumes", array_of(env, volumes->used_volumes(),
                             [&](const Volumes::UsedVolume& used) { return value_of(env, used); }));
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
