// The table of expected answers (reference nbd.md 1.2, our column), row by row, over a real socket.
#include "support/nbd_world.h"

namespace ashlar::test {
namespace {

using namespace nbd;

class NbdTable : public NbdWorld {
 protected:
  NbdClient haggling(uint32_t flags = 3) {
    NbdClient client(path_);
    client.greet(flags);
    return client;
  }
};

Wire text(const std::string& from) {
  return {from.begin(), from.end()};
}

TEST_F(NbdTable, UnknownClientFlagsClose) {
  auto client = haggling(0x13);
  EXPECT_TRUE(client.closed());
}

TEST_F(NbdTable, WithoutFixedFlagOnlyExportName) {
  auto client = haggling(0);
  client.send(option_bytes(kOptList, {}));
  EXPECT_TRUE(client.closed());
  auto other = haggling(0);
  other.send(option_bytes(kOptExportName, text(name())));
  EXPECT_EQ(other.receive(134).size(), 134u);
}

TEST_F(NbdTable, ExportNameWithNoZeroesThenFlush) {
  auto client = haggling(3);
  client.send(option_bytes(kOptExportName, text(name())));
  const Wire answer = client.receive(10);
  ASSERT_EQ(answer.size(), 10u);
  EXPECT_EQ(load_be<uint64_t>(answer.data()), kSize);
  EXPECT_EQ(client.call(kCmdFlush, 0, 0).number, 0u);
}

TEST_F(NbdTable, ExportNameUnknownClosesWithoutAByte) {
  auto client = haggling(3);
  client.send(option_bytes(kOptExportName, text("nonsense")));
  EXPECT_TRUE(client.receive_all().empty());
}

TEST_F(NbdTable, UnknownOptions) {
  auto client = haggling();
  const auto answers = client.ask(77, {1, 2, 3, 4});
  EXPECT_EQ(answers.back().type, kRepErrUnsup);
  EXPECT_FALSE(answers.back().payload.empty());
  EXPECT_EQ(client.outcome(77, Wire(64 << 10)), kRepErrUnsup);
  EXPECT_EQ(client.outcome(77, Wire(100 << 10)), kRepErrUnsup);
  EXPECT_EQ(client.outcome(kOptList), kRepAck);
  EXPECT_EQ(client.outcome(4), kRepErrUnsup);  // PEEK_EXPORT
  EXPECT_EQ(client.outcome(kOptAbort), kRepAck);
  EXPECT_TRUE(client.closed());
  auto huge = haggling();
  huge.send(option_bytes(77, Wire(33 << 20)));
  EXPECT_TRUE(huge.closed());
}

TEST_F(NbdTable, List) {
  auto client = haggling();
  EXPECT_EQ(client.outcome(kOptList, {1, 2, 3}), kRepErrInvalid);
  EXPECT_EQ(client.ask(kOptList, {}).size(), 3u);  // two exports and ACK
  EXPECT_EQ(client.ask(kOptList, {}).size(), 3u);
}

TEST_F(NbdTable, AbortWithDataIsAcknowledgedAndClosedInOrder) {
  auto client = haggling();
  EXPECT_EQ(client.outcome(kOptAbort, {1, 2, 3}), kRepAck);
  EXPECT_TRUE(client.closed());
}

TEST_F(NbdTable, StartTlsWithoutCertificates) {
  auto client = haggling();
  EXPECT_EQ(client.outcome(kOptStartTls), kRepErrPolicy);
}

TEST_F(NbdTable, InfoMalformed) {
  auto client = haggling();
  EXPECT_EQ(client.outcome(kOptInfo, go_body("unknown")), kRepErrUnknown);
  Wire too_big = go_body(name());
  too_big[0] = 0xff;
  EXPECT_EQ(client.outcome(kOptInfo, too_big), kRepErrInvalid);
  Wire trailing = go_body(name());
  trailing.push_back(0);
  EXPECT_EQ(client.outcome(kOptInfo, trailing), kRepErrInvalid);
  EXPECT_EQ(client.outcome(kOptInfo, {0, 0}), kRepErrInvalid);
  EXPECT_EQ(client.outcome(kOptInfo, go_body(std::string(5000, 'a'))), kRepErrInvalid);
  EXPECT_EQ(client.outcome(kOptInfo, go_body(std::string("a\0b", 3))), kRepErrInvalid);
  EXPECT_EQ(client.outcome(kOptInfo, go_body("\xc3")), kRepErrInvalid);
  EXPECT_EQ(client.outcome(kOptInfo, go_body(name())), kRepAck);
}

TEST_F(NbdTable, InfoGivesEachKindOnceAndEqualsGo) {
  auto client = haggling();
  const auto info = client.ask(kOptInfo, go_body(name(), {0, 1, 2, 3, 0xffff, 3}));
  std::vector<uint16_t> kinds;
  for (const auto& answer : info) {
    if (answer.type == kRepInfo) kinds.push_back(load_be<uint16_t>(answer.payload.data()));
  }
  std::sort(kinds.begin(), kinds.end());
  EXPECT_EQ(kinds, (std::vector<uint16_t>{0, 1, 2, 3}));
  const auto go = client.ask(kOptGo, go_body(name(), {0, 1, 2, 3, 0xffff, 3}));
  ASSERT_EQ(go.size(), info.size());
  for (size_t i = 0; i < go.size(); i++)
    EXPECT_EQ(go[i].payload, info[i].payload);
}

TEST_F(NbdTable, StructuredReplyTwice) {
  auto client = haggling();
  EXPECT_EQ(client.outcome(kOptStructuredReply, {1}), kRepErrInvalid);
  EXPECT_EQ(client.outcome(kOptStructuredReply), kRepAck);
  EXPECT_EQ(client.outcome(kOptStructuredReply), kRepErrInvalid);
}

TEST_F(NbdTable, MetaContexts) {
  auto client = haggling();
  EXPECT_EQ(client.outcome(kOptSetMetaContext, meta_body(name(), {"base:allocation"})),
            kRepErrInvalid);
  EXPECT_EQ(client.outcome(kOptStructuredReply), kRepAck);
  const auto contexts = [&](uint32_t option, const std::vector<std::string>& queries) {
    return client.ask(option, meta_body(name(), queries)).size() - 1;
  };
  EXPECT_EQ(contexts(kOptListMetaContext, {}), 1u);
  EXPECT_EQ(contexts(kOptListMetaContext, {"base:"}), 1u);
  EXPECT_EQ(contexts(kOptListMetaContext, {"base:allocation"}), 1u);
  EXPECT_EQ(contexts(kOptSetMetaContext, {}), 0u);
  EXPECT_EQ(contexts(kOptSetMetaContext, {"base:"}), 0u);
  EXPECT_EQ(contexts(kOptSetMetaContext, {"x:y", "base:allocation", "base:z", "nocolon", ""}), 1u);
  EXPECT_EQ(contexts(kOptSetMetaContext, {"base:allocation", "base:allocation"}), 1u);
  EXPECT_EQ(client.outcome(kOptSetMetaContext, meta_body("unknown", {"base:allocation"})),
            kRepErrUnknown);
  Wire truncated = meta_body(name(), {"base:allocation", "base:allocation"});
  truncated.pop_back();
  const auto answers = client.ask(kOptSetMetaContext, truncated);
  EXPECT_EQ(answers.size(), 1u);
  EXPECT_EQ(answers[0].type, kRepErrInvalid);
  // The failed SET cleared what was selected before.
  EXPECT_EQ(client.outcome(kOptGo, go_body(name())), kRepAck);
  EXPECT_EQ(client.call(kCmdBlockStatus, 0, 4096).number, NBD_EINVAL);
}

TEST_F(NbdTable, MetaContextOfAnotherExportIsVoid) {
  auto client = haggling();
  EXPECT_EQ(client.outcome(kOptStructuredReply), kRepAck);
  EXPECT_EQ(client.outcome(kOptSetMetaContext, meta_body(read_only_name(), {"base:allocation"})),
            kRepAck);
  EXPECT_EQ(client.outcome(kOptGo, go_body(name())), kRepAck);
  EXPECT_EQ(client.call(kCmdBlockStatus, 0, 4096).number, NBD_EINVAL);
}

TEST_F(NbdTable, ReadBounds) {
  auto client = attached(true);
  EXPECT_EQ(client.call(kCmdRead, kSize - 512, 1024).number, NBD_EINVAL);
  EXPECT_EQ(client.call(kCmdRead, kSize, 512).number, NBD_EINVAL);
  EXPECT_EQ(client.call(kCmdRead, ~0ull - 511, 1024).number, NBD_EINVAL);
  const auto zero = client.call(kCmdRead, 0, 0);
  EXPECT_EQ(zero.number, NBD_EINVAL);
  EXPECT_FALSE(zero.text.empty());
  EXPECT_EQ(client.call(kCmdRead, 0, 32 << 20).number, 0u);
  EXPECT_EQ(client.call(kCmdRead, 0, 33 << 20).number, 0u);
  EXPECT_EQ(client.call(kCmdRead, 0, 33 << 20, kCmdDf).number, NBD_EOVERFLOW);
  EXPECT_EQ(client.call(kCmdRead, 0, 0xffffffff).number, NBD_EINVAL);
  auto simple = attached(false);
  EXPECT_EQ(simple.call(kCmdRead, 0, 33 << 20).number, NBD_EINVAL);
  EXPECT_EQ(simple.call(kCmdRead, 0, 32 << 20).number, 0u);
}

TEST_F(NbdTable, WriteBounds) {
  auto client = attached(false);
  const auto write = [&](uint64_t offset, uint32_t bytes) {
    Wire wire = request_bytes(kCmdWrite, offset, bytes);
    wire.resize(wire.size() + bytes, 0x5a);
    client.send(wire);
    return client.reply().number;
  };
  EXPECT_EQ(write(kSize - 512, 1024), NBD_ENOSPC);
  EXPECT_EQ(write(0, 0), NBD_EINVAL);
  EXPECT_EQ(write(0, 33 << 20), NBD_EINVAL);  // drained; the connection lives
  EXPECT_EQ(write(0, 4096), 0u);
  EXPECT_EQ(write(100, 5000), 0u);
  EXPECT_EQ(write(0, 32 << 20), 0u);
  client.send(request_bytes(kCmdWrite, 0, 65 << 20));
  EXPECT_TRUE(client.closed());
}

TEST_F(NbdTable, OtherBounds) {
  auto client = attached(true);
  EXPECT_EQ(client.call(kCmdTrim, kSize, 4096).number, NBD_EINVAL);
  EXPECT_EQ(client.call(kCmdCache, kSize, 4096).number, NBD_EINVAL);
  EXPECT_EQ(client.call(kCmdBlockStatus, kSize, 4096).number, NBD_EINVAL);
  EXPECT_EQ(client.call(kCmdWriteZeroes, kSize, 4096).number, NBD_ENOSPC);
  EXPECT_EQ(client.call(kCmdFlush, 0, 512).number, NBD_EINVAL);
  EXPECT_EQ(client.call(kCmdFlush, 512, 0).number, NBD_EINVAL);
}

TEST_F(NbdTable, Flags) {
  auto client = attached(true);
  EXPECT_EQ(client.call(kCmdFlush, 0, 0, kCmdFua).number, 0u);
  EXPECT_EQ(client.call(kCmdRead, 0, 4096, kCmdFua).number, 0u);
  EXPECT_EQ(client.call(kCmdRead, 0, 4096, 0x8000).number, NBD_EINVAL);
  EXPECT_EQ(client.call(kCmdRead, 0, 4096, kCmdReqOne).number, NBD_EINVAL);
  EXPECT_EQ(client.call(kCmdTrim, 0, 4096, kCmdNoHole).number, NBD_EINVAL);
  for (const uint16_t flags : {uint16_t(kCmdDf), uint16_t(1 << 5)}) {
    Wire write = request_bytes(kCmdWrite, 0, 4096, flags);
    write.resize(write.size() + 4096);
    client.send(write);
    EXPECT_EQ(client.reply().number, NBD_EINVAL);
  }
  EXPECT_EQ(client.call(kCmdRead, 0, 4096).number, 0u);  // the payload was consumed
  auto simple = attached(false);
  EXPECT_EQ(simple.call(kCmdRead, 0, 4096, kCmdDf).number, NBD_EINVAL);
}

TEST_F(NbdTable, Commands) {
  auto client = attached(true);
  EXPECT_EQ(client.call(99, 0, 4096).number, NBD_EINVAL);
  EXPECT_EQ(client.call(8, 0, 4096).number, NBD_EINVAL);
  auto simple = attached(false);
  EXPECT_EQ(simple.call(kCmdBlockStatus, 0, 4096).number, NBD_EINVAL);
}

TEST_F(NbdTable, FastZero) {
  auto client = attached(true);
  EXPECT_EQ(client.call(kCmdWriteZeroes, 0, 1 << 20, kCmdFastZero).number, 0u);
  EXPECT_EQ(client.call(kCmdWriteZeroes, 100, 1000, kCmdFastZero).number, NBD_ENOTSUP);
  EXPECT_EQ(client.call(kCmdWriteZeroes, 100, 1000).number, 0u);
}

TEST_F(NbdTable, ReadOnlyRefusesChanges) {
  auto client = attached(true, read_only_name());
  Wire write = request_bytes(kCmdWrite, 0, 512);
  write.resize(write.size() + 512);
  client.send(write);
  EXPECT_EQ(client.reply().number, NBD_EPERM);
  EXPECT_EQ(client.call(kCmdTrim, 0, 4096).number, NBD_EPERM);
  EXPECT_EQ(client.call(kCmdWriteZeroes, 0, 4096).number, NBD_EPERM);
  EXPECT_EQ(client.call(kCmdRead, 0, 4096).number, 0u);
}

TEST_F(NbdTable, HolesAndStatus) {
  auto client = attached(true);
  Wire write = request_bytes(kCmdWrite, 8192, 4096, kCmdFua);
  write.resize(write.size() + 4096, 0x77);
  client.send(write);
  ASSERT_EQ(client.reply().number, 0u);
  ASSERT_EQ(client.call(kCmdWriteZeroes, 12288, 4096, kCmdNoHole).number, 0u);
  const auto read = client.call(kCmdRead, 0, 32768);
  EXPECT_EQ(read.number, 0u);
  EXPECT_EQ(read.holes, 2u);
  for (size_t i = 0; i < read.data.size(); i++) {
    ASSERT_EQ(read.data[i], i >= 8192 && i < 12288 ? 0x77 : 0) << i;
  }
  EXPECT_EQ(client.call(kCmdRead, 0, 32768, kCmdDf).holes, 0u);
  const auto status = client.call(kCmdBlockStatus, 0, 32768);
  ASSERT_EQ(status.extents.size(), 4u);
  EXPECT_EQ(status.extents[0], std::make_pair(8192u, kStatusHole | kStatusZero));
  EXPECT_EQ(status.extents[1], std::make_pair(4096u, 0u));
  EXPECT_EQ(status.extents[2], std::make_pair(4096u, kStatusZero));
  EXPECT_EQ(status.extents[3].second, kStatusHole | kStatusZero);
  const auto one = client.call(kCmdBlockStatus, 0, 4096, kCmdReqOne);
  ASSERT_EQ(one.extents.size(), 1u);
  EXPECT_EQ(one.extents[0].first, 4096u);
}

TEST_F(NbdTable, EightReadsThenDiscOrHalfClose) {
  for (const bool disc : {true, false}) {
    auto client = attached(false);
    Wire wire;
    for (uint64_t i = 0; i < 8; i++) {
      const Wire read = request_bytes(kCmdRead, i * 4096, 4096, 0, i);
      wire.insert(wire.end(), read.begin(), read.end());
    }
    if (disc) {
      const Wire last = request_bytes(kCmdDisc, 0, 0);
      wire.insert(wire.end(), last.begin(), last.end());
    }
    client.send(wire);
    if (!disc) client.half_close();
    EXPECT_EQ(client.receive_all().size(), 8 * (kSimpleReplyBytes + 4096));
  }
}

TEST_F(NbdTable, DiscWithFieldsAndGarbageClose) {
  auto client = attached(false);
  client.send(request_bytes(kCmdDisc, 5, 5, 1));
  EXPECT_TRUE(client.closed());
  auto other = attached(false);
  other.send(Wire(28));
  EXPECT_TRUE(other.closed());
}

TEST_F(NbdTable, AStopFinishesWhatHasArrivedAndCloses) {
  auto busy = attached(false);
  auto idle = attached(false);
  NbdClient negotiating(path_);
  negotiating.greet();
  world_.device->hold_writes(1);
  busy.send(write_bytes_of(0, 1));
  until([&] { return world_.device->writes_held() == 1; });
  for (uint64_t block = 1; block <= 8; block++)
    busy.send(write_bytes_of(block * 4096, 1));
  busy.send(request_bytes(kCmdRead, 0, 4096));
  busy.send(request_bytes(kCmdFlush, 0, 0));
  Wire half = write_bytes_of(9 * 4096, 1);
  half.resize(half.size() / 2);
  busy.send(half);
  std::thread stopping([&] { server_->stop(std::chrono::minutes(5)); });
  EXPECT_TRUE(negotiating.closed());
  EXPECT_TRUE(idle.closed());
  EXPECT_FALSE(busy.has_answer());
  world_.device->let_go();
  // Nine writes, a read and a flush, all done; then the end, and nothing about what was not done.
  // The flush has a thread of its own: its answer may come before those of its batch.
  const auto replies_with_data_in = [](int place) {
    Wire replies;
    for (int i = 0; i < 11; i++) {
      append_be(replies, kSimpleReplyMagic);
      append_be(replies, uint32_t(0));
      append_be(replies, uint64_t(42));
      if (i == place) replies.resize(replies.size() + 4096, 1);
    }
    return replies;
  };
  const Wire replies = busy.receive_all();
  EXPECT_TRUE(replies == replies_with_data_in(9) || replies == replies_with_data_in(10));
  stopping.join();
  EXPECT_FALSE(NbdClient(path_).connected());
}

TEST_F(NbdTable, AStopIsNotHeldUpByAPeerThatDoesNotRead) {
  auto deaf = attached(false);
  for (uint64_t i = 0; i < 16; i++)
    deaf.send(request_bytes(kCmdRead, 0, 1 << 20));
  const auto begun = std::chrono::steady_clock::now();
  server_->stop(std::chrono::milliseconds(100));
  EXPECT_LT(std::chrono::steady_clock::now() - begun, std::chrono::seconds(20));
}

TEST_F(NbdTable, AClosedExportAnswersThatItIsClosed) {
  auto busy = attached(true);
  // Else it may be closed as one that came late.
  ASSERT_EQ(busy.call(kCmdRead, 0, 4096).number, 0u);
  ASSERT_OK(world_.volumes->begin_detach(test_id(2)));
  std::thread closing([&] { server_->close_export(name(), std::chrono::minutes(5)); });
  uint32_t number = 0;
  while (number == 0)
    number = busy.call(kCmdRead, 0, 4096).number;
  EXPECT_EQ(number, NBD_ESHUTDOWN);
  EXPECT_EQ(write_reply(busy, 0, 1).number, NBD_ESHUTDOWN);
  EXPECT_EQ(busy.call(kCmdRead, 0, 4096).number, NBD_ESHUTDOWN);
  busy.send(request_bytes(kCmdDisc, 0, 0));
  closing.join();
}

TEST_F(NbdTable, OneExportIsDrained) {
  auto gone = attached(false);
  auto stays = attached(false, read_only_name());
  ASSERT_OK(world_.volumes->begin_detach(test_id(2)));
  server_->close_export(name(), std::chrono::milliseconds(50));
  EXPECT_TRUE(gone.closed());
  EXPECT_EQ(stays.call(kCmdRead, 0, 4096).number, 0u);
  NbdClient late(path_);
  late.greet();
  EXPECT_EQ(late.outcome(kOptGo, go_body(name())), kRepErrShutdown);
}

TEST_F(NbdTable, SilentHandshakeIsClosedByTheTimer) {
  nbd::ServerOptions options;
  options.handshake_timeout = std::chrono::milliseconds(50);
  start(options);
  NbdClient client(path_);
  client.receive(18);
  EXPECT_TRUE(client.closed());
}

TEST_F(NbdTable, SixtyFifthOptionCloses) {
  auto client = haggling();
  for (int i = 0; i < 64; i++)
    ASSERT_EQ(client.outcome(77), kRepErrUnsup) << i;
  EXPECT_EQ(client.outcome(77), 0u);
}

TEST_F(NbdTable, GrowthIsSeenAtOnce) {
  auto client = attached(false);
  EXPECT_EQ(client.call(kCmdRead, kSize, 4096).number, NBD_EINVAL);
  ASSERT_OK(world_.volumes->grow(test_id(1), kSize + 4096));
  EXPECT_EQ(client.call(kCmdRead, kSize, 4096).number, 0u);
}

}  // namespace
}  // namespace ashlar::test
