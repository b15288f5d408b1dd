// The calls about stores and channels. No policy. Thread: JavaScript; what a Job holds runs on a
// job's.
#pragma once

#include "addon/channels.h"
#include "addon/jobs.h"
#include "addon/pool_node.h"

namespace ashlar::addon {

using WrapStore = std::function<MakeValue(std::shared_ptr<StoreNode>)>;
using WrapChannel = std::function<Napi::Value(Napi::Env, std::shared_ptr<ChannelHandle>)>;

Result<Job> open_store(const std::string& path, const Napi::Object& options, const WrapStore& wrap);
Job store_stats(std::shared_ptr<StoreNode> store);
Job store_records(std::shared_ptr<StoreNode> store);
Job store_damaged_records(std::shared_ptr<StoreNode> store);
Job store_quarantine(std::shared_ptr<StoreNode> store);
Job store_damage(std::shared_ptr<StoreNode> store);
Result<Job> store_record(std::shared_ptr<StoreNode> store, const Napi::Object& record);
Result<Job> collect_begin(std::shared_ptr<StoreNode> store, const Napi::Object& options);
Result<Job> collect_end(std::shared_ptr<StoreNode> store, const Napi::Object& options);
// Nothing when none is under way.
Job collect_abort(std::shared_ptr<StoreNode> store);

// Offline: they refuse a store that is open.
Job store_check(const std::string& path);
Job store_read_records(const std::string& path);
Job store_rebuild_index(const std::string& path);

Result<Job> open_cut_source(std::shared_ptr<PoolNode> pool, const Napi::Object& options,
                            WrapChannel wrap);
Result<Job> audit_cut(std::shared_ptr<PoolNode> pool, const Napi::Object& options);
Result<Job> open_snapshot_source(std::shared_ptr<StoreNode> store, const Napi::Object& options,
                                 WrapChannel wrap);
Result<Job> open_ingest(std::shared_ptr<StoreNode> store, const Napi::Object& options,
                        WrapChannel wrap);
Result<Job> open_clone_fill(std::shared_ptr<PoolNode> pool, const Napi::Object& options,
                            WrapChannel wrap);
Result<Job> open_tree_ingest(std::shared_ptr<StoreNode> store, const Napi::Object& options,
                             WrapChannel wrap);
Result<Job> open_repair(std::shared_ptr<StoreNode> store, const Napi::Object& options,
                        WrapChannel wrap);
Result<Job> open_hydration(std::shared_ptr<PoolNode> pool, const Napi::Object& options,
                           WrapChannel wrap);

Job finish_ingest(std::shared_ptr<ChannelHandle> channel);
// `frames` stay where they are until the job has ended.
Job give(std::shared_ptr<ChannelHandle> channel, Bytes frames);
Attempt take(std::shared_ptr<ChannelHandle> channel);
// Nothing when it is closed.
Job yield(std::shared_ptr<ChannelHandle> channel);
// The origins that readers wait for and no demand lane is open for, once there are some.
Result<Attempt> take_demand(const std::shared_ptr<PoolNode>& pool);

}  // namespace ashlar::addon
