// How fast a volume is filled from a store, both ends in this process and nothing between them:
//
//   cmake --build --preset check --target bench_hydration
//   build/check/bench_hydration FOLDER MIB [random|half]
//
// FOLDER gets a store with a snapshot of MIB of data (`half`: LZ4 makes half of it), and a pool.
// Prints wall time, and the CPU both ends took: on a machine that does other things it is the CPU
// that compares.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "codec/lz4.h"
#include "seal/image.h"
#include "stream/hydration.h"
#include "stream/snapshot_source.h"
#include "volume/volumes.h"

namespace ashlar {
namespace {

double cpu_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return double(time.tv_sec) + double(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Noise, every other cache line of it zero where half of it is to go away.
void fill(std::vector<uint8_t>& chunk, uint64_t& state, bool half) {
  for (size_t at = 0; at < chunk.size(); at += sizeof state) {
    state = state * 6364136223846793005ull + 1442695040888963407ull;
    const uint64_t word = half && at / 128 % 2 ? 0 : state ^ state >> 29;
    std::memcpy(&chunk[at], &word, sizeof word);
  }
}

Result<Manifest> fill_store(ChunkStore& store, uint64_t bytes, bool half) {
  const DomainKeys keys = derive_keys({});
  StoreSession session(store);
  std::optional<Error> failed;
  MerkleBuilder tree(keys, bytes,
                     [&](uint8_t, uint64_t, const Hash& id, const NodeBytes& node) {
                       auto added = session.add_node({FrameKind::kNode, id, kNodeBytes, node});
                       if (!added) failed = added.error();
                     });
  std::vector<uint8_t> chunk(kChunkBytes);
  uint64_t state = 1;
  for (uint64_t i = 0; i < bytes / kChunkBytes; i++) {
    fill(chunk, state, half);
    const Hash id = chunk_id(keys, chunk);
    const auto packed = lz4_compress(chunk);
    const FrameKind kind = packed ? FrameKind::kLz4 : FrameKind::kRaw;
    TRY(session.add_chunk(
        {kind, id, uint32_t(kChunkBytes), packed ? Bytes(*packed) : Bytes(chunk)}));
    tree.add(i, id);
  }
  const Manifest manifest = make_manifest(bytes, {}, tree.finish());
  if (failed) return *failed;
  TRY(session.finish());
  return manifest;
}

Id an_id(uint8_t number) {
  Id id;
  id.region = 1;
  id.uuid[0] = number;
  return id;
}

// Two threads, one a direction.
Result<void> carry(Channel& source, Channel& receiver) {
  Result<void> answered;
  std::thread answers([&] {
    for (;;) {
      auto said = source.take();
      if (!said || !*said) return;
      if (auto given = receiver.give(**said); !given) {
        answered = given;
        return receiver.close();
      }
    }
  });
  Result<void> asked;
  for (;;) {
    auto question = receiver.take();
    if (!question) asked = question.error();
    if (!question || !*question) break;
    if (auto given = source.give(**question); !given) asked = given;
  }
  source.close();
  answers.join();
  TRY(answered);
  return asked;
}

Result<void> run(const std::string& folder, uint64_t bytes, bool half) {
  std::filesystem::remove_all(folder);
  std::filesystem::create_directories(folder);
  auto store = TRY(ChunkStore::open(folder + "/store", "00000000-0000-0000-0000-000000000000"));
  const Manifest manifest = TRY(fill_store(*store, bytes, half));
  auto file = TRY(open_file_device(folder + "/pool", IfAbsent::kCreate));
  PoolOptions options;
  options.capacity_bytes = 2 * bytes + (256ull << 20);
  auto pool = TRY(Pool::open(std::move(file.device), file.created, "pool", options));
  {
    Volumes volumes(*pool);
    CreateVolume order;
    order.id = an_id(1);
    order.bytes = bytes;
    order.origin = CreateVolume::Origin{an_id(2), manifest, an_id(3)};
    TRY(volumes.create(order));
    const ManifestFields fields = TRY(read_manifest(manifest));
    SnapshotSource source(*store, fields);
    Hydration receiver(TRY(volumes.origin(an_id(2))).hydrator, fields, derive_keys({}),
                       Lane::kBackground);
    const auto begin = std::chrono::steady_clock::now();
    const double cpu = cpu_seconds();
    TRY(carry(source, receiver));
    const double used = cpu_seconds() - cpu;
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    const double gib = double(bytes) / double(1 << 30);
    std::printf("%.2f GiB in %.2f s: %.2f GiB/s; %.2f s CPU: %.2f GiB/s of two cores\n", gib,
                took.count(), gib / took.count(), used, 2 * gib / used);
  }
  return pool->close();
}

}  // namespace
}  // namespace ashlar

int main(int count, char** arguments) {
  if (count < 3) {
    std::fprintf(stderr, "bench_hydration FOLDER MIB [random|half]\n");
    return 2;
  }
  const uint64_t bytes = std::strtoull(arguments[2], nullptr, 10) << 20;
  const bool half = count < 4 || std::string(arguments[3]) == "half";
  const auto done = ashlar::run(arguments[1], bytes, half);
  if (done) return 0;
  std::fprintf(stderr, "%s\n", done.error().message.c_str());
  return 1;
}
