// Split points: however a stream of bytes is cut into pieces, the answers are the same; and
// whatever a stream holds, the server and its other clients live on. Replay:
// ASHLAR_TEST_SEED=<seed>.
#include "support/nbd_world.h"

namespace ashlar::test {
namespace {

using namespace nbd;

class NbdSplit : public NbdWorld {
 protected:
  // A handshake and a few requests, one at a time in flight so that replies have one order.
  Wire conversation() {
    Wire wire = flags_bytes(3);
    const auto add = [&](const Wire& more) { wire.insert(wire.end(), more.begin(), more.end()); };
    add(option_bytes(77, {1, 2, 3}));
    add(option_bytes(kOptStructuredReply, {}));
    add(option_bytes(kOptSetMetaContext, meta_body(name(), {"base:allocation"})));
    add(option_bytes(kOptInfo, go_body("nonsense")));
    add(option_bytes(kOptGo, go_body(name(), {3})));
    return wire;
  }
  Wire requests() {
    Wire wire;
    const auto add = [&](Wire more, size_t payload) {
      more.resize(more.size() + payload, 0x33);
      wire.insert(wire.end(), more.begin(), more.end());
    };
    add(request_bytes(kCmdWrite, 1000, 3000), 3000);
    add(request_bytes(kCmdWrite, 0, 512, 0x8000), 512);
    add(request_bytes(99, 0, 0), 0);
    add(request_bytes(kCmdWrite, 1 << 20, 400'000), 400'000);
    add(request_bytes(kCmdTrim, 4096, 0), 0);
    add(request_bytes(kCmdDisc, 0, 0), 0);
    return wire;
  }

  // The replies of a batch may come in any order: compare them as a sorted list of whole messages.
  static std::vector<Wire> messages(const Wire& wire) {
    std::vector<Wire> all;
    size_t at = 0;
    while (at + 16 <= wire.size()) {
      size_t bytes = kSimpleReplyBytes;
      if (load_be<uint32_t>(&wire[at]) == kChunkMagic) {
        bytes = kChunkHeaderBytes + load_be<uint32_t>(&wire[at + 16]);
      }
      bytes = std::min(bytes, wire.size() - at);
      all.emplace_back(wire.begin() + ptrdiff_t(at), wire.begin() + ptrdiff_t(at + bytes));
      at += bytes;
    }
    std::sort(all.begin(), all.end());
    return all;
  }

  struct Answers {
    Wire handshake;
    std::vector<Wire> replies;
    bool operator==(const Answers&) const = default;
  };
  Answers talk(const std::function<size_t(size_t)>& piece) {
    NbdClient client(path_);
    const auto send = [&](const Wire& wire) {
      for (size_t at = 0; at < wire.size();) {
        const size_t here = std::min(piece(wire.size() - at), wire.size() - at);
        client.send(Wire(wire.begin() + ptrdiff_t(at), wire.begin() + ptrdiff_t(at + here)));
        at += here;
      }
    };
    Answers answers;
    send(conversation());
    answers.handshake = client.receive(handshake_bytes_);
    send(requests());
    answers.replies = messages(client.receive_all());
    return answers;
  }
  size_t handshake_bytes_ = 0;

  void measure_handshake() {
    NbdClient client(path_);
    client.send(conversation());
    size_t bytes = client.receive(18).size();
    for (int acks = 0; acks < 3;) {
      const auto answer = client.option_answer();
      bytes += 20 + answer.payload.size();
      acks += answer.type == kRepAck;
    }
    handshake_bytes_ = bytes;
  }
};

TEST_F(NbdSplit, AnySplitGetsTheSameAnswers) {
  measure_handshake();
  const uint64_t seed = test_seed(77);
  SCOPED_TRACE("seed " + std::to_string(seed));
  const Answers whole = talk([](size_t left) { return left; });
  ASSERT_EQ(whole.replies.size(), 5u);
  // A byte at a time where that is the header of something; the large payload in bigger pieces.
  EXPECT_TRUE(talk([](size_t left) { return left > 100'000 ? size_t(1000) : size_t(1); }) == whole);
  Prng prng(seed);
  for (uint64_t i = 0; i < test_scale(40); i++) {
    const uint64_t most = 1 + prng.below(60'000);
    ASSERT_TRUE(talk([&](size_t) { return 1 + prng.below(most); }) == whole) << "round " << i;
  }
}

TEST_F(NbdSplit, HostileStreamsHarmNobody) {
  const uint64_t seed = test_seed(78);
  std::printf("[ SEED     ] %llu\n", static_cast<unsigned long long>(seed));
  SCOPED_TRACE("seed " + std::to_string(seed));
  Prng prng(seed);
  auto bystander = attached(true);
  Wire honest = conversation();
  const Wire more = requests();
  honest.insert(honest.end(), more.begin(), more.end());
  for (uint64_t i = 0; i < test_scale(400); i++) {
    Wire wire = honest;
    for (uint64_t k = 0; k < 1 + prng.below(6); k++) {
      wire[prng.below(prng.chance(70) ? 300 : wire.size())] = uint8_t(prng.next());
    }
    wire.resize(prng.below(wire.size()) + 1);
    NbdClient client(path_);
    client.send(wire);
    if (prng.chance(50)) client.half_close();
    if (i % 50 == 0) {
      ASSERT_EQ(bystander.call(kCmdRead, 0, 4096).number, 0u);
    }
  }
}

TEST_F(NbdSplit, APeerThatNeverReadsHoldsOnlyItself) {
  auto deaf = attached(false);
  Wire wire;
  for (uint64_t i = 0; i < 64; i++) {
    const Wire read = request_bytes(kCmdRead, 0, 1 << 20, 0, i);
    wire.insert(wire.end(), read.begin(), read.end());
  }
  deaf.send(wire);
  auto other = attached(false);
  for (int i = 0; i < 100; i++)
    ASSERT_EQ(other.call(kCmdRead, 0, 4096).number, 0u);
}

}  // namespace
}  // namespace ashlar::test
