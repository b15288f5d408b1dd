// What an operator's metrics say of a pool and of this process's memory, read at one look. Thread:
// JavaScript.
#pragma once

#include "addon/pool_node.h"
#include "addon/values.h"

namespace ashlar::addon {

// kShuttingDown once the pool is closed.
Result<Napi::Value> pool_measures(Napi::Env env, PoolNode& node);
// Of the allocator, in all of its arenas; undefined where it does not say.
Napi::Value memory_measures(Napi::Env env);

}  // namespace ashlar::addon
