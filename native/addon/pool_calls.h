// The calls about a pool: reads the JavaScript arguments, answers a job to run or a value. No
// policy. Thread: JavaScript; what a Job holds runs on a job's thread.
#pragma once

#include "addon/jobs.h"
#include "addon/pool_node.h"

namespace ashlar::addon {

Result<Job> open_pool(const Napi::Object& options,
                      const std::function<MakeValue(std::shared_ptr<PoolNode>)>& wrap);
Result<Job> create_pool_at(const Napi::Object& options);
// It answers only when they have let go.
bool waits_for_hosts(const Napi::Object& order);
Result<Job> order_job(std::shared_ptr<PoolNode> node, const Napi::Object& order);
Job settle_job(std::shared_ptr<PoolNode> node);
Result<Job> grow_pool(std::shared_ptr<PoolNode> node, const Napi::Object& options);
Result<Napi::Value> pool_stats(Napi::Env env, PoolNode& node);
Result<Napi::Value> cut_pauses(Napi::Env env, PoolNode& node);
Result<Job> pool_check(const std::string& path, bool repair, CheckDepth depth);
Result<nbd::ServerOptions> nbd_options(const Napi::Object& options);

}  // namespace ashlar::addon
