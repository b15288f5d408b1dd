#include "addon/store_calls.h"

#include <algorithm>

#include "addon/values.h"
#include "store/check.h"
#include "store/mend.h"
#include "stream/audit.h"
#include "stream/clone_fill.h"
#include "stream/hydration.h"
#include "stream/repair.h"
#include "stream/snapshot_source.h"
#include "stream/tree_ingest.h"

namespace ashlar::addon {
namespace {

Result<std::vector<uint8_t>> buffer_at(const Napi::Object& from, const char* key) {
  const Napi::Value value = from.Get(key);
  if (!value.IsBuffer()) return error(Code::kInvalidArgument, std::string(key) + " is no buffer");
  const auto buffer = value.As<Napi::Buffer<uint8_t>>();
  return std::vector<uint8_t>(buffer.Data(), buffer.Data() + buffer.Length());
}

Result<Manifest> manifest_at(const Napi::Object& from, const char* key) {
  const std::vector<uint8_t> bytes = TRY(buffer_at(from, key));
  Manifest manifest;
  if (bytes.size() != manifest.size())
    return error(Code::kInvalidArgument, "a manifest has 80 bytes");
  std::copy(bytes.begin(), bytes.end(), manifest.begin());
  return manifest;
}

// The root under `baseRootHex`, where there is one.
Result<std::optional<Hash>> base_root_at(const Napi::Object& from) {
  if (from.Get("baseRootHex").IsUndefined()) return std::optional<Hash>();
  return std::optional(TRY(hash_at(from, "baseRootHex")));
}

// The manifest of a snapshot that the store holds. kNotFound.
Result<std::optional<Manifest>> held_manifest(ChunkStore& store, const std::optional<Hash>& root) {
  if (!root) return std::optional<Manifest>();
  const ChunkStore::Stored stored = TRY(store.read(*root));
  Manifest manifest;
  if (stored.kind != FrameKind::kManifest || stored.bytes.size() != manifest.size()) {
    return error(Code::kInvalidArgument, to_hex(*root) + " is no snapshot's root");
  }
  std::copy(stored.bytes.begin(), stored.bytes.end(), manifest.begin());
  return std::optional(manifest);
}

DomainKeys default_keys() {
  return derive_keys({});
}

Napi::Array damaged_value(Napi::Env env, const std::vector<DamagedRecord>& records) {
  Napi::Array list = Napi::Array::New(env, records.size());
  for (uint32_t i = 0; i < records.size(); i++) {
    const auto& [generation, message] = records[i];
    Napi::Object at = Napi::Object::New(env);
    at.Set("generation", generation ? big(env, *generation) : env.Undefined());
    at.Set("message", message);
    list.Set(i, at);
  }
  return list;
}

MakeValue records_value(Records read) {
  const auto found = std::make_shared<const Records>(std::move(read));
  return [found](Napi::Env env) {
    Napi::Array records = Napi::Array::New(env, found->records.size());
    for (uint32_t i = 0; i < found->records.size(); i++) {
      const StoreRecord& record = found->records[i];
      Napi::Object at = Napi::Object::New(env);
      at.Set("generation", big(env, record.generation));
      at.Set("kind", record.kind == kRecordCommit ? "commit" : "delete");
      at.Set("row", Napi::Buffer<uint8_t>::Copy(env, record.row.data(), record.row.size()));
      records.Set(i, at);
    }
    Napi::Object both = Napi::Object::New(env);
    both.Set("records", records);
    both.Set("damaged", damaged_value(env, found->damaged));
    return both;
  };
}

MakeValue channel_value(WrapChannel wrap, std::shared_ptr<ChannelHandle> handle) {
  return [wrap = std::move(wrap), handle = std::move(handle)](Napi::Env env) {
    return wrap(env, handle);
  };
}

}  // namespace

Result<Job> open_store(const std::string& path, const Napi::Object& options,
                       const WrapStore& wrap) {
  const std::string catalog_uuid = TRY(string_at(options, "catalogUuid"));
  const bool adopt = flag_at(options, "adopt");
  return Job([path, catalog_uuid, adopt, wrap]() -> Result<MakeValue> {
    auto store = TRY(ChunkStore::open(path, catalog_uuid, adopt));
    return wrap(std::make_shared<StoreNode>(std::move(store)));
  });
}

Job store_stats(std::shared_ptr<StoreNode> store) {
  return [store]() -> Result<MakeValue> {
    const StoreStats stats = TRY(TRY(store->store())->stats());
    return MakeValue([stats](Napi::Env env) {
      Napi::Object at = Napi::Object::New(env);
      at.Set("packBytes", big(env, stats.pack_bytes));
      at.Set("packs", big(env, stats.packs));
      at.Set("chunks", big(env, stats.totals.chunks));
      at.Set("nodes", big(env, stats.totals.nodes));
      at.Set("indexBytes", big(env, stats.index.bytes));
      at.Set("indexMemoryBytes", big(env, stats.index.memory_bytes));
      at.Set("quarantined", big(env, stats.quarantined));
      at.Set("highestGeneration", big(env, stats.totals.highest_generation));
      return at;
    });
  };
}

Job store_records(std::shared_ptr<StoreNode> store) {
  return [store]() -> Result<MakeValue> {
    ChunkStore* chunks = TRY(store->store());
    return records_value(TRY(chunks->records()));
  };
}

Job store_damaged_records(std::shared_ptr<StoreNode> store) {
  return [store]() -> Result<MakeValue> {
    const ChunkStore* chunks = TRY(store->store());
    const std::vector<DamagedRecord> found = TRY(find_damaged_records(chunks->folder()));
    return MakeValue([found](Napi::Env env) { return damaged_value(env, found); });
  };
}

Job store_quarantine(std::shared_ptr<StoreNode> store) {
  return [store]() -> Result<MakeValue> {
    ChunkStore* chunks = TRY(store->store());
    return MakeValue([ids = chunks->quarantined()](Napi::Env env) {
      return array_of(env, ids, [](const Hash& id) { return to_hex(id); });
    });
  };
}

Job store_damage(std::shared_ptr<StoreNode> store) {
  return [store]() -> Result<MakeValue> {
    ChunkStore* chunks = TRY(store->store());
    return MakeValue([lines = chunks->take_damage_reports()](Napi::Env env) {
      return array_of(env, lines, [](const std::string& line) { return line; });
    });
  };
}

Result<Job> store_record(std::shared_ptr<StoreNode> store, const Napi::Object& record) {
  const uint64_t generation = TRY(bytes_at(record, "generation"));
  const std::string kind = TRY(string_at(record, "kind"));
  if (kind != "commit" && kind != "delete") {
    return error(Code::kInvalidArgument, "a record is a commit or a delete");
  }
  const std::vector<uint8_t> row = TRY(buffer_at(record, "row"));
  return Job([=]() -> Result<MakeValue> {
    TRY(TRY(store->store())
            ->append_record(generation, kind == "commit" ? kRecordCommit : kRecordDelete, row));
    return undefined();
  });
}

// ---- collection

namespace {

Result<std::vector<Manifest>> roots_in(const Napi::Object& options) {
  const Napi::Value value = options.Get("roots");
  if (!value.IsArray()) return error(Code::kInvalidArgument, "roots is no array of manifests");
  const auto list = value.As<Napi::Array>();
  std::vector<Manifest> roots(list.Length());
  for (uint32_t i = 0; i < list.Length(); i++) {
    const Napi::Value item = list.Get(i);
    Manifest& root = roots[i];
    const auto buffer =
        item.IsBuffer() ? item.As<Napi::Buffer<uint8_t>>() : Napi::Buffer<uint8_t>();
    if (!item.IsBuffer() || buffer.Length() != root.size()) {
      return error(Code::kInvalidArgument, "a root is the 80 bytes of a manifest");
    }
    std::copy_n(buffer.Data(), root.size(), root.begin());
    TRY(read_manifest(root));
  }
  return roots;
}

Result<std::set<uint64_t>> generations_in(const Napi::Object& options, const char* key) {
  std::set<uint64_t> generations;
  const Napi::Value value = options.Get(key);
  if (value.IsUndefined()) return generations;
  if (!value.IsArray()) return error(Code::kInvalidArgument, std::string(key) + " is no array");
  const auto list = value.As<Napi::Array>();
  for (uint32_t i = 0; i < list.Length(); i++) {
    const Napi::Value item = list.Get(i);
    bool fits = item.IsBigInt();
    if (fits) generations.insert(item.As<Napi::BigInt>().Uint64Value(&fits));
    if (!fits) return error(Code::kInvalidArgument, std::string(key) + ": no generation");
  }
  return generations;
}

}  // namespace

Result<Job> collect_begin(std::shared_ptr<StoreNode> store, const Napi::Object& options) {
  const std::vector<Manifest> roots = TRY(roots_in(options));
  return Job([store, roots]() -> Result<MakeValue> {
    Collection::Candidates condemned;
    TRY(store->begin_collection(default_keys(), roots, [&](const Collection& collection) {
      condemned = collection.condemned();
    }));
    return MakeValue([condemned](Napi::Env env) {
      Napi::Object at = Napi::Object::New(env);
      at.Set("condemnedChunks", big(env, condemned.chunks));
      at.Set("condemnedBytes", big(env, condemned.bytes));
      return at;
    });
  });
}

Result<Job> collect_end(std::shared_ptr<StoreNode> store, const Napi::Object& options) {
  const std::vector<Manifest> roots = TRY(roots_in(options));
  const std::set<uint64_t> superseded = TRY(generations_in(options, "supersededGenerations"));
  return Job([store, roots, superseded]() -> Result<MakeValue> {
    auto collection = TRY(store->take_collection());
    auto ended = collection->end(roots, superseded);
    store->end_collection(std::move(collection));
    const Collection::Outcome outcome = TRY(std::move(ended));
    return MakeValue([outcome](Napi::Env env) {
      Napi::Object at = Napi::Object::New(env);
      at.Set("freedBytes", big(env, outcome.freed_bytes));
      at.Set("packsDeleted", big(env, outcome.packs_deleted));
      at.Set("packsRewritten", big(env, outcome.packs_rewritten));
      at.Set("chunksDropped", big(env, outcome.chunks_dropped));
      at.Set("kept", array_of(env, outcome.kept, [](const std::string& line) { return line; }));
      return at;
    });
  });
}

Job collect_abort(std::shared_ptr<StoreNode> store) {
  return [store]() -> Result<MakeValue> {
    store->cancel_collection();
    auto collection = store->take_collection();
    if (collection) store->end_collection(*std::move(collection));
    return undefined();
  };
}

// ---- offline

Job store_check(const std::string& path) {
  return [path]() -> Result<MakeValue> {
    const StoreReport report = TRY(check_store(path, default_keys()));
    return MakeValue([report](Napi::Env env) {
      Napi::Object at = Napi::Object::New(env);
      at.Set("packs", big(env, report.packs));
      at.Set("frames", big(env, report.frames));
      at.Set("damagedFrames", big(env, report.damaged_frames));
      at.Set("deadDamagedFrames", big(env, report.dead_damaged_frames));
      at.Set("unknownFiles", big(env, report.unknown_files));
      at.Set("missingFromIndex", big(env, report.missing_from_index));
      at.Set("danglingIndexEntries", big(env, report.dangling_index_entries));
      at.Set("deltasWithoutBase", big(env, report.deltas_without_base));
      at.Set("nodesWithoutChildren", big(env, report.nodes_without_children));
      at.Set("quarantined", big(env, report.quarantined));
      at.Set("problems",
             array_of(env, report.problems, [](const std::string& line) { return line; }));
      return at;
    });
  };
}

Job store_read_records(const std::string& path) {
  return [path]() -> Result<MakeValue> {
    const StoreFolder folder = TRY(StoreFolder::open_offline(path));
    return records_value(TRY(read_records(folder)));
  };
}

Job store_rebuild_index(const std::string& path) {
  return [path]() -> Result<MakeValue> {
    const RebuildReport report = TRY(rebuild_index(path));
    return MakeValue([report](Napi::Env env) {
      Napi::Object at = Napi::Object::New(env);
      at.Set("packs", big(env, report.packs));
      at.Set("frames", big(env, report.frames));
      at.Set("quarantined", big(env, report.quarantined));
      at.Set("problems",
             array_of(env, report.problems, [](const std::string& line) { return line; }));
      return at;
    });
  };
}

Result<Job> open_cut_source(std::shared_ptr<PoolNode> pool, const Napi::Object& options,
                            WrapChannel wrap) {
  const Id snapshot = TRY(id_at(options, "snapshotId"));
  std::optional<Id> base;
  if (options.Get("baseSnapshotId").IsString()) base = TRY(id_at(options, "baseSnapshotId"));
  return Job([=]() -> Result<MakeValue> {
    auto image = TRY(TRY(pool->volumes())->open_cut(snapshot, base));
    const uint64_t bytes = image->size_bytes();
    const bool base_agreed = image->base_agreed();
    auto handle = pool->channels().add(std::make_shared<CutSource>(
        std::move(image), default_keys(), CutSource::threads_for_this_machine()));
    return MakeValue([=](Napi::Env env) {
      Napi::Object at = Napi::Object::New(env);
      at.Set("channel", wrap(env, handle));
      at.Set("volumeBytes", big(env, bytes));
      at.Set("baseAgreed", base_agreed);
      return at;
    });
  });
}

Result<Job> audit_cut(std::shared_ptr<PoolNode> pool, const Napi::Object& options) {
  const Id snapshot = TRY(id_at(options, "snapshotId"));
  return Job([=]() -> Result<MakeValue> {
    auto image = TRY(TRY(pool->volumes())->open_cut(snapshot));
    // Registered, so that closing the pool ends it.
    const auto handle = pool->channels().add(std::make_shared<CutSource>(
        std::move(image), default_keys(), CutSource::threads_for_this_machine()));
    const auto source = TRY(handle->use());
    const auto root = audit(static_cast<CutSource&>(*source), default_keys());
    handle->close();
    if (!root) return root.error();
    return MakeValue([hex = to_hex(*root)](Napi::Env env) {
      Napi::Object at = Napi::Object::New(env);
      at.Set("rootHex", hex);
      return at;
    });
  });
}

Result<Job> open_snapshot_source(std::shared_ptr<StoreNode> store, const Napi::Object& options,
                                 WrapChannel wrap) {
  const ManifestFields fields = TRY(read_manifest(TRY(manifest_at(options, "manifest"))));
  const std::optional<Hash> base_root = TRY(base_root_at(options));
  return Job([=]() -> Result<MakeValue> {
    ChunkStore* chunks = TRY(store->store());
    std::optional<ManifestFields> base;
    if (const auto manifest = TRY(held_manifest(*chunks, base_root))) {
      base = TRY(read_manifest(*manifest));
    }
    return channel_value(
        wrap, store->channels().add(std::make_shared<SnapshotSource>(*chunks, fields, base)));
  });
}

Result<Job> open_tree_ingest(std::shared_ptr<StoreNode> store, const Napi::Object& options,
                             WrapChannel wrap) {
  const Manifest manifest = TRY(manifest_at(options, "manifest"));
  const std::optional<Hash> base_root = TRY(base_root_at(options));
  return Job([=]() -> Result<MakeValue> {
    ChunkStore* chunks = TRY(store->store());
    const auto base = TRY(held_manifest(*chunks, base_root));
    std::shared_ptr<TreeIngest> ingest =
        TRY(TreeIngest::open(*chunks, default_keys(), manifest, base));
    return channel_value(wrap, store->channels().add(std::move(ingest)));
  });
}

Result<Job> open_repair(std::shared_ptr<StoreNode> store, const Napi::Object& options,
                        WrapChannel wrap) {
  const Manifest manifest = TRY(manifest_at(options, "manifest"));
  return Job([=]() -> Result<MakeValue> {
    ChunkStore* chunks = TRY(store->store());
    std::shared_ptr<Repair> repair =
        TRY(Repair::open(*chunks, default_keys(), manifest, chunks->quarantined()));
    return channel_value(wrap, store->channels().add(std::move(repair)));
  });
}

Result<Job> open_ingest(std::shared_ptr<StoreNode> store, const Napi::Object& options,
                        WrapChannel wrap) {
  const uint64_t volume_bytes = TRY(bytes_at(options, "volumeBytes"));
  if (volume_bytes == 0 || volume_bytes > (64ull << 40)) {
    return error(Code::kInvalidArgument, "a snapshot has 1 byte to 64 TiB");
  }
  const bool list_is_delta = flag_at(options, "listIsDelta");
  const std::optional<Hash> base_root = TRY(base_root_at(options));
  if (list_is_delta && !base_root) {
    return error(Code::kInvalidArgument, "a list of differences needs the base's root");
  }
  return Job([=]() -> Result<MakeValue> {
    ChunkStore* chunks = TRY(store->store());
    IngestOptions ingest{volume_bytes, std::nullopt, list_is_delta};
    if (const auto manifest = TRY(held_manifest(*chunks, base_root))) {
      ingest.base = TRY(read_manifest(*manifest));
    }
    if (list_is_delta && ingest.base->volume_bytes > volume_bytes) {
      return error(Code::kInvalidArgument, "the base is larger than the snapshot");
    }
    return channel_value(wrap, store->channels().add(std::make_shared<Ingest>(
                                   *chunks, default_keys(), std::move(ingest))));
  });
}

Result<Job> open_hydration(std::shared_ptr<PoolNode> pool, const Napi::Object& options,
                           WrapChannel wrap) {
  const Id snapshot = TRY(id_at(options, "snapshotId"));
  const std::string lane = TRY(string_at(options, "lane"));
  if (lane != "demand" && lane != "background") {
    return error(Code::kInvalidArgument, "a lane is demand or background");
  }
  std::optional<std::chrono::milliseconds> rest;
  if (const auto ms = number_at(options, "restMs")) {
    rest = std::chrono::milliseconds(int64_t(std::clamp(*ms, 0.0, 60e3)));
  }
  return Job([=]() -> Result<MakeValue> {
    const Volumes::OriginView origin = TRY(TRY(pool->volumes())->origin(snapshot));
    const ManifestFields fields = TRY(read_manifest(origin.manifest));
    return channel_value(wrap, pool->channels().add(std::make_shared<Hydration>(
                                   origin.hydrator, fields, default_keys(),
                                   lane == "demand" ? Lane::kDemand : Lane::kBackground, rest)));
  });
}

Result<Job> open_clone_fill(std::shared_ptr<PoolNode> pool, const Napi::Object& options,
                            WrapChannel wrap) {
  const Id clone = TRY(id_at(options, "cloneId"));
  return Job([=]() -> Result<MakeValue> {
    auto target = TRY(TRY(pool->volumes())->clone_target(clone));
    return channel_value(
        wrap, pool->channels().add(TRY(CloneFill::open(std::move(target), default_keys()))));
  });
}

namespace {

// Of whatever receives into a store.
Result<IngestResult> finish_receiver(Channel& channel) {
  if (auto* ingest = dynamic_cast<Ingest*>(&channel)) return ingest->finish();
  if (auto* ingest = dynamic_cast<TreeIngest*>(&channel)) return ingest->finish();
  if (auto* repair = dynamic_cast<Repair*>(&channel)) return repair->finish();
  return error(Code::kInvalidArgument, "this channel receives into no store");
}

}  // namespace

Job finish_ingest(std::shared_ptr<ChannelHandle> channel) {
  return [channel]() -> Result<MakeValue> {
    const auto used = TRY(channel->use());
    const IngestResult result = TRY(finish_receiver(*used));
    return MakeValue([result](Napi::Env env) {
      Napi::Object at = Napi::Object::New(env);
      at.Set("rootHex", to_hex(result.root));
      at.Set("manifest",
             Napi::Buffer<uint8_t>::Copy(env, result.manifest.data(), result.manifest.size()));
      at.Set("addedBytes", big(env, result.added_bytes));
      at.Set("receivedBytes", big(env, result.received_bytes));
      at.Set("logicalBytes", Napi::BigInt::New(env, result.logical_bytes));
      at.Set("chunks", big(env, result.chunks));
      return at;
    });
  };
}

Job give(std::shared_ptr<ChannelHandle> channel, Bytes frames) {
  return [channel, frames]() -> Result<MakeValue> {
    const auto used = TRY(channel->use());
    TRY(used->give(frames));
    return undefined();
  };
}

Attempt take(std::shared_ptr<ChannelHandle> channel) {
  return [channel](const Ready& again) -> Result<std::optional<MakeValue>> {
    const auto used = TRY(channel->use());
    Polled polled = TRY(used->poll(again));
    if (polled.kind == Polled::Kind::kNotYet) return std::optional<MakeValue>();
    if (polled.kind == Polled::Kind::kEnd) {
      return std::optional<MakeValue>([](Napi::Env env) { return env.Null(); });
    }
    auto bytes = std::make_shared<std::vector<uint8_t>>(std::move(polled.message));
    return std::optional<MakeValue>([bytes](Napi::Env env) {
      // The buffer owns the vector: no copy.
      auto held = std::make_unique<std::shared_ptr<std::vector<uint8_t>>>(bytes);
      uint8_t* data = bytes->data();
      return Napi::Buffer<uint8_t>::New(
          env, data, bytes->size(),
          [](Napi::Env, uint8_t*, std::shared_ptr<std::vector<uint8_t>>* given) {
            const std::unique_ptr<std::shared_ptr<std::vector<uint8_t>>> owner(given);
          },
          held.release());
    });
  };
}

Job yield(std::shared_ptr<ChannelHandle> channel) {
  return [channel]() -> Result<MakeValue> {
    const auto used = channel->use();
    auto* hydration = used ? dynamic_cast<Hydration*>(used->get()) : nullptr;
    if (used && !hydration) return error(Code::kInvalidArgument, "this channel hydrates nothing");
    if (hydration) hydration->yield();
    return undefined();
  };
}

Result<Attempt> take_demand(const std::shared_ptr<PoolNode>& pool) {
  return Attempt([demand = TRY(pool->volumes())->demand()](
                     const Ready& again) -> Result<std::optional<MakeValue>> {
    const std::vector<Id> origins = TRY(demand->take(again));
    if (origins.empty()) return std::optional<MakeValue>();
    return std::optional<MakeValue>([origins](Napi::Env env) {
      return array_of(env, origins, [](const Id& id) { return to_string(id); });
    });
  });
}

}  // namespace ashlar::addon
