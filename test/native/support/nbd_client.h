// A raw NBD client: says exactly what a test wants it to say, and reads what comes back.
#pragma once

#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <string>

#include "base/unique_fd.h"
#include "nbd/protocol.h"

namespace ashlar::test {

using Wire = std::vector<uint8_t>;

inline Wire option_bytes(uint32_t code, const Wire& body) {
  Wire wire;
  nbd::append_be(wire, nbd::kOptionMagic);
  nbd::append_be(wire, code);
  nbd::append_be(wire, uint32_t(body.size()));
  wire.insert(wire.end(), body.begin(), body.end());
  return wire;
}

inline Wire flags_bytes(uint32_t flags) {
  Wire wire;
  nbd::append_be(wire, flags);
  return wire;
}

inline Wire go_body(const std::string& name, const std::vector<uint16_t>& infos = {}) {
  Wire body;
  nbd::append_be(body, uint32_t(name.size()));
  nbd::append_bytes(body, name.data(), name.size());
  nbd::append_be(body, uint16_t(infos.size()));
  for (const uint16_t info : infos)
    nbd::append_be(body, info);
  return body;
}

inline Wire meta_body(const std::string& name, const std::vector<std::string>& queries) {
  Wire body;
  nbd::append_be(body, uint32_t(name.size()));
  nbd::append_bytes(body, name.data(), name.size());
  nbd::append_be(body, uint32_t(queries.size()));
  for (const std::string& query : queries) {
    nbd::append_be(body, uint32_t(query.size()));
    nbd::append_bytes(body, query.data(), query.size());
  }
  return body;
}

inline Wire request_bytes(uint16_t command, uint64_t offset, uint32_t bytes, uint16_t flags = 0,
                          uint64_t cookie = 42) {
  Wire wire;
  nbd::append_be(wire, nbd::kRequestMagic);
  nbd::append_be(wire, flags);
  nbd::append_be(wire, command);
  nbd::append_be(wire, cookie);
  nbd::append_be(wire, offset);
  nbd::append_be(wire, bytes);
  return wire;
}

class NbdClient {
 public:
  explicit NbdClient(const std::string& path) : socket_(::socket(AF_UNIX, SOCK_STREAM, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::copy(path.begin(), path.end(), address.sun_path);
    connected_ =
        ::connect(socket_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  bool connected() const { return connected_; }
  // So much of what is sent needs no reader. False without the right to it.
  bool hold_in_socket(int bytes) {
    return ::setsockopt(socket_.get(), SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) == 0;
  }

  // False when the peer does not take it.
  bool send(const Wire& wire) {
    size_t done = 0;
    while (done < wire.size()) {
      const ssize_t sent =
          ::send(socket_.get(), wire.data() + done, wire.size() - done, MSG_NOSIGNAL);
      if (sent <= 0) return false;
      done += size_t(sent);
    }
    return true;
  }
  // Exactly `bytes`, or what came before the peer closed.
  Wire receive(size_t bytes) {
    Wire wire(bytes);
    size_t done = 0;
    while (done < bytes) {
      const ssize_t got = ::recv(socket_.get(), wire.data() + done, bytes - done, 0);
      if (got <= 0) break;
      done += size_t(got);
    }
    wire.resize(done);
    return wire;
  }
  // Everything until the peer closes.
  Wire receive_all() {
    Wire wire;
    for (;;) {
      const Wire more = receive(1);
      if (more.empty()) return wire;
      wire.push_back(more[0]);
    }
  }
  void half_close() { ::shutdown(socket_.get(), SHUT_WR); }
  bool closed() { return receive(1).empty(); }
  // Or the peer has closed.
  bool has_answer() const {
    pollfd event{socket_.get(), POLLIN, 0};
    return ::poll(&event, 1, 0) > 0;
  }

  struct OptionAnswer {
    uint32_t type = 0;  // 0: the peer closed
    Wire payload;
  };
  OptionAnswer option_answer() {
    const Wire header = receive(20);
    if (header.size() < 20) return {};
    return {nbd::load_be<uint32_t>(header.data() + 12),
            receive(nbd::load_be<uint32_t>(header.data() + 16))};
  }
  // All replies to one option; the last is ACK or an error.
  std::vector<OptionAnswer> ask(uint32_t code, const Wire& body) {
    std::vector<OptionAnswer> answers;
    if (!send(option_bytes(code, body))) return answers;
    for (;;) {
      answers.push_back(option_answer());
      const uint32_t type = answers.back().type;
      if (type == nbd::kRepAck || type == 0 || type & 0x80000000) return answers;
    }
  }
  uint32_t outcome(uint32_t code, const Wire& body = {}) {
    const auto answers = ask(code, body);
    return answers.empty() ? 0 : answers.back().type;
  }
  void greet(uint32_t flags = 3) {
    receive(18);
    send(flags_bytes(flags));
  }

  struct Reply {
    uint32_t number = 0xffffffff;  // 0xffffffff: the peer closed
    std::string text;
    Wire data;  // of a read, holes filled with zeros
    uint64_t holes = 0;
    std::vector<std::pair<uint32_t, uint32_t>> extents;
  };
  // One reply, simple or structured; `bytes` is the data of a simple read.
  Reply reply(uint64_t offset = 0, uint32_t bytes = 0) {
    Reply reply;
    reply.data.assign(bytes, 0xee);
    for (;;) {
      const Wire start = receive(4);
      if (start.size() < 4) return reply;
      if (nbd::load_be<uint32_t>(start.data()) == nbd::kSimpleReplyMagic) {
        const Wire rest = receive(12);
        reply.number = nbd::load_be<uint32_t>(rest.data());
        if (reply.number == 0 && bytes > 0) reply.data = receive(bytes);
        return reply;
      }
      const Wire rest = receive(16);
      if (rest.size() < 16) return reply;
      const uint16_t flags = nbd::load_be<uint16_t>(rest.data());
      const uint16_t type = nbd::load_be<uint16_t>(rest.data() + 2);
      const Wire payload = receive(nbd::load_be<uint32_t>(rest.data() + 12));
      if (type == nbd::kChunkError) {
        reply.number = nbd::load_be<uint32_t>(payload.data());
        reply.text.assign(payload.begin() + 6, payload.end());
      } else if (type == nbd::kChunkOffsetData) {
        const uint64_t at = nbd::load_be<uint64_t>(payload.data()) - offset;
        if (at + payload.size() - 8 > reply.data.size()) return reply;
        std::copy(payload.begin() + 8, payload.end(), reply.data.begin() + ptrdiff_t(at));
      } else if (type == nbd::kChunkOffsetHole) {
        const uint64_t at = nbd::load_be<uint64_t>(payload.data()) - offset;
        const uint32_t count = nbd::load_be<uint32_t>(payload.data() + 8);
        if (at + count > reply.data.size()) return reply;
        std::fill_n(reply.data.begin() + ptrdiff_t(at), count, uint8_t(0));
        reply.holes++;
      } else if (type == nbd::kChunkBlockStatus) {
        for (size_t i = 4; i + 8 <= payload.size(); i += 8) {
          reply.extents.emplace_back(nbd::load_be<uint32_t>(payload.data() + i),
                                     nbd::load_be<uint32_t>(payload.data() + i + 4));
        }
      }
      if (flags & nbd::kChunkDone) {
        if (type != nbd::kChunkError) reply.number = 0;
        return reply;
      }
    }
  }
  Reply call(uint16_t command, uint64_t offset, uint32_t bytes, uint16_t flags = 0) {
    send(request_bytes(command, offset, bytes, flags));
    return reply(offset, command == nbd::kCmdRead ? bytes : 0);
  }

 private:
  UniqueFd socket_;
  bool connected_ = false;
};

}  // namespace ashlar::test
