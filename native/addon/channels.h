// Handles of channels, and the register of those that use a pool or a store: before it closes, all
// are closed and the calls inside them have ended. Thread: any.
#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

#include "store/collection.h"
#include "stream/channel.h"
#include "stream/ingest.h"

namespace ashlar::addon {

class ChannelHandle {
 public:
  explicit ChannelHandle(std::shared_ptr<Channel> channel) : channel_(std::move(channel)) {}

  // Kept alive for one call; kCancelled once it is closed.
  Result<std::shared_ptr<Channel>> use() {
    auto channel = held();
    if (!channel) return error(Code::kCancelled, "the channel is closed");
    return channel;
  }
  // Of a closed one, how far it came: whoever looks does not know who closes.
  Progress progress() {
    const auto channel = held();
    if (channel) return channel->progress();
    std::lock_guard lock(mutex_);
    return last_;
  }
  void close() {
    const auto channel = held();
    if (!channel) return;
    const Progress last = channel->progress();
    {
      std::lock_guard lock(mutex_);
      if (!channel_) return;
      last_ = last;
      channel_.reset();
    }
    channel->close();
  }

 private:
  std::shared_ptr<Channel> held() {
    std::lock_guard lock(mutex_);
    return channel_;
  }

  std::mutex mutex_;  // guards what follows
  std::shared_ptr<Channel> channel_;
  Progress last_;
};

class ChannelRegister {
 public:
  std::shared_ptr<ChannelHandle> add(std::shared_ptr<Channel> channel) {
    // Gone only when its destructor has returned: that one still uses the pool or the store.
    auto token = std::make_shared<char>();
    const std::weak_ptr<char> alive = token;
    auto handle = std::make_shared<ChannelHandle>(std::shared_ptr<Channel>(
        channel.get(), [channel, token = std::move(token)](Channel*) mutable {
          channel.reset();
          token.reset();
        }));
    channel.reset();
    std::lock_guard lock(mutex_);
    std::erase_if(entries_, [](const Entry& entry) { return entry.alive.expired(); });
    entries_.push_back({handle, alive});
    return handle;
  }
  void close_all() {
    std::vector<Entry> entries;
    {
      std::lock_guard lock(mutex_);
      entries.swap(entries_);
    }
    for (const Entry& entry : entries) {
      if (const auto handle = entry.handle.lock()) handle->close();
    }
    for (const Entry& entry : entries) {
      while (!entry.alive.expired())
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
  }

 private:
  struct Entry {
    std::weak_ptr<ChannelHandle> handle;
    std::weak_ptr<char> alive;
  };
  std::mutex mutex_;
  std::vector<Entry> entries_;
};

// One open chunk store and the channels that use it.
class StoreNode {
 public:
  explicit StoreNode(std::unique_ptr<ChunkStore> store) : store_(std::move(store)) {}
  // Nobody closed it: its handle was dropped, or the environment has ended.
  ~StoreNode() { close(); }
  StoreNode(const StoreNode&) = delete;
  StoreNode& operator=(const StoreNode&) = delete;

  Result<ChunkStore*> store() {
    std::lock_guard lock(mutex_);
    if (!store_) return error(Code::kShuttingDown, "the store is closed");
    return store_.get();
  }
  ChannelRegister& channels() { return channels_; }
  // The collection under way is taken out while a call works on it, so that one call does.
  Result<std::unique_ptr<Collection>> take_collection() {
    std::lock_guard lock(mutex_);
    if (!collection_) return error(Code::kFailedPrecondition, "no collection is under way");
    return std::move(collection_);
  }
  Result<void> begin_collection(const DomainKeys& keys, std::span<const Manifest> roots,
                                const std::function<void(const Collection&)>& begun) {
    ChunkStore* chunks = TRY(store());
    std::shared_ptr<const Cancel> cancel;
    {
      std::lock_guard lock(mutex_);
      if (collecting_) return error(Code::kFailedPrecondition, "a collection is under way");
      collecting_ = true;
      cancel_ = std::make_shared<Cancel>();
      cancel = cancel_;
    }
    auto collection = Collection::begin(*chunks, keys, roots, cancel);
    std::lock_guard lock(mutex_);
    collecting_ = collection.ok();
    idle_.notify_all();
    if (!collection) return std::move(collection).error();
    begun(**collection);
    collection_ = *std::move(collection);
    return {};
  }
  // A step under way ends as soon as it looks.
  void cancel_collection() {
    std::lock_guard lock(mutex_);
    if (cancel_) cancel_->set();
  }
  void end_collection(std::unique_ptr<Collection> collection) {
    collection.reset();
    std::lock_guard lock(mutex_);
    collecting_ = false;
    idle_.notify_all();
  }
  // Ends the step of a collection that is under way, and waits for that. No other call may be that
  // uses the store: the daemon waits for its own before it closes.
  void close() {
    channels_.close_all();
    cancel_collection();
    std::unique_lock lock(mutex_);
    idle_.wait(lock, [&] { return !collecting_ || collection_; });
    collection_.reset();
    store_.reset();
  }

 private:
  ChannelRegister channels_;
  std::mutex mutex_;
  std::unique_ptr<ChunkStore> store_;
  std::unique_ptr<Collection> collection_;  // between its steps
  std::shared_ptr<Cancel> cancel_;          // of the collection under way, or of the last one
  bool collecting_ = false;
  std::condition_variable idle_;
};

}  // namespace ashlar::addon
