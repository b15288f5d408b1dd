// Incremental seals (DESIGN 6, 8): volumes of one pool are written, grown, cut, branched, restored
// half and sealed against any snapshot that the store has. Where the pool knows the base as an
// ancestor it lists the difference: a superset of the bytes that differ; where not, everything. The
// root is the model's each time, and the store holds the model's bytes. Replay:
// ASHLAR_TEST_SEED=<seed> build/check/ashlar_tests --gtest_filter='SealIncrement*'
#include <set>

#include "support/pull_world.h"

namespace ashlar::test {
namespace {

constexpr uint64_t kChunk = kChunkBytes;

struct Sealed {
  Id snapshot;
  ByteModel content;
  IngestResult result;
};

// What a seal told, beside its result.
struct Told {
  bool base_agreed = false;
  std::map<uint64_t, Hash> listed;
  Observer observer;
};

class SealWorld {
 public:
  explicit SealWorld(uint64_t seed) : prng(seed), pool(seed) {}

  void open() {
    ASSERT_OK(pool.open());
    auto opened = open_store(folder_.path());
    ASSERT_OK(opened);
    store = *std::move(opened);
  }

  // Pulls the cut into the store and compares all there is to compare.
  void seal(const Id& snapshot, const ByteModel& content, const Sealed* base, Told* told,
            Sealed* sealed) {
    const auto base_id = base ? std::optional(base->snapshot) : std::nullopt;
    const size_t threads = prng.chance(50) ? 0 : 3;
    const auto source = pool.source(snapshot, base_id, threads);
    ASSERT_OK(source);
    told->base_agreed = (*source)->base_agreed();
    PumpOptions options = of_a_cut(prng.next());
    options.meddler = [&, observe = told->observer.meddler()](Way way, const Message& message) {
      note_list(message, told);
      return observe(way, message);
    };
    const auto base_root = base ? std::optional(base->result.root) : std::nullopt;
    const auto result = ingest(**source, *store, options, base_root);
    ASSERT_OK(result);
    const ModelImage expected = image_of(content);
    ASSERT_EQ(to_hex(result->root), to_hex(expected.root));
    const auto stored = stored_snapshot(*store, result->root);
    ASSERT_OK(stored);
    ASSERT_EQ(*stored, expected.chunks);
    if (told->base_agreed) {
      compare_list(*told, expected, image_of(base->content));
    } else {
      ASSERT_EQ(told->listed, expected.chunks);
    }
    *sealed = {snapshot, content, *result};
  }

  Prng prng;
  PullPool pool;
  std::unique_ptr<ChunkStore> store;

 private:
  static void note_list(const Message& message, Told* told) {
    const auto frames = parse_frames(message);
    ASSERT_OK(frames);
    for (const WireFrame& frame : *frames) {
      if (frame.header.kind != Wire::kList) continue;
      for (const ListEntry& entry : wire_entries(frame)) {
        ASSERT_TRUE(told->listed.empty() || told->listed.rbegin()->first < entry.index);
        told->listed[entry.index] = entry.id;
      }
    }
  }

  // Everything that differs is listed, and everything listed is the cut's.
  static void compare_list(const Told& told, const ModelImage& now, const ModelImage& before) {
    const auto id_in = [](const ModelImage& image, uint64_t chunk) {
      const auto found = image.chunks.find(chunk);
      return found == image.chunks.end() ? Hash{} : found->second;
    };
    for (const ModelImage* image : {&now, &before}) {
      for (const auto& [chunk, id] : image->chunks) {
        if (id_in(now, chunk) == id_in(before, chunk)) continue;
        ASSERT_TRUE(told.listed.contains(chunk)) << "chunk " << chunk << " differs";
      }
    }
    for (const auto& [chunk, id] : told.listed)
      ASSERT_EQ(to_hex(id), to_hex(id_in(now, chunk))) << "chunk " << chunk;
  }

  MemoryFolder folder_;
};

class IncrementRun {
 public:
  explicit IncrementRun(uint64_t seed) : world_(seed), prng_(seed + 1) {}

  void open() {
    world_.open();
    if (testing::Test::HasFatalFailure()) return;
    for (int i = 0; i < 2; i++)
      create();
  }

  void step() {
    const uint64_t dice = prng_.below(100);
    Volume& volume = *volumes_[prng_.below(volumes_.size())];
    if (dice < 45) return write(volume);
    if (dice < 75) return cut_and_seal(volume);
    if (dice < 79) return drop();
    if (dice < 83) return branch();
    if (dice < 87) return restore();
    if (dice < 90) return hydrate_some(volume);
    if (dice < 93) return grow(volume);
    if (dice < 95) return replace();
    ASSERT_OK(world_.pool.tidy());
    ASSERT_OK(world_.pool->volumes->release_origins());
    if (prng_.chance(40)) ASSERT_OK(world_.pool.close_and_open());
  }

  // Of what is gone nothing is left behind.
  void finish() {
    while (!volumes_.empty()) {
      ASSERT_OK(world_.pool->remove(volumes_.back()->guest->volume()));
      volumes_.pop_back();
    }
    for (const Sealed& sealed : sealed_)
      ASSERT_OK(world_.pool->volumes->drop_cut(sealed.snapshot));
    // A cut that others grew out of goes only after them.
    for (size_t i = 0; i < sealed_.size(); i++)
      ASSERT_OK(world_.pool.tidy());
    for (const CutRow& row : world_.pool->pool->state().cuts.rows())
      ASSERT_TRUE(is_free(row)) << to_string(row.snapshot) << " is left, flags " << row.flags;
    const auto report = world_.pool->pool->check(false);
    ASSERT_OK(report);
    ASSERT_TRUE(report->problems.empty()) << report->problems[0];
    std::printf("[ TALLY    ] %d seals with a base, %d without, %d of a base not agreed\n", agreed_,
                without_, refused_);
  }

 private:
  struct Volume {
    std::unique_ptr<Guest> guest;
    std::set<Id> ancestors;    // snapshots that its content grew out of
    std::optional<Id> base;    // the newest of them
    std::optional<Id> origin;  // restored from; a part may still be remote
  };

  const Sealed* sealed(const Id& snapshot) const {
    for (const Sealed& one : sealed_) {
      if (one.snapshot == snapshot) return &one;
    }
    return nullptr;
  }

  void create() {
    const uint64_t sizes[] = {
        kBlockBytes, 3 * kChunk + kBlockBytes, 64 * kChunk, 65 * kChunk, 255ull << 20, 17ull << 30};
    ByteModel model;
    model.bytes = sizes[prng_.below(std::size(sizes))] + kBlockBytes * prng_.below(40);
    const auto id = world_.pool.create(model.bytes);
    ASSERT_OK(id);
    add(*id, model);
  }
  Volume& add(const Id& id, const ByteModel& model) {
    volumes_.push_back(std::make_unique<Volume>());
    volumes_.back()->guest = std::make_unique<Guest>(*world_.pool, id, model, prng_.next());
    return *volumes_.back();
  }

  // Into what may be remote only whole blocks: nobody fetches.
  void write(Volume& volume) {
    if (!volume.origin) return volume.guest->steps(prng_.between(1, 8));
    const uint64_t blocks = volume.guest->model().bytes / kBlockBytes;
    for (uint64_t i = prng_.between(1, 6); i > 0; i--) {
      const uint64_t at = prng_.below(std::min<uint64_t>(blocks, 3000));
      const uint64_t count = std::min(prng_.between(1, 5), blocks - at);
      volume.guest->write_at(at * kBlockBytes, random_bytes(prng_, count * kBlockBytes));
    }
  }

  void cut_and_seal(Volume& volume) {
    const auto snapshot = world_.pool.cut(volume.guest->volume());
    ASSERT_OK(snapshot);
    const uint64_t dice = prng_.below(100);
    const Sealed* base = dice < 75 && volume.base ? sealed(*volume.base) : nullptr;
    if (dice >= 80 && !sealed_.empty()) base = &sealed_[prng_.below(sealed_.size())];
    Told told;
    Sealed made;
    with_demand(volume, [&] { world_.seal(*snapshot, volume.guest->model(), base, &told, &made); });
    if (testing::Test::HasFailure()) return;
    (told.base_agreed ? agreed_ : base ? refused_ : without_)++;
    // Never guessed; and always where the records say it.
    ASSERT_TRUE(!told.base_agreed || volume.ancestors.contains(base->snapshot));
    const bool known = base && base->snapshot == volume.base &&
                       (!dropped_.contains(*volume.base) || volume.base == volume.origin);
    ASSERT_TRUE(told.base_agreed || !known);
    ASSERT_OK(world_.pool->volumes->sealed(*snapshot, made.result.root));
    ancestors_[*snapshot] = volume.ancestors;
    volume.ancestors.insert(*snapshot);
    volume.base = *snapshot;
    if (volume.origin) origins_[*snapshot] = *volume.origin;
    sealed_.push_back(std::move(made));
  }

  // The demand lane is there for as long as `work` lasts.
  template <typename Work>
  void with_demand(const Volume& volume, Work work) {
    const auto origin = volume.origin ? world_.pool->volumes->origin(*volume.origin)
                                      : Result<Volumes::OriginView>(error(Code::kNotFound, ""));
    if (!origin) return work();
    auto demand = world_.pool.hydration(*volume.origin, Lane::kDemand);
    ASSERT_OK(demand);
    SnapshotSource source(*world_.store, *read_manifest(origin->manifest));
    std::thread carrying([&] {
      PumpOptions options;
      options.patience = std::chrono::hours(1);
      pump(source, **demand, options);
    });
    work();
    (*demand)->close();
    carrying.join();
  }

  void drop() {
    if (sealed_.empty()) return;
    const Id snapshot = sealed_[prng_.below(sealed_.size())].snapshot;
    ASSERT_OK(world_.pool->volumes->drop_cut(snapshot));
    dropped_.insert(snapshot);
  }

  void branch() {
    if (sealed_.empty() || volumes_.size() > 5) return;
    const Sealed& from = sealed_[prng_.below(sealed_.size())];
    CreateVolume order;
    order.id = world_.pool.next_id();
    order.cut = from.snapshot;
    order.bytes = from.content.bytes + (prng_.chance(50) ? 5ull << 20 : 0);
    const auto made = world_.pool->volumes->create(order);
    if (!made) {  // a bookmark at most is left
      ASSERT_EQ(made.error().code, Code::kSnapshotNotFound);
      return;
    }
    const CutRow* row = std::as_const(world_.pool->pool->state()).cut(from.snapshot);
    ByteModel model = from.content;
    model.bytes = order.bytes;
    // Of a cut that is remote in part only whole blocks are written, too.
    const auto origin = row->origin ? std::optional(origins_[from.snapshot]) : std::nullopt;
    start_from(add(order.id, model), from.snapshot);
    volumes_.back()->origin = origin;
  }

  void restore() {
    if (sealed_.empty() || volumes_.size() > 5) return;
    const Sealed& from = sealed_[prng_.below(sealed_.size())];
    if (from.content.bytes > (1ull << 30)) return;
    CreateVolume order;
    order.id = world_.pool.next_id();
    order.bytes = from.content.bytes + (prng_.chance(50) ? 70 * kChunk + kBlockBytes : 0);
    order.origin = CreateVolume::Origin{from.snapshot, from.result.manifest, world_.pool.next_id()};
    ASSERT_OK(world_.pool->volumes->create(order));
    ByteModel model = from.content;
    model.bytes = order.bytes;
    start_from(add(order.id, model), from.snapshot);
    volumes_.back()->origin = from.snapshot;
  }

  void start_from(Volume& volume, const Id& snapshot) {
    volume.ancestors = ancestors_[snapshot];
    volume.ancestors.insert(snapshot);
    volume.base = snapshot;
  }

  void hydrate_some(Volume& volume) {
    if (!volume.origin) return;
    const auto origin = world_.pool->volumes->origin(*volume.origin);
    if (!origin) return;
    auto receiver = world_.pool.hydration(*volume.origin, Lane::kBackground);
    ASSERT_OK(receiver);
    PumpOptions options;
    options.seed = prng_.next();
    options.messages_max = prng_.chance(30) ? UINT64_MAX : prng_.between(1, 10);
    SnapshotSource source(*world_.store, *read_manifest(origin->manifest));
    const PumpEnd end = pump(source, **receiver, options);
    ASSERT_TRUE(end.messages == options.messages_max || !end.gave_up()) << end.messages;
    ASSERT_FALSE(end.source_failed) << end.source_failed->message;
    ASSERT_FALSE(end.receiver_failed) << end.receiver_failed->message;
  }

  void grow(Volume& volume) {
    ByteModel model = volume.guest->model();
    if (model.bytes > (20ull << 30)) return;
    const uint64_t more[] = {kBlockBytes, kChunk, 5ull << 20, 300ull << 20};
    model.bytes += more[prng_.below(4)];
    const Id id = volume.guest->volume();
    ASSERT_OK(world_.pool->volumes->grow(id, model.bytes));
    volume.guest = std::make_unique<Guest>(*world_.pool, id, model, prng_.next());
  }

  void replace() {
    const size_t at = prng_.below(volumes_.size());
    ASSERT_OK(world_.pool->remove(volumes_[at]->guest->volume()));
    volumes_.erase(volumes_.begin() + ptrdiff_t(at));
    create();
  }

  SealWorld world_;
  Prng prng_;
  std::vector<std::unique_ptr<Volume>> volumes_;
  std::vector<Sealed> sealed_;
  std::map<Id, std::set<Id>> ancestors_;  // of each snapshot
  std::map<Id, Id> origins_;              // of snapshots of restored volumes
  std::set<Id> dropped_;
  int agreed_ = 0;
  int without_ = 0;
  int refused_ = 0;
};

// Four runs, so that shards share them.
class SealIncrement : public testing::TestWithParam<uint64_t> {};
TEST_P(SealIncrement, RootsAreThoseOfTheBytes) {
  const uint64_t seed = test_seed(5000 + GetParam());
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::printf("[ SEED     ] %llu\n", static_cast<unsigned long long>(seed));
  IncrementRun run(seed);
  run.open();
  for (uint64_t i = 0; i < test_scale(400) && !HasFailure(); i++)
    run.step();
  if (!HasFailure()) run.finish();
}
INSTANTIATE_TEST_SUITE_P(SealRuns, SealIncrement, testing::Range<uint64_t>(0, 4));

}  // namespace
}  // namespace ashlar::test
