// A chunk store as a region uses it, in a process that dies: sessions write snapshots that lean on
// each other, snapshots are deleted, read and collected, all at the same time. What is promised
// stands in a file beside the store, a line each, written when a session is over and before a
// snapshot may be collected: this is the catalog.
//
// Locks: mutex_ guards the catalog and the sessions; nothing of the store is called under it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <fstream>
#include <map>
#include <mutex>
#include <thread>

#include "support/snapshot_world.h"

namespace ashlar::test {

// Of a snapshot with this number: much of it is in others too, or differs from them in a block.
inline Image image_of_number(uint64_t number) {
  Prng prng(number);
  Image image;
  for (uint64_t parts = prng.between(1, 3); parts > 0; parts--) {
    const uint64_t at = prng.below(kImageChunks - 30);
    const uint64_t first = prng.below(120);
    for (uint64_t i = prng.between(5, 25); i > 0; i--)
      image[at + i] = {first + i, prng.chance(25) ? prng.below(3) : 0};
  }
  return image;
}

class StoreCatalog {
 public:
  explicit StoreCatalog(std::string path) : path_(std::move(path)) {}

  // Numbers of the snapshots that must be there.
  std::set<uint64_t> live() const {
    std::set<uint64_t> numbers;
    std::ifstream file(path_);
    char what = 0;
    for (uint64_t number = 0; file >> what >> number;) {
      if (what == '+') numbers.insert(number);
      if (what == '-') numbers.erase(number);
    }
    return numbers;
  }
  std::vector<Snapshot> snapshots() const {
    std::vector<Snapshot> snapshots;
    for (const uint64_t number : live()) {
      Image image = image_of_number(number);
      const Manifest manifest = manifest_of(image);
      snapshots.push_back({std::move(image), manifest});
    }
    return snapshots;
  }
  // In the page cache when it returns: it outlives the process.
  void note(char what, uint64_t number) const {
    std::ofstream(path_, std::ios::app) << what << ' ' << number << '\n' << std::flush;
  }

 private:
  const std::string path_;
};

class StoreLife {
 public:
  StoreLife(ChunkStore& store, const StoreCatalog& catalog, uint64_t seed)
      : store_(store), catalog_(catalog), seed_(seed) {
    for (const uint64_t number : catalog.live())
      live_[number] = {image_of_number(number), manifest_of(image_of_number(number))};
  }

  // So many collections, and everything else beside them. What fails ends it.
  Result<void> run(uint64_t collections) {
    std::vector<std::thread> threads;
    for (uint64_t i = 0; i < 2; i++)
      threads.emplace_back([this, i] { note_failure("session", write(Prng(seed_ + i))); });
    threads.emplace_back([this] { note_failure("read", read(Prng(seed_ + 7))); });
    for (uint64_t i = 0; i < collections && !over_; i++)
      note_failure("collection", collect_once());
    over_ = true;
    for (std::thread& thread : threads)
      thread.join();
    std::lock_guard lock(mutex_);
    return failure_ ? Result<void>(*failure_) : Result<void>();
  }

 private:
  static constexpr size_t kLiveMax = 6;

  void note_failure(const std::string& who, const Result<void>& outcome) {
    if (outcome) return;
    over_ = true;
    std::lock_guard lock(mutex_);
    if (!failure_) failure_ = error(outcome.error().code, who + ": " + outcome.error().message);
  }

  // Snapshots come; now and then one that is there comes again, which mends it.
  Result<void> write(Prng prng) {
    while (!over_) {
      std::optional<Image> base;
      uint64_t number = 0;
      uint64_t session = 0;
      {
        std::lock_guard lock(mutex_);
        number = prng.chance(30) && !live_.empty() ? some(prng)->first : prng.below(100'000);
        if (!live_.empty() && prng.chance(70)) {
          const auto on = some(prng);
          base = on->second.image;
          session_bases_[next_session_] = on->second.manifest;
        }
        session = next_session_++;
        sessions_[session] = generation_;
      }
      const auto pulled = pull(store_, image_of_number(number), base ? &*base : nullptr);
      std::lock_guard lock(mutex_);
      if (pulled) {
        catalog_.note('+', number);
        live_[number] = *pulled;
      }
      sessions_.erase(session);
      session_bases_.erase(session);
      changed_.notify_all();
      // A base that is damaged: the region would store it in full.
      if (!pulled && pulled.error().code != Code::kCorrupt) return pulled.error();
      while (live_.size() > kLiveMax) {
        const auto gone = some(prng);
        catalog_.note('-', gone->first);
        live_.erase(gone);
      }
    }
    return {};
  }

  // What damage it meets is reported by the store; what is lost is found out afterwards.
  Result<void> read(Prng prng) {
    while (!over_) {
      std::optional<Snapshot> snapshot;
      {
        std::lock_guard lock(mutex_);
        if (!live_.empty()) snapshot = some(prng)->second;
      }
      if (snapshot) (void)is_whole(store_, *snapshot);
    }
    return {};
  }

  // As src/engine/region/upkeep/collector.ts does it.
  Result<void> collect_once() {
    uint64_t next = 0;
    {
      std::lock_guard lock(mutex_);
      generation_++;
    }
    const auto collection = TRY(Collection::begin(store_, chunk_keys(), roots()));
    {
      std::unique_lock lock(mutex_);
      next = ++generation_;
      changed_.wait(lock, [&] {
        return std::all_of(sessions_.begin(), sessions_.end(),
                           [&](const auto& session) { return session.second >= next; });
      });
    }
    TRY(collection->end(roots()));
    return {};
  }

  std::vector<Manifest> roots() {
    std::lock_guard lock(mutex_);
    std::vector<Manifest> roots;
    for (const auto& [number, snapshot] : live_)
      roots.push_back(snapshot.manifest);
    for (const auto& [session, manifest] : session_bases_)
      roots.push_back(manifest);
    return roots;
  }

  // Requires mutex_, and that there is one.
  std::map<uint64_t, Snapshot>::iterator some(Prng& prng) {
    auto at = live_.begin();
    std::advance(at, ptrdiff_t(prng.below(live_.size())));
    return at;
  }

  ChunkStore& store_;
  const StoreCatalog& catalog_;
  const uint64_t seed_;
  std::atomic<bool> over_{false};
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<uint64_t, Snapshot> live_;
  std::map<uint64_t, uint64_t> sessions_;  // its generation
  std::map<uint64_t, Manifest> session_bases_;
  uint64_t next_session_ = 0;
  uint64_t generation_ = 1;
  std::optional<Error> failure_;
};

}  // namespace ashlar::test
