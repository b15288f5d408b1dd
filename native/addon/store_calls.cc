#include "addon/store_calls.h"

#include "addon/values.h"
#include "stream/clone_fill.h"
#include "stream/cut_source.h"
#include "stream/hydration.h"
#include "stream/snapshot_source.h"

namespace ashlar::addon {
namespace {

Result<std::vector<uint8_t>> buffer_at(const Napi::Object& from, const char* key) {
  const Napi::Value value = from.Get(key);
  if (!value.IsBuffer()) return error(Code::kInvalidArgument, std::string(key) + " is no buffer");
  const auto buffer = value.As<Napi::Buffer<uint8_t>>();
  return std::vector<uint8_t>(buffer.Data(), buffer.Data() + buffer.Length());
}

DomainKeys default_keys() {
  return derive_keys({});
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
  return Job([path, catalog_uuid, wrap]() -> Result<MakeValue> {
    auto store = TRY(ChunkStore::open(path, catalog_uuid));
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
      return at;
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
    TRY(TRY(store->store())->append_record(generation, kind == "commit" ? 1 : 2, row));
    return undefined();
  });
}

Result<Job> open_cut_source(std::shared_ptr<PoolNode> pool, const Napi::Object& options,
                            WrapChannel wrap) {
  const Id snapshot = TRY(id_at(options, "snapshotId"));
  return Job([=]() -> Result<MakeValue> {
    auto image = TRY(TRY(pool->volumes())->open_cut(snapshot));
    const uint64_t bytes = image->size_bytes();
    auto handle =
        pool->channels().add(std::make_shared<CutSource>(std::move(image), default_keys()));
    return MakeValue([=](Napi::Env env) {
      Napi::Object at = Napi::Object::New(env);
      at.Set("channel", wrap(env, handle));
      at.Set("volumeBytes", big(env, bytes));
      at.Set("baseAgreed", false);  // a full list; the receiver finds what it has by id
      return at;
    });
  });
}

Result<Job> open_snapshot_source(std::shared_ptr<StoreNode> store, const Napi::Object& options,
                                 WrapChannel wrap) {
  const std::vector<uint8_t> bytes = TRY(buffer_at(options, "manifest"));
  Manifest manifest;
  if (bytes.size() != manifest.size())
    return error(Code::kInvalidArgument, "a manifest has 80 bytes");
  std::copy(bytes.begin(), bytes.end(), manifest.begin());
  const ManifestFields fields = TRY(read_manifest(manifest));
  return Job([=]() -> Result<MakeValue> {
    ChunkStore* chunks = TRY(store->store());
    return channel_value(wrap,
                         store->channels().add(std::make_shared<SnapshotSource>(*chunks, fields)));
  });
}

Result<Job> open_ingest(std::shared_ptr<StoreNode> store, const Napi::Object& options,
                        WrapChannel wrap) {
  const uint64_t volume_bytes = TRY(bytes_at(options, "volumeBytes"));
  if (volume_bytes == 0 || volume_bytes > (64ull << 40)) {
    return error(Code::kInvalidArgument, "a snapshot has 1 byte to 64 TiB");
  }
  if (flag_at(options, "listIsDelta")) {
    return error(Code::kNotSupported, "lists of differences are not taken yet");
  }
  return Job([=]() -> Result<MakeValue> {
    ChunkStore* chunks = TRY(store->store());
    return channel_value(wrap, store->channels().add(std::make_shared<Ingest>(
                                   *chunks, default_keys(), volume_bytes)));
  });
}

Result<Job> open_hydration(std::shared_ptr<PoolNode> pool, const Napi::Object& options,
                           WrapChannel wrap) {
  const Id snapshot = TRY(id_at(options, "snapshotId"));
  const std::string lane = TRY(string_at(options, "lane"));
  if (lane != "demand" && lane != "background") {
    return error(Code::kInvalidArgument, "a lane is demand or background");
  }
  return Job([=]() -> Result<MakeValue> {
    const Volumes::OriginView origin = TRY(TRY(pool->volumes())->origin(snapshot));
    const ManifestFields fields = TRY(read_manifest(origin.manifest));
    return channel_value(wrap, pool->channels().add(std::make_shared<Hydration>(
                                   origin.hydrator, fields, default_keys(),
                                   lane == "demand" ? Lane::kDemand : Lane::kBackground)));
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

Job finish_ingest(std::shared_ptr<ChannelHandle> channel) {
  return [channel]() -> Result<MakeValue> {
    const auto used = TRY(channel->use());
    auto* ingest = dynamic_cast<Ingest*>(used.get());
    if (!ingest) return error(Code::kInvalidArgument, "this channel is no ingest");
    const IngestResult result = TRY(ingest->finish());
    return MakeValue([result](Napi::Env env) {
      Napi::Object at = Napi::Object::New(env);
      at.Set("rootHex", to_hex(result.root));
      at.Set("manifest",
             Napi::Buffer<uint8_t>::Copy(env, result.manifest.data(), result.manifest.size()));
      at.Set("addedBytes", big(env, result.added_bytes));
      at.Set("chunks", big(env, result.chunks));
      return at;
    });
  };
}

Result<Job> give(std::shared_ptr<ChannelHandle> channel, const Napi::Value& frames) {
  if (!frames.IsBuffer()) return error(Code::kInvalidArgument, "frames are no buffer");
  // The bytes are read where they are: the reference keeps them until the promise is settled.
  const auto buffer = frames.As<Napi::Buffer<uint8_t>>();
  auto kept = std::make_shared<Napi::Reference<Napi::Buffer<uint8_t>>>(Napi::Persistent(buffer));
  const Bytes bytes(buffer.Data(), buffer.Length());
  return Job([channel, kept, bytes]() -> Result<MakeValue> {
    const auto used = TRY(channel->use());
    auto given = used->give(bytes);
    if (!given) return std::move(given).error();
    return MakeValue([kept](Napi::Env env) { return env.Undefined(); });
  });
}

Job take(std::shared_ptr<ChannelHandle> channel) {
  return [channel]() -> Result<MakeValue> {
    const auto used = TRY(channel->use());
    auto taken = TRY(used->take());
    if (!taken) return MakeValue([](Napi::Env env) { return env.Null(); });
    auto bytes = std::make_shared<std::vector<uint8_t>>(*std::move(taken));
    return MakeValue([bytes](Napi::Env env) {
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

}  // namespace ashlar::addon
