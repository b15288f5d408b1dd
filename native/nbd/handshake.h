// Handshake: option haggling of one connection, as a pure state machine: bytes in, bytes out.
// However the bytes are split, the answers are the same. It consumes exactly an option's declared
// length on every path, success or error (nbd.md 1.3 A1), and never a byte after the option that
// ends haggling. Thread: one at a time (the server's epoll thread).
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "nbd/protocol.h"
#include "volume/volume_io.h"

namespace ashlar::nbd {

// What was agreed; transmission begins with it.
struct Agreement {
  Export target;
  bool structured = false;
  bool base_allocation = false;
};

class Handshake {
 public:
  enum class Next : uint8_t { kMore, kTransmission, kClose };

  // `lists_names`: whether LIST answers with the exports (Unix sockets) or with none (TCP).
  Handshake(ExportSource& exports, bool lists_names)
      : exports_(exports), lists_names_(lists_names) {}

  static std::vector<uint8_t> greeting();

  // Consumes what it can from the front of `in` and appends answers to `out`.
  Next feed(std::vector<uint8_t>& in, std::vector<uint8_t>& out);
  // From now on options are answered ERR_SHUTDOWN (ABORT still ACK).
  void shut_down() { stopping_ = true; }
  // While it is, whoever wants to begin is refused; everything else is answered as ever.
  void set_full(bool full) { full_ = full; }
  // Since it was asked last.
  bool was_refused_as_full() { return std::exchange(refused_as_full_, false); }

  // After kTransmission.
  Agreement take_agreement() { return std::move(agreement_); }

 private:
  struct Query {
    std::string export_name;
    std::vector<std::string> names;
  };

  Next option(uint32_t option, Bytes body, std::vector<uint8_t>& out);
  Next export_name(Bytes body, std::vector<uint8_t>& out);
  Next info_or_go(uint32_t option, Bytes body, std::vector<uint8_t>& out);
  void list(Bytes body, std::vector<uint8_t>& out);
  void structured_reply(Bytes body, std::vector<uint8_t>& out);
  void meta_context(uint32_t option, Bytes body, std::vector<uint8_t>& out);
  uint16_t transmission_flags(const Export& target) const;

  ExportSource& exports_;
  const bool lists_names_;
  bool stopping_ = false;
  bool full_ = false;
  bool refused_as_full_ = false;
  bool flags_read_ = false;
  bool fixed_ = false;
  bool no_zeroes_ = false;
  int options_ = 0;
  uint64_t skip_bytes_ = 0;  // of an option too large to hold
  uint32_t skip_option_ = 0;
  std::optional<std::string> context_export_;  // base:allocation was selected for it
  Agreement agreement_;
};

}  // namespace ashlar::nbd
