#include "addon/pool_calls.h"

#include <algorithm>

#include "addon/record_objects.h"
#include "addon/values.h"
#include "commit/create.h"
#include "commit/superblock.h"

namespace ashlar::addon {
namespace {

using Make = MakeValue;

Result<Make> done(Result<void> outcome) {
  if (!outcome) return std::move(outcome).error();
  return undefined();
}

// An order is read on the JavaScript thread; what it returns runs on a job's.
using OrderJob = std::function<Result<Make>(PoolNode&)>;

Result<CreateVolume::Origin> origin_at(const Napi::Object& order) {
  if (!order.Get("origin").IsObject()) return error(Code::kInvalidArgument, "origin is no object");
  const Napi::Object from = order.Get("origin").As<Napi::Object>();
  CreateVolume::Origin origin;
  origin.snapshot = TRY(id_at(from, "snapshotId"));
  origin.pin = TRY(id_at(from, "pinId"));
  if (!from.Get("manifest").IsBuffer())
    return error(Code::kInvalidArgument, "manifest is no buffer");
  const auto manifest = from.Get("manifest").As<Napi::Buffer<uint8_t>>();
  if (manifest.Length() != origin.manifest.size()) {
    return error(Code::kInvalidArgument, "a manifest has 80 bytes");
  }
  std::copy_n(manifest.Data(), manifest.Length(), origin.manifest.begin());
  return origin;
}

Result<OrderJob> create_clone(const Napi::Object& order) {
  CreateClone create;
  create.id = TRY(id_at(order, "cloneId"));
  create.origin = TRY(origin_at(order));
  if (TRY(id_at(order, "snapshotId")) != create.origin.snapshot) {
    return error(Code::kInvalidArgument, "the origin is another snapshot than the clone's");
  }
  if (order.Get("baseSnapshotId").IsString()) create.base = TRY(id_at(order, "baseSnapshotId"));
  return OrderJob([create](PoolNode& node) -> Result<Make> {
    return done(TRY(node.volumes())->create_clone(create));
  });
}

Result<OrderJob> create_volume(const Napi::Object& order) {
  CreateVolume create;
  create.id = TRY(id_at(order, "volumeId"));
  create.bytes = TRY(bytes_at(order, "bytes"));
  if (order.Get("cutSnapshotId").IsString()) create.cut = TRY(id_at(order, "cutSnapshotId"));
  if (order.Get("origin").IsObject()) create.origin = TRY(origin_at(order));
  return OrderJob([create](PoolNode& node) -> Result<Make> {
    return done(TRY(node.volumes())->create(create));
  });
}

Result<OrderJob> cut(const Napi::Object& order) {
  CutOrder cut_order;
  cut_order.group = TRY(id_at(order, "groupId"));
  if (!order.Get("members").IsArray()) return error(Code::kInvalidArgument, "members is no array");
  const Napi::Array members = order.Get("members").As<Napi::Array>();
  for (uint32_t i = 0; i < members.Length(); i++) {
    if (!members.Get(i).IsObject()) return error(Code::kInvalidArgument, "a member is no object");
    const Napi::Object member = members.Get(i).As<Napi::Object>();
    const Id volume = TRY(id_at(member, "volumeId"));
    const Id snapshot = TRY(id_at(member, "snapshotId"));
    cut_order.members.push_back({volume, snapshot});
  }
  return OrderJob([cut_order](PoolNode& node) -> Result<Make> {
    const std::vector<CutRow> rows = TRY(TRY(node.volumes())->cut(cut_order));
    return Make([rows, cut_order](Napi::Env env) {
      Napi::Array cuts = Napi::Array::New(env);
      for (size_t i = 0; i < rows.size(); i++) {
        Napi::Object at = Napi::Object::New(env);
        at.Set("snapshotId", to_string(rows[i].snapshot));
        at.Set("volumeId", to_string(cut_order.members[i].volume));
        at.Set("epoch", rows[i].epoch);
        at.Set("bytes", big(env, rows[i].bytes));
        at.Set("capturedNs", big(env, rows[i].captured_ns));
        cuts.Set(uint32_t(i), at);
      }
      Napi::Object answer = Napi::Object::New(env);
      answer.Set("cuts", cuts);
      return answer;
    });
  });
}

Result<OrderJob> detach(const Napi::Object& order) {
  const Id attachment = TRY(id_at(order, "attachmentId"));
  const auto grace = std::chrono::milliseconds(
      int64_t(std::clamp(number_at(order, "graceMs").value_or(5000), 0.0, 60e3)));
  return OrderJob([attachment, grace](PoolNode& node) -> Result<Make> {
    Volumes* volumes = TRY(node.volumes());
    TRY(volumes->begin_detach(attachment));
    if (const auto server = node.server()) server->close_export(to_string(attachment), grace);
    return done(volumes->finish_detach(attachment));
  });
}

Result<OrderJob> read_order(const Napi::Object& order) {
  const std::string kind = TRY(string_at(order, "kind"));
  if (kind == "createVolume") return create_volume(order);
  if (kind == "createClone") return create_clone(order);
  if (kind == "deleteClone") {
    const Id clone = TRY(id_at(order, "cloneId"));
    return OrderJob([=](PoolNode& node) -> Result<Make> {
      return done(TRY(node.volumes())->remove_clone(clone));
    });
  }
  if (kind == "cut") return cut(order);
  if (kind == "detach") return detach(order);
  if (kind == "growVolume") {
    const Id volume = TRY(id_at(order, "volumeId"));
    const uint64_t bytes = TRY(bytes_at(order, "bytes"));
    return OrderJob([=](PoolNode& node) -> Result<Make> {
      return done(TRY(node.volumes())->grow(volume, bytes));
    });
  }
  if (kind == "deleteVolume") {
    const Id volume = TRY(id_at(order, "volumeId"));
    return OrderJob(
        [=](PoolNode& node) -> Result<Make> { return done(TRY(node.volumes())->remove(volume)); });
  }
  if (kind == "attach") {
    const Id attachment = TRY(id_at(order, "attachmentId"));
    const Id volume = TRY(id_at(order, "volumeId"));
    const std::string host = TRY(string_at(order, "host"));
    const bool read_only = flag_at(order, "readOnly");
    return OrderJob([=](PoolNode& node) -> Result<Make> {
      return done(TRY(node.volumes())->attach(attachment, volume, host, read_only));
    });
  }
  if (kind == "sealed") {
    const Id snapshot = TRY(id_at(order, "snapshotId"));
    const Hash root = TRY(hash_at(order, "rootHex"));
    return OrderJob([=](PoolNode& node) -> Result<Make> {
      return done(TRY(node.volumes())->sealed(snapshot, root));
    });
  }
  if (kind == "dropCut") {
    const Id snapshot = TRY(id_at(order, "snapshotId"));
    return OrderJob([=](PoolNode& node) -> Result<Make> {
      return done(TRY(node.volumes())->drop_cut(snapshot));
    });
  }
  if (kind == "forgetTombstone") {
    const Id id = TRY(id_at(order, "id"));
    return OrderJob([=](PoolNode& node) -> Result<Make> {
      return done(TRY(node.volumes())->forget_tombstone(id));
    });
  }
  return error(Code::kInvalidArgument, "unknown order \"" + kind + "\"");
}

// What the NBD server turned away since it was started, by cause; causes that never were are left
// out.
Napi::Array turned_away(Napi::Env env, PoolNode& node) {
  Napi::Array causes = Napi::Array::New(env);
  const auto server = node.server();
  if (!server) return causes;
  for (size_t i = 0; i < nbd::kTurnedAwayKinds; i++) {
    const auto kind = nbd::TurnedAway(i);
    const uint64_t count = server->refusals().count(kind);
    if (count == 0) continue;
    Napi::Object cause = Napi::Object::New(env);
    cause.Set("what", nbd::sentence_of(kind));
    cause.Set("count", double(count));
    causes.Set(causes.Length(), cause);
  }
  return causes;
}

// Requests that failed through no fault of their host, by attachment and cause.
Napi::Array failures_of(Napi::Env env, PoolNode& node) {
  Napi::Array failures = Napi::Array::New(env);
  const auto server = node.server();
  if (!server) return failures;
  for (const nbd::Failures::Row& row : server->failures().rows()) {
    Napi::Object failure = Napi::Object::New(env);
    failure.Set("attachmentId", row.export_name);
    failure.Set("code", code_text(row.last.code));
    failure.Set("message", row.last.message);
    failure.Set("count", double(row.count));
    failures.Set(failures.Length(), failure);
  }
  return failures;
}

}  // namespace

Result<Job> open_pool(const Napi::Object& given,
                      const std::function<Make(std::shared_ptr<PoolNode>)>& wrap) {
  const std::string path = TRY(string_at(given, "path"));
  PoolOptions options;
  if (given.Get("capacityBytes").IsBigInt())
    options.capacity_bytes = TRY(bytes_at(given, "capacityBytes"));
  if (given.Get("pageCacheBytes").IsBigInt()) {
    options.page_cache_bytes = TRY(bytes_at(given, "pageCacheBytes"));
  }
  return Job([path, options, wrap]() -> Result<Make> {
    auto pool = TRY(open_pool_at(path, options));
    return wrap(std::make_shared<PoolNode>(std::move(pool)));
  });
}

Result<Job> create_pool_at(const Napi::Object& given) {
  const std::string path = TRY(string_at(given, "path"));
  const Over over = flag_at(given, "force") ? Over::kAnything : Over::kNothing;
  PoolOptions options;
  if (given.Get("capacityBytes").IsBigInt())
    options.capacity_bytes = TRY(bytes_at(given, "capacityBytes"));
  return Job([path, options, over]() -> Result<Make> {
    const Superblock first = TRY(make_pool_at(path, options, over));
    return Make([=](Napi::Env env) {
      Napi::Object at = Napi::Object::New(env);
      at.Set("poolId", pool_id_text(first.pool_id));
      at.Set("capacityBytes", big(env, first.capacity_blocks * kBlockBytes));
      return at;
    });
  });
}

bool waits_for_hosts(const Napi::Object& order) {
  return optional_string_at(order, "kind") == "detach";
}

Result<Job> order_job(std::shared_ptr<PoolNode> node, const Napi::Object& order) {
  OrderJob job = TRY(read_order(order));
  return Job([node, job = std::move(job)] { return job(*node); });
}

Job settle_job(std::shared_ptr<PoolNode> node) {
  return [node]() -> Result<Make> { return done(TRY(node->volumes())->settle()); };
}

Result<Job> grow_pool(std::shared_ptr<PoolNode> node, const Napi::Object& given) {
  uint64_t bytes = 0;
  if (given.Get("capacityBytes").IsBigInt()) bytes = TRY(bytes_at(given, "capacityBytes"));
  return Job([node, bytes]() -> Result<Make> {
    return done(TRY(node->volumes())->pool().grow_capacity(bytes));
  });
}

Result<Napi::Value> pool_stats(Napi::Env env, PoolNode& node) {
  Volumes* volumes = TRY(node.volumes());
  Pool& pool = volumes->pool();
  Napi::Object at = Napi::Object::New(env);
  at.Set("capacityBytes", big(env, pool.space().capacity_blocks() * kBlockBytes));
  at.Set("freeBytes", big(env, pool.free_bytes()));
  at.Set("mappedBytes", big(env, pool.space().used_blocks() * kBlockBytes));
  at.Set("poolId", pool_id_text(pool.pool_id()));
  at.Set("openedGeneration", big(env, pool.opened_generation()));
  at.Set("checkpointGeneration", big(env, pool.checkpoint_generation()));
  at.Set("journalUsedBytes", big(env, pool.journal().used_bytes()));
  at.Set("readOnly", pool.journal().failed());
  at.Set("problems", array_of(env, pool.problems(), [](const std::string& text) { return text; }));
  at.Set("turnedAway", turned_away(env, node));
  at.Set("failures", failures_of(env, node));
  return Napi::Value(at);
}

Result<Napi::Value> cut_pauses(Napi::Env env, PoolNode& node) {
  const std::vector<uint64_t> pauses = TRY(node.volumes())->cut_pauses_ns();
  return Napi::Value(array_of(env, pauses, [](uint64_t ns) { return double(ns); }));
}

Result<Job> pool_check(const std::string& path, bool repair, CheckDepth depth) {
  return Job([path, repair, depth]() -> Result<Make> {
    auto file = TRY(open_file_device(path, IfAbsent::kFail));
    PoolOptions options;
    options.background = false;
    auto pool = TRY(Pool::open(std::move(file.device), false, path, options));
    const PoolReport report = TRY(pool->check(repair, depth));
    const size_t volumes = pool->state().heads.size();
    size_t cuts = 0;
    for (const CutRow& row : pool->state().cuts.rows())
      cuts += !is_free(row) && !(row.flags & kCutOrigin);
    TRY(pool->close());
    return Make([=](Napi::Env env) {
      Napi::Object at = Napi::Object::New(env);
      at.Set("problems",
             array_of(env, report.problems, [](const std::string& text) { return text; }));
      at.Set("repaired", repair && report.leaked_blocks > 0);
      at.Set("volumes", double(volumes));
      at.Set("cuts", double(cuts));
      at.Set("usedBlocks", big(env, report.used_blocks));
      at.Set("leakedBlocks", big(env, report.leaked_blocks));
      at.Set("dataBlocks", big(env, report.data_blocks));
      return at;
    });
  });
}

Result<nbd::ServerOptions> nbd_options(const Napi::Object& given) {
  nbd::ServerOptions options;
  options.unix_path = optional_string_at(given, "unixPath").value_or("");
  if (given.Get("tcp").IsObject()) {
    const Napi::Object tcp = given.Get("tcp").As<Napi::Object>();
    options.tcp_host = TRY(string_at(tcp, "host"));
    const double port = number_at(tcp, "port").value_or(0);
    if (port < 0 || port > 65535) return error(Code::kInvalidArgument, "a port is 0 to 65535");
    options.tcp_port = uint16_t(port);
  }
  if (const auto timeout = number_at(given, "handshakeTimeoutMs")) {
    options.handshake_timeout =
        std::chrono::milliseconds(int64_t(std::clamp(*timeout, 1.0, 600e3)));
  }
  return options;
}

}  // namespace ashlar::addon
