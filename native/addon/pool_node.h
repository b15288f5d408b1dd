// PoolNode: one open pool with its volumes and, while it runs, its NBD server, in the order they
// depend on each other. Shared by the JavaScript handle and every job that uses it. Thread: any;
// mutex_ guards the server and whether the pool is open.
#pragma once

#include <memory>
#include <mutex>

#include "addon/channels.h"
#include "nbd/server.h"
#include "volume/volumes.h"

namespace ashlar::addon {

class PoolNode {
 public:
  PoolNode(std::unique_ptr<Pool> pool)
      : pool_(std::move(pool)), volumes_(std::make_unique<Volumes>(*pool_)) {}
  // Nobody closed it: its handle was dropped, or the environment has ended.
  ~PoolNode() { (void)close(); }
  PoolNode(const PoolNode&) = delete;
  PoolNode& operator=(const PoolNode&) = delete;

  // kShuttingDown once it is closed.
  Result<Volumes*> volumes() {
    std::lock_guard lock(mutex_);
    if (!volumes_) return error(Code::kShuttingDown, "the pool is closed");
    return volumes_.get();
  }
  ChannelRegister& channels() { return channels_; }
  std::shared_ptr<nbd::Server> server() {
    std::lock_guard lock(mutex_);
    return server_;
  }
  Result<void> start_server(const nbd::ServerOptions& options) {
    Volumes* volumes = TRY(this->volumes());
    std::shared_ptr<nbd::Server> server = TRY(nbd::Server::start(*volumes, options));
    std::lock_guard lock(mutex_);
    if (server_) return error(Code::kFailedPrecondition, "the pool has an NBD server already");
    server_ = std::move(server);
    return {};
  }
  void stop_server(std::chrono::milliseconds grace) {
    std::shared_ptr<nbd::Server> server;
    {
      std::lock_guard lock(mutex_);
      server.swap(server_);
    }
    if (server) server->stop(grace);
  }
  // No call may be under way that uses the pool: the daemon waits for its own before it closes.
  Result<void> close() {
    stop_server(std::chrono::milliseconds(0));
    channels_.close_all();
    std::unique_ptr<Volumes> volumes;
    {
      std::lock_guard lock(mutex_);
      volumes.swap(volumes_);
    }
    if (!volumes) return {};
    volumes->demand()->close();
    volumes.reset();
    const Result<void> closed = pool_->close();
    pool_.reset();
    return closed;
  }

 private:
  std::unique_ptr<Pool> pool_;
  ChannelRegister channels_;
  std::mutex mutex_;
  std::unique_ptr<Volumes> volumes_;
  std::shared_ptr<nbd::Server> server_;
};

}  // namespace ashlar::addon
