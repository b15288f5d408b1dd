// One pool on a simulated disk, and what goes on in it during a life: a guest of a restored volume,
// a guest of a plain one, somebody who branches and drops cuts, and the receivers that hydrate. See
// lives_test.cc and failpoints_test.cc.
//
// Threads: each volume's history belongs to the thread of its guest; the cuts are shared, under
// cuts_mutex_. Between lives everything belongs to the caller.
#pragma once

#include <atomic>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>
#include <thread>

#include "seal/merkle.h"
#include "support/guest.h"
#include "support/mortal_device.h"
#include "support/volume_history.h"

namespace ashlar::test {

class LifeWorld {
 public:
  struct Options {
    // Besides, in the smallest pool: cuts that are sealed, and so may go when it is tight; clones
    // that hydrate; tombstones that are forgotten; checkpoints that are asked for.
    bool more = false;
    // A volume that nobody touches takes most of the pool, so that there is no room now and then.
    bool tight = false;
    // Says when a life ends. Default: before an operation of the device that is drawn, or never.
    std::function<void(MortalDevice&)> plan_death;
  };

  explicit LifeWorld(uint64_t seed) : LifeWorld(seed, Options{}) {}
  LifeWorld(uint64_t seed, Options options) : options_(std::move(options)), prng_(seed) {
    // Mostly the smallest rings there are; large pools cost time, and hold what small ones do not.
    const uint64_t dice = prng_.below(100);
    const uint64_t mib = dice < 55 ? 16 : dice < 80 ? 24 : dice < 95 ? 64 : dice < 99 ? 256 : 1024;
    capacity_ = (options_.more ? 16 : mib) << 20;
    // Half of them grow in many small steps, beside everything else that goes on.
    if (prng_.chance(50)) growth_ = kBlockBytes * prng_.between(16, 256);
  }

  uint64_t capacity_bytes() const { return capacity_; }

  // From open to death.
  void live() {
    killed_ = prng_.chance(50);
    ASSERT_OK(open(true));
    prepare();
    if (testing::Test::HasFatalFailure()) return;
    if (options_.plan_death) {
      options_.plan_death(*device_);
    } else if (prng_.chance(70)) {
      device_->die_at(prng_.below(prng_.chance(50) ? 60 : 400));
    }
    run();
    die();
  }

  // A life that may end within its recovery, and does nothing else.
  void recover(const std::function<void(MortalDevice&)>& plan_death) {
    const bool killed = std::exchange(killed_, prng_.chance(50));
    const auto opened = open(false, [&](MortalDevice& device) {
      device.dies_with_power(!killed_);
      plan_death(device);
    });
    if (opened) {
      die();
    } else {
      EXPECT_EQ(opened.error().code, Code::kDeviceFailed) << opened.error().message;
    }
    killed_ = killed;  // of what came before nothing can be lost any more
  }

  // Recovers, and holds what is there against what was done. Nothing of the background runs: a walk
  // of all roots wants nobody to change them.
  void compare() {
    ASSERT_OK(open(false));
    const auto report = pool_->check(false);
    ASSERT_OK(report);
    for (const std::string& problem : report->problems)
      ADD_FAILURE() << problem;
    for (auto& [id, volume] : volumes_) {
      const auto found = read_local(id, volume);
      if (testing::Test::HasFatalFailure()) return;
      EXPECT_TRUE(volume.history.accept(found, killed_))
          << volume.name << " after " << (killed_ ? "a kill" : "a power cut");
    }
    for (auto at = cuts_.begin(); at != cuts_.end();) {
      // Nobody was told of it, and it is not there: it never was. Or it was a cache.
      if ((!at->second.answered || at->second.sealed) && !orders_->open_cut(at->first)) {
        at = cuts_.erase(at);
        continue;
      }
      at->second.answered = true;  // what was recovered stays
      compare_cut(at->first, at->second);
      ++at;
    }
    killed_ = true;  // nothing was under way: nothing is lost
    die();
  }

 private:
  struct Volume {
    const char* name = "";
    VolumeHistory history;
    std::shared_ptr<VolumeIo> io;
    std::optional<Id> origin;  // the snapshot it was restored from
    ByteModel origin_content;
  };
  struct Cut {
    ByteModel content;
    bool answered = false;
    std::optional<Id> origin;
    ByteModel origin_content;
    bool sealed = false;
  };

  // ---- a life's two ends

  Result<void> open(bool background, const std::function<void(MortalDevice&)>& plan_death = {}) {
    auto made = std::make_unique<MortalDevice>(disk_, prng_.next(), capacity_ * 2);
    device_ = made.get();
    if (plan_death) plan_death(*device_);
    PoolOptions options;
    options.capacity_bytes = capacity_;
    options.growth_bytes = growth_;
    options.page_cache_bytes = 1 << 20;
    options.background = background;
    options.pool_id.fill(7);
    pool_ = TRY(Pool::open(std::move(made), disk_.bytes.empty(), "sim", options));
    orders_ = std::make_unique<Volumes>(*pool_);
    return {};
  }

  // A process that is killed is dropped in the same way: nothing is closed.
  void die() {
    device_->die();
    killed_ ? device_->keep_all() : device_->lose_power();
    for (auto& [id, volume] : volumes_)
      volume.io.reset();
    orders_.reset();
    pool_.reset();
  }

  // Before the end is drawn: both volumes are there, and attached. One that has everything gives
  // way to another origin's.
  void prepare() {
    for (const auto& [clone, snapshot] : std::exchange(unsettled_, {})) {
      (void)orders_->remove_clone(clone);
      (void)orders_->drop_cut(snapshot);
    }
    if (restored_) {
      Volume& volume = volumes_.at(*restored_);
      const auto origin = volume.origin ? orders_->origin(*volume.origin)
                                        : Result<Volumes::OriginView>(Volumes::OriginView{});
      bool remote = false;
      for (const auto& view : orders_->view().volumes)
        remote |= view.row.id == *restored_ && view.origin_snapshot.has_value();
      if ((!remote && !clone_hydrates()) || !origin) retire(*restored_);
    }
    if (testing::Test::HasFatalFailure()) return;
    if (!restored_) restored_ = make("restored", true);
    if (!plain_) plain_ = make("plain", false);
    if (testing::Test::HasFatalFailure()) return;
    if (options_.tight && !ballasted_) make_ballast();
    for (auto& [id, volume] : volumes_)
      ASSERT_OK(attach(id, volume));
  }

  bool clone_hydrates() {
    const auto clones = orders_->view().clones;
    return std::any_of(clones.begin(), clones.end(), [&](const auto& clone) {
      return clone.row.id == hydrating_clone_ && clone.origin_snapshot;
    });
  }

  void make_ballast() {
    CreateVolume order;
    order.id = next_id();
    order.bytes = capacity_ / 16 * 9;
    ASSERT_OK(orders_->create(order));
    Volume ballast;
    ASSERT_OK(attach(order.id, ballast));
    const std::vector<uint8_t> data(order.bytes, 0xba);
    WriteRequest request;
    request.data = data;
    ballast.io->write(std::span(&request, 1));
    ASSERT_OK(ballast.io->flush());
    ballasted_ = true;
  }

  // What it leaves behind is freed in the background.
  void retire(const Id& id) {
    if (hydrating_clone_) ASSERT_OK(orders_->remove_clone(*hydrating_clone_));
    hydrating_clone_.reset();
    for (auto at = cuts_.begin(); at != cuts_.end();) {
      if (at->second.origin == volumes_.at(id).origin) {
        ASSERT_OK(orders_->drop_cut(at->first));
        at = cuts_.erase(at);
      } else {
        ++at;
      }
    }
    ASSERT_OK(orders_->finish_detach(attachment_of(id)));
    ASSERT_OK(orders_->remove(id));
    volumes_.erase(id);
    restored_.reset();
    ASSERT_OK(orders_->settle());
  }

  std::optional<Id> make(const char* name, bool from_origin) {
    const Id id = next_id();
    Volume volume;
    volume.name = name;
    CreateVolume order;
    order.id = id;
    order.bytes =
        (prng_.between(1, capacity_ > (32ull << 20) ? 4 : 1) << 20) + kBlockBytes * prng_.below(64);
    ByteModel content;
    content.bytes = order.bytes;
    if (from_origin) {
      volume.origin = next_id();
      for (uint64_t at = 0; at < order.bytes; at += kChunkBytes) {
        if (prng_.chance(10)) continue;  // a zero chunk
        const uint64_t bytes = std::min<uint64_t>(kChunkBytes, order.bytes - at);
        content.write(at, random_bytes(prng_, bytes));
      }
      volume.origin_content = content;
      order.origin =
          CreateVolume::Origin{*volume.origin, make_manifest(order.bytes, {}, Hash{}), next_id()};
    }
    const auto made = orders_->create(order);
    EXPECT_OK(made);
    volume.history = VolumeHistory(std::move(content));
    volumes_.emplace(id, std::move(volume));
    return id;
  }

  Result<void> attach(const Id& id, Volume& volume) {
    TRY(orders_->attach(attachment_of(id), id, "host", false));
    volume.io = TRY(orders_->find_export(to_string(attachment_of(id)))).volume;
    return {};
  }

  // ---- a life

  void run() {
    guests_ = 2;
    events_ = 0;
    Volume& restored = volumes_.at(*restored_);
    Volume& plain = volumes_.at(*plain_);
    const auto origin = orders_->origin(*restored.origin);
    std::vector<std::thread> receivers;
    std::shared_ptr<Hydrator> hydrator;
    std::vector<Turn> turns;
    if (origin) {
      hydrator = origin->hydrator;
      for (const Lane lane : {Lane::kDemand, Lane::kBackground}) {
        turns.push_back(hydrator->reopen(lane));
        receivers.emplace_back(
            [this, &restored, hydrator, turn = turns.back(), seed = prng_.next()] {
              receive(*hydrator, turn, restored.origin_content, seed);
            });
      }
    }
    std::vector<std::thread> guests;
    guests.emplace_back([&, seed = prng_.next()] { guest(*restored_, restored, seed, true); });
    guests.emplace_back([&, seed = prng_.next()] { guest(*plain_, plain, seed, false); });
    guests.emplace_back([&, seed = prng_.next()] { others(seed); });
    for (std::thread& each : guests)
      each.join();
    for (const Turn& turn : turns)
      hydrator->close(turn);
    for (std::thread& each : receivers)
      each.join();
  }

  bool alive() const { return !device_->dead(); }

  void note_event() {
    {
      std::lock_guard lock(events_mutex_);
      events_++;
    }
    events_changed_.notify_all();
  }
  void wait_for_event(uint64_t number) {
    std::unique_lock lock(events_mutex_);
    events_changed_.wait(lock, [&] { return events_ >= number || guests_ == 0; });
  }

  // What a region sends: messages of some chunks, between the events of the guest.
  void receive(Hydrator& hydrator, const Turn& turn, const ByteModel& content, uint64_t seed) {
    Prng prng(seed);
    uint64_t next_event = 0;
    while (const auto wanted = hydrator.next_wanted(turn, prng.between(1, 16))) {
      if (turn.lane == Lane::kBackground) wait_for_event(next_event += prng.below(4));
      for (size_t first = 0; first < wanted->size();) {
        size_t count = 1;
        while (first + count < wanted->size() &&
               (*wanted)[first + count] == (*wanted)[first] + count)
          count++;
        std::vector<uint8_t> bytes(count * kChunkBytes);
        read_padded(content, (*wanted)[first] * kChunkBytes, bytes);
        const bool zeros = std::all_of(bytes.begin(), bytes.end(), [](uint8_t b) { return !b; });
        const auto installed = zeros ? hydrator.install_zeros((*wanted)[first], count)
                                     : hydrator.install(turn.lane, (*wanted)[first], bytes);
        if (!installed) {
          for (const uint64_t chunk : *wanted)
            hydrator.fail(chunk, installed.error());
          break;
        }
        first += count;
      }
    }
  }

  static void read_padded(const ByteModel& content, uint64_t offset, MutableBytes into) {
    content.read(offset, into.first(std::min<uint64_t>(into.size(), content.bytes - offset)));
  }

  void guest(const Id& id, Volume& volume, uint64_t seed, bool cuts) {
    Prng prng(seed);
    for (uint64_t left = prng.between(5, 25); left > 0 && alive(); left--) {
      const uint64_t dice = prng.below(100);
      if (dice < 60) {
        write(volume, prng);
      } else if (dice < 72) {
        erase(volume, prng);
      } else if (dice < 86 || !cuts) {
        flush(volume);
      } else if (dice < 94) {
        cut(id, volume);
      } else {
        read_some(volume, prng);
      }
      note_event();
      if (testing::Test::HasFailure()) break;
    }
    {
      std::lock_guard lock(events_mutex_);
      guests_--;
    }
    events_changed_.notify_all();
  }

  // Of what is done while nobody knows whether the process still lives, nothing is promised.
  void write(Volume& volume, Prng& prng) {
    const uint64_t size = volume.history.bytes();
    uint64_t offset = prng.below(size);
    uint64_t bytes = prng.between(1, 9000);
    if (prng.chance(70)) {
      offset = offset / kBlockBytes * kBlockBytes;
      bytes = kBlockBytes * (prng.chance(60) ? prng.between(1, 8) : prng.between(1, 128));
    }
    std::vector<uint8_t> data(std::min(bytes, size - offset));
    for (size_t at = 0; at < data.size(); at += kBlockBytes) {
      const uint64_t word = prng.next();
      const size_t part = std::min<size_t>(kBlockBytes, data.size() - at);
      std::memset(&data[at], int(word & 0xff), part);
      std::memcpy(&data[at], &word, std::min(sizeof word, part));
    }
    volume.history.write(offset, data);
    WriteRequest request;
    request.offset = offset;
    request.data = data;
    volume.io->write(std::span(&request, 1));
    answered(volume, {offset, data.size()}, request.failed ? &request.error : nullptr);
  }

  void erase(Volume& volume, Prng& prng) {
    const uint64_t size = volume.history.bytes();
    uint64_t offset = prng.below(size);
    if (prng.chance(80)) offset = offset / kBlockBytes * kBlockBytes;
    const uint64_t bytes =
        std::min(size - offset, prng.chance(20) ? size : prng.below(300'000) + 1);
    volume.history.zero(offset, bytes);
    const auto erased =
        volume.io->erase({offset, bytes}, prng.chance(50) ? Erase::kHole : Erase::kZeroKeep);
    answered(volume, {offset, bytes}, erased.ok() ? nullptr : &erased.error());
  }

  void answered(Volume& volume, ByteRange range, const Error* failed) {
    if (!alive()) return;
    if (failed) {
      // Full: each block has what it had or what it should have got.
      if (failed->code != Code::kNoSpace) {
        if (alive()) ADD_FAILURE() << volume.name << ": " << failed->message;
        return;
      }
      const uint64_t first = range.offset / kBlockBytes * kBlockBytes;
      const uint64_t end = (range.end() + kBlockBytes - 1) / kBlockBytes * kBlockBytes;
      const auto found = read(*volume.io, {first, end - first});
      if (!found) return;
      volume.history.settle(first, *found);
      if (!alive()) return;
    }
    volume.history.acknowledge();
  }

  void flush(Volume& volume) {
    const auto flushed = volume.io->flush();
    if (!alive()) return;
    EXPECT_OK(flushed);
    volume.history.flushed();
  }

  void cut(const Id& id, Volume& volume) {
    if (count_cuts() >= (options_.more ? 4u : 2u)) return;
    CutOrder order;
    order.group = next_id();
    order.members.push_back({id, next_id()});
    const Id snapshot = order.members[0].snapshot;
    Cut made{volume.history.now(), false, volume.origin, volume.origin_content};
    const auto taken = orders_->cut(order);
    made.answered = taken.ok() && alive();
    if (!taken && alive()) {
      if (taken.error().code != Code::kNoSpace)
        ADD_FAILURE() << "no cut: " << taken.error().message;
      return;
    }
    if (made.answered) volume.history.flushed();  // the answer waited for a sync
    std::lock_guard lock(cuts_mutex_);
    cuts_[snapshot] = std::move(made);
  }

  void read_some(Volume& volume, Prng& prng) {
    const uint64_t size = volume.history.bytes();
    const uint64_t offset = prng.below(size);
    const ByteRange range{offset, std::min(size - offset, prng.between(1, 100'000))};
    const auto found = read(*volume.io, range);
    if (!found) {
      if (alive()) ADD_FAILURE() << volume.name << ": " << found.error().message;
      return;
    }
    std::vector<uint8_t> expected(range.bytes);
    volume.history.now().read(range.offset, expected);
    if (*found != expected && alive())
      ADD_FAILURE() << volume.name << " differs in " << range.offset << "+" << range.bytes;
  }

  static Result<std::vector<uint8_t>> read(VolumeIo& io, ByteRange range) {
    std::vector<uint8_t> data(range.bytes, 0xee);
    ReadRequest request;
    request.offset = range.offset;
    request.into = data;
    io.read(std::span(&request, 1), Wait::kAllowed);
    if (request.outcome != ReadRequest::Outcome::kDone) return request.error;
    for (const ByteRange& zeros : request.zeros)
      std::memset(data.data() + zeros.offset, 0, zeros.bytes);
    return data;
  }

  // Branches of cuts are made, written and deleted; cuts are dropped, held by clones, let go.
  void others(uint64_t seed) {
    Prng prng(seed);
    for (uint64_t left = prng.between(2, options_.more ? 20 : 8); left > 0 && alive(); left--) {
      wait_for_event(events_seen_ += prng.below(6));
      if (options_.more && prng.chance(60)) {
        const uint64_t what = prng.below(100);
        if (what < 55) {
          seal(prng);
        } else if (what < 80) {
          hydrate_clone();
        } else if (what < 90) {
          (void)pool_->checkpoint();
        } else {
          (void)pool_->drop_cache();  // as whoever finds no room
        }
        continue;
      }
      const uint64_t dice = prng.below(100);
      if (dice < 45) {
        branch(prng);
      } else if (dice < 70) {
        drop(prng);
      } else if (dice < 85) {
        clone(prng);
      } else {
        (void)orders_->settle();
      }
    }
    events_seen_ = 0;
  }

  // Taken out while it is used: a drop would take it away.
  std::optional<std::pair<Id, Cut>> take_cut(Prng& prng) {
    std::lock_guard lock(cuts_mutex_);
    if (cuts_.empty()) return std::nullopt;
    auto at = cuts_.begin();
    std::advance(at, int64_t(prng.below(cuts_.size())));
    std::pair<Id, Cut> taken = *at;
    cuts_.erase(at);
    return taken;
  }
  void put_back(std::pair<Id, Cut> cut) {
    std::lock_guard lock(cuts_mutex_);
    cuts_.insert(std::move(cut));
  }
  size_t count_cuts() {
    std::lock_guard lock(cuts_mutex_);
    return cuts_.size();
  }

  // A volume on a cut, gone again before it ends: what it leaves is the pool's business.
  void branch(Prng& prng) {
    auto taken = take_cut(prng);
    if (!taken) return;
    Volume volume;
    volume.name = "branch";
    volume.history = VolumeHistory(taken->second.content);
    CreateVolume order;
    order.id = next_id();
    order.bytes = taken->second.content.bytes;
    order.cut = taken->first;
    auto made = orders_->create(order);
    if (made) made = attach(order.id, volume);
    if (made) {
      for (uint64_t left = prng.below(6); left > 0 && alive(); left--)
        prng.chance(80) ? write(volume, prng) : erase(volume, prng);
      if (prng.chance(50)) read_some(volume, prng);
      (void)orders_->finish_detach(attachment_of(order.id));
      volume.io.reset();
      (void)orders_->remove(order.id);
      if (options_.more) (void)orders_->forget_tombstone(order.id);
    } else if (made.error().code != Code::kNoSpace && alive() && !taken->second.sealed) {
      ADD_FAILURE() << "no branch of a cut that is there: " << made.error().message;
    }
    put_back(*std::move(taken));
  }

  void drop(Prng& prng) {
    const auto taken = take_cut(prng);
    if (taken) (void)orders_->drop_cut(taken->first);
  }

  // The region has all of it. What was sealed before is superseded.
  void seal(Prng& prng) {
    auto taken = take_cut(prng);
    if (!taken) return;
    (void)orders_->sealed(taken->first, Hash{uint8_t(taken->first.uuid[0])});
    taken->second.sealed = true;
    put_back(*std::move(taken));
  }

  // Of the snapshot that the restored volume comes from: it comes the same way, and is settled.
  void hydrate_clone() {
    const Volume& restored = volumes_.at(*restored_);
    if (!hydrating_clone_ && alive()) {
      CreateClone order;
      order.id = next_id();
      order.origin = {*restored.origin, make_manifest(restored.origin_content.bytes, {}, Hash{}),
                      next_id()};
      if (orders_->create_clone(order)) hydrating_clone_ = order.id;
    }
    (void)orders_->settle();
  }

  // A clone of a cut that is here is kept by it; the cut goes with the clone.
  void clone(Prng& prng) {
    auto taken = take_cut(prng);
    if (!taken) return;
    CreateClone order;
    order.id = next_id();
    order.origin = {taken->first, make_manifest(taken->second.content.bytes, {}, Hash{}),
                    next_id()};
    const auto made = orders_->create_clone(order);
    if (!made && alive()) return put_back(*std::move(taken));
    // A clone takes the place of a cut that is partly remote, whether or not its maker heard of it.
    if (!alive()) return unsettled_.push_back({order.id, taken->first});
    (void)orders_->remove_clone(order.id);
  }

  // ---- what is there

  // Without fetching: what is still remote holds what its origin holds.
  std::vector<uint8_t> read_local(const Id& id, Volume& volume) {
    std::vector<uint8_t> found(volume.history.bytes());
    const auto attached = attach(id, volume);
    EXPECT_OK(attached);
    if (!attached) return found;
    EXPECT_OK(volume.io->status({0, found.size()}, SIZE_MAX));  // brings the map in
    for (uint64_t at = 0; at < found.size(); at += kBlockBytes) {
      const MutableBytes block = MutableBytes(found).subspan(at, kBlockBytes);
      ReadRequest request;
      request.offset = at;
      request.into = block;
      volume.io->read(std::span(&request, 1), Wait::kForDisk);
      if (request.outcome == ReadRequest::Outcome::kFailed) {
        ADD_FAILURE() << volume.name << " at " << at << ": " << request.error.message;
        return found;
      }
      if (request.outcome == ReadRequest::Outcome::kRemote) {
        volume.origin_content.read(at, block);
      } else if (!request.zeros.empty()) {
        std::fill(block.begin(), block.end(), 0);
      }
    }
    return found;
  }

  // By what answers for its origin.
  void compare_cut(const Id& snapshot, const Cut& cut) {
    auto image = orders_->open_cut(snapshot);
    ASSERT_TRUE(image.ok()) << "an answered cut is gone: " << image.error().message;
    std::shared_ptr<Hydrator> hydrator;
    std::thread receiver;
    Turn turn;
    if (cut.origin) {
      if (const auto origin = orders_->origin(*cut.origin)) {
        hydrator = origin->hydrator;
        turn = hydrator->reopen(Lane::kDemand);
        receiver = std::thread([&] { receive(*hydrator, turn, cut.origin_content, 1); });
      }
    }
    const uint64_t chunks = (cut.content.bytes + kChunkBytes - 1) / kChunkBytes;
    std::vector<uint8_t> got(chunks * kChunkBytes, 0xee);
    const auto read = (*image)->read_chunks(0, chunks, got);
    if (hydrator) hydrator->close(turn);
    if (receiver.joinable()) receiver.join();
    ASSERT_OK(read);
    std::vector<uint8_t> expected(got.size());
    read_padded(cut.content, 0, expected);
    EXPECT_TRUE(got == expected) << "cut " << to_string(snapshot) << " differs";
  }

  Id next_id() { return test_id(next_id_++); }
  static Id attachment_of(const Id& volume) {
    Id id = volume;
    id.uuid[8] = 0xa7;
    return id;
  }

  const Options options_;
  SimDisk disk_;
  Prng prng_;
  uint64_t capacity_ = 0;
  uint64_t growth_ = 0;  // bytes; 0: the product's default
  MortalDevice* device_ = nullptr;
  std::unique_ptr<Pool> pool_;
  std::unique_ptr<Volumes> orders_;
  bool killed_ = false;  // this life's end

  std::map<Id, Volume> volumes_;
  std::optional<Id> restored_;
  std::optional<Id> plain_;
  std::optional<Id> hydrating_clone_;  // others(), within a life
  // Clones, with their snapshots, of which a death hid whether they were made; others(), in a life.
  std::vector<std::pair<Id, Id>> unsettled_;
  bool ballasted_ = false;
  std::atomic<uint64_t> next_id_{1};

  std::mutex cuts_mutex_;
  std::map<Id, Cut> cuts_;

  std::mutex events_mutex_;  // guards events_ and guests_
  std::condition_variable events_changed_;
  uint64_t events_ = 0;
  int guests_ = 0;
  uint64_t events_seen_ = 0;  // by others()
};

}  // namespace ashlar::test
