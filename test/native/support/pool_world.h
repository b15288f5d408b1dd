// A pool on a SimDevice with its volumes, driven by hand: no background threads, so that a seed
// replays.
#pragma once

#include "sim_device.h"
#include "support/byte_model.h"
#include "support/outcome.h"
#include "volume/volumes.h"

namespace ashlar::test {

inline Id test_id(uint64_t number) {
  Id id;
  id.region = 1;
  std::memcpy(id.uuid.data(), &number, sizeof number);
  id.uuid[15] = 1;
  return id;
}

class PoolWorld {
 public:
  PoolWorld(SimDisk& disk, uint64_t seed, uint64_t capacity_bytes, uint64_t file_system_bytes = 0)
      : disk_(disk),
        capacity_(capacity_bytes),
        file_system_bytes_(file_system_bytes > 0 ? file_system_bytes : 2 * capacity_bytes) {
    seed_ = seed;
  }

  // Opens (creating or recovering). Returns the error instead of asserting, for crash tests.
  Result<void> open(std::function<void(SimDevice&)> prepare = {}) {
    volumes.reset();
    pool.reset();
    auto made = std::make_unique<SimDevice>(disk_, seed_++, file_system_bytes_);
    device = made.get();
    if (prepare) prepare(*device);
    PoolOptions options;
    options.capacity_bytes = capacity_;
    options.page_cache_bytes = 1 << 20;  // small, so that pages are loaded again
    options.background = false;
    options.pool_id.fill(7);
    pool = TRY(Pool::open(std::move(made), disk_.bytes.empty(), "sim", options));
    volumes = std::make_unique<Volumes>(*pool);
    return {};
  }

  Result<std::shared_ptr<VolumeIo>> volume(const Id& id) {
    const Id attachment =
        test_id(id.uuid[0] + 1'000'000ull + 256ull * id.uuid[1] + 65536ull * id.uuid[2]);
    TRY(volumes->attach(attachment, id, "host", false));
    return TRY(volumes->find_export(to_string(attachment))).volume;
  }
  Result<void> remove(const Id& id) {
    const Id attachment =
        test_id(id.uuid[0] + 1'000'000ull + 256ull * id.uuid[1] + 65536ull * id.uuid[2]);
    TRY(volumes->finish_detach(attachment));
    return volumes->remove(id);
  }

  Result<std::vector<uint8_t>> read(const Id& id, uint64_t offset, uint64_t bytes) {
    auto io = TRY(volume(id));
    std::vector<uint8_t> data(bytes, 0xee);
    ReadRequest request;
    request.offset = offset;
    request.into = data;
    io->read(std::span(&request, 1), Wait::kAllowed);
    if (request.outcome == ReadRequest::Outcome::kFailed) return request.error;
    CHECK(request.outcome == ReadRequest::Outcome::kDone);
    for (const ByteRange& zeros : request.zeros)
      std::memset(data.data() + zeros.offset, 0, zeros.bytes);
    return data;
  }
  Result<void> write(const Id& id, uint64_t offset, Bytes data) {
    auto io = TRY(volume(id));
    WriteRequest request;
    request.offset = offset;
    request.data = data;
    io->write(std::span(&request, 1));
    if (request.failed) return request.error;
    return {};
  }
  Result<std::vector<uint8_t>> read_cut(const Id& snapshot, uint64_t first_chunk, uint64_t chunks) {
    auto image = TRY(volumes->open_cut(snapshot));
    std::vector<uint8_t> data(chunks * kChunkBytes, 0xee);
    TRY(image->read_chunks(first_chunk, chunks, data));
    return data;
  }

  std::unique_ptr<Pool> pool;
  std::unique_ptr<Volumes> volumes;
  SimDevice* device = nullptr;

 private:
  SimDisk& disk_;
  uint64_t capacity_;
  uint64_t file_system_bytes_;
  uint64_t seed_;
};

}  // namespace ashlar::test
