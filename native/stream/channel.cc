#include "stream/channel.h"

#include <future>
#include <memory>

namespace ashlar {

Result<std::optional<std::vector<uint8_t>>> Channel::take() {
  for (;;) {
    const auto called = std::make_shared<std::promise<void>>();
    std::future<void> ready = called->get_future();
    Polled polled = TRY(poll([called] { called->set_value(); }));
    switch (polled.kind) {
      case Polled::Kind::kMessage:
        return std::optional(std::move(polled.message));
      case Polled::Kind::kEnd:
        return std::optional<std::vector<uint8_t>>();
      case Polled::Kind::kNotYet:
        ready.wait();
    }
  }
}

}  // namespace ashlar
