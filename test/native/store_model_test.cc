// Model test of the chunk store: random sessions (several at once, finished or dropped),
// duplicates, records, restarts, kills and lost, old or torn indexes against a map of what was
// finished. After each step what it touched is equal; from time to time everything is. Replay:
// ASHLAR_TEST_SEED=<seed> build/check/ashlar_tests --gtest_filter='*StoreModel*'
#include <cerrno>
#include <map>

#include "support/failing_calls.h"
#include "support/store_world.h"

namespace ashlar::test {
namespace {

class StoreModelRun {
 public:
  explicit StoreModelRun(uint64_t seed) : prng_(seed), folder_(temp_.path() + "/store") {}

  void open() {
    auto opened = open_store(folder_);
    ASSERT_OK(opened);
    store_ = *std::move(opened);
    ASSERT_GT(store_->writer_epoch(), epoch_);
    epoch_ = store_->writer_epoch();
  }

  void step() {
    const uint64_t dice = prng_.below(1000);
    if (sessions_.empty() || (dice < 40 && sessions_.size() < 4)) return begin();
    if (dice < 500) return add();
    if (dice < 600) return finish();
    if (dice < 640) return drop();
    if (dice < 660) return record();
    if (dice < 950) return read();
    if (dice < 962) return restart();
    if (dice < 974) return kill();
    if (dice < 980) return lose_index();
    if (dice < 984) return keep_index();
    if (dice < 990) return old_index();
    compare_all();
  }

  void finish_run() {
    compare_all();
    lose_index();
    compare_all();
  }

 private:
  struct Session {
    std::unique_ptr<StoreSession> session;
    std::vector<Frame> frames;
  };

  Session& pick() { return sessions_[prng_.below(sessions_.size())]; }
  void forget(Session& session) { sessions_.erase(sessions_.begin() + (&session - &sessions_[0])); }

  // Most are new; some were put before, by this session, another or one long finished, now and
  // then in another form.
  Frame make() {
    const FrameKind kinds[] = {FrameKind::kRaw, FrameKind::kLz4, FrameKind::kNode,
                               FrameKind::kManifest};
    const bool again = next_number_ > 0 && prng_.chance(30);
    const uint64_t number = again ? prng_.below(next_number_) : next_number_++;
    // The number decides, so that the same number is the same frame.
    const FrameKind kind = kinds[(number * 7) % 10 < 6 ? number % 2 : 2 + number % 2];
    const uint64_t bytes = number % 97 == 0 ? 1'500'000 : 1 + (number * 7919) % 3000;
    Frame frame = make_frame(kind, number, bytes);
    if (again && kind == FrameKind::kRaw && prng_.chance(30)) {
      frame = make_frame(FrameKind::kLz4, number, 1 + bytes / 3);
      frame.id = make_frame(kind, number, bytes).id;
    }
    return frame;
  }

  void begin() {
    sessions_.emplace_back();
    sessions_.back().session = std::make_unique<StoreSession>(*store_);
  }

  void add() {
    Session& session = pick();
    const Frame frame = make();
    if (prng_.chance(50)) {  // as a pull does
      const auto present = store_->present(std::span(&frame.id, 1));
      ASSERT_OK(present);
      ASSERT_EQ((*present)[0], finished_.contains(frame.id)) << to_hex(frame.id);
      if ((*present)[0]) return;
    }
    const bool chunk = frame.kind == FrameKind::kRaw || frame.kind == FrameKind::kLz4;
    const uint64_t before = session.session->added_bytes();
    ASSERT_OK(chunk ? session.session->add_chunk(frame.view())
                    : session.session->add_node(frame.view()));
    ASSERT_EQ(session.session->added_bytes(), before + sizeof(FrameHeader) + frame.stored.size());
    session.frames.push_back(frame);
    compare(frame.id);
  }

  void finish() {
    Session& session = pick();
    ASSERT_OK(session.session->finish());
    bool chunks = false;
    bool nodes = false;
    for (Frame& frame : session.frames) {
      const bool chunk = frame.kind == FrameKind::kRaw || frame.kind == FrameKind::kLz4;
      (chunk ? chunks : nodes) = true;
      ids_.push_back(frame.id);
      finished_[frame.id].push_back(frame);
      compare(frame.id);
    }
    packs_ += uint64_t(chunks) + uint64_t(nodes);
    forget(session);
  }

  void drop() {
    Session& session = pick();
    const std::vector<Frame> frames = std::move(session.frames);
    forget(session);
    for (const Frame& frame : frames)
      compare(frame.id);
  }

  void record() {
    const std::vector<uint8_t> row(prng_.below(500), 7);
    ASSERT_OK(store_->append_record(++generation_, uint32_t(prng_.between(1, 2)), row));
    packs_++;
  }

  void read() {
    if (ids_.empty() || prng_.chance(5)) {
      return compare(make_frame(FrameKind::kRaw, 1'000'000 + prng_.below(1000), 20).id);
    }
    compare(ids_[prng_.below(ids_.size())]);
  }

  void compare(const Hash& id) {
    const auto present = store_->present(std::span(&id, 1));
    ASSERT_OK(present);
    const auto expected = finished_.find(id);
    ASSERT_EQ((*present)[0], expected != finished_.end()) << to_hex(id);
    const auto got = store_->read(id);
    if (expected == finished_.end()) {
      ASSERT_TRUE(fails_with(got, Code::kNotFound, to_hex(id)));
      return;
    }
    ASSERT_OK(got);
    for (const Frame& frame : expected->second) {
      if (got->kind == frame.kind && got->plain_bytes == frame.plain_bytes &&
          got->bytes == frame.stored) {
        return;
      }
    }
    FAIL() << to_hex(id) << " has bytes that nobody put";
  }

  void compare_all() {
    for (const auto& [id, frames] : finished_)
      compare(id);
    for (const Session& session : sessions_) {
      for (const Frame& frame : session.frames)
        compare(frame.id);
    }
    const auto stats = store_->stats();
    ASSERT_OK(stats);
    ASSERT_EQ(stats->packs, packs_);
  }

  void close() {
    sessions_.clear();
    store_.reset();
  }
  void restart() {
    close();
    open();
  }
  // Nothing of what this process would still do reaches the disk.
  void kill() {
    {
      const FailingCalls dead({.error = EIO, .later_too = true, .killed = true});
      close();
    }
    if (prng_.chance(50)) tear_index();
    open();
  }
  // The index is not synced: after a power cut its log ends anywhere.
  void tear_index() {
    std::string newest;
    for (const fs::directory_entry& entry : fs::directory_iterator(folder_ + "/index")) {
      if (entry.path().extension() == ".log") newest = std::max(newest, entry.path().string());
    }
    if (!newest.empty()) fs::resize_file(newest, prng_.below(fs::file_size(newest) + 1));
  }
  void lose_index() {
    close();
    drop_index(folder_);
    open();
  }
  void keep_index() {
    close();
    copy_store(folder_ + "/index", temp_.path() + "/kept");
    open();
  }
  void old_index() {
    if (!fs::exists(temp_.path() + "/kept")) return;
    close();
    copy_store(temp_.path() + "/kept", folder_ + "/index");
    open();
  }

  Prng prng_;
  TempFolder temp_;
  const std::string folder_;
  std::unique_ptr<ChunkStore> store_;
  std::vector<Session> sessions_;                // before store_ in death: they use it
  std::map<Hash, std::vector<Frame>> finished_;  // all forms that were put
  std::vector<Hash> ids_;
  uint64_t packs_ = 0;
  uint64_t epoch_ = 0;
  uint64_t generation_ = 0;
  uint64_t next_number_ = 0;
};

class StoreModel : public testing::TestWithParam<uint64_t> {};
TEST_P(StoreModel, MatchesTheMap) {
  const uint64_t seed = test_seed(4000 + GetParam());
  std::printf("[ SEED     ] %llu\n", static_cast<unsigned long long>(seed));
  SCOPED_TRACE("seed " + std::to_string(seed) +
               "; replay: ASHLAR_TEST_SEED=" + std::to_string(seed));
  StoreModelRun run(seed);
  run.open();
  for (uint64_t i = 0; i < test_scale(1200) && !HasFailure(); i++)
    run.step();
  if (!HasFailure()) run.finish_run();
}
INSTANTIATE_TEST_SUITE_P(StoreSeeds, StoreModel, testing::Range<uint64_t>(0, 4));

}  // namespace
}  // namespace ashlar::test
