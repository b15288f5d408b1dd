// What may happen to messages between two ends, or be said by an end that lies: bits flip, messages
// and frames are lost, doubled, swapped, cut short, replaced by noise or by what was said before;
// ids, indices, lengths, counts and roots are wrong; things are asked for that were never listed.
// Or, smoothly: a list that leaves something out, with the right count and no root. Drawn from a
// seed.
#pragma once

#include <algorithm>

#include "support/pump.h"

namespace ashlar::test {

class Liar {
 public:
  // `percent` of the messages are meddled with. Half of the liars let frames go one by one.
  Liar(uint64_t seed, uint64_t percent)
      : prng_(seed), percent_(percent), singly_(prng_.chance(50)), smooth_(prng_.chance(5)) {}

  Meddler meddler() {
    return [this](Way way, const Message& message) { return meddle(way, message); };
  }
  uint64_t lies() const { return lies_; }
  // The list has been given without its root: a receiver cannot know that it was changed.
  bool root_withheld() const { return root_withheld_; }

 private:
  struct Frame {
    WireFrameHeader header;
    std::vector<uint8_t> payload;
    uint32_t length = 0;  // what the header says
  };
  using Frames = std::vector<Frame>;

  std::vector<Message> meddle(Way way, const Message& message) {
    remember(message);
    Frames frames = parsed(message);
    if (smooth_) leave_out(frames);
    std::vector<Message> said;
    if (singly_) {
      for (const Frame& frame : frames)
        said.push_back(assembled({frame}));
    } else {
      said.push_back(assembled(frames));
    }
    std::vector<Message> heard;
    for (Message& each : said) {
      std::vector<Message> out;
      if (prng_.chance(percent_)) {
        lies_++;
        out = prng_.chance(35) ? spoil(way, std::move(each)) : lie(each);
      } else {
        out.push_back(std::move(each));
      }
      // What was held back comes after the next message.
      if (!out.empty()) std::swap(held_[size_t(way)], late_);
      heard.insert(heard.end(), out.begin(), out.end());
      heard.insert(heard.end(), late_.begin(), late_.end());
      late_.clear();
    }
    return heard;
  }

  void leave_out(Frames& frames) {
    for (Frame& frame : frames) {
      if (frame.header.kind == Wire::kList) {
        std::vector<uint8_t> kept;
        for (size_t at = 0; at < frame.payload.size(); at += sizeof(ListEntry)) {
          if (prng_.chance(30)) {
            left_out_++;
            lies_++;
            continue;
          }
          const auto entry = frame.payload.begin() + ptrdiff_t(at);
          kept.insert(kept.end(), entry, entry + sizeof(ListEntry));
        }
        frame.payload = std::move(kept);
        frame.length = uint32_t(frame.payload.size());
      } else if (frame.header.kind == Wire::kListEnd) {
        frame.header.index -= left_out_;
        frame.header.id = Hash{};
        root_withheld_ = true;
      }
    }
    std::erase_if(frames, [](const Frame& frame) {
      return frame.header.kind == Wire::kList && frame.payload.empty();
    });
  }

  // ---- a bad wire

  std::vector<Message> spoil(Way way, Message message) {
    switch (prng_.below(7)) {
      case 0:
        for (uint64_t flips = prng_.between(1, 3); flips > 0 && !message.empty(); flips--)
          message[prng_.below(message.size())] ^= uint8_t(1 << prng_.below(8));
        return {message};
      case 1:
        return {};
      case 2:
        return {message, message};
      case 3:
        held_[size_t(way)].push_back(message);
        return {};
      case 4:
        message.resize(prng_.below(message.size() + 1));
        return {message};
      case 5:
        return {noise()};
      default:
        return {noise(), message};
    }
  }

  Message noise() {
    Message bytes(prng_.below(300));
    for (uint8_t& byte : bytes)
      byte = uint8_t(prng_.next());
    // More often than not it looks like a frame.
    if (bytes.size() >= 8 && prng_.chance(70)) {
      bytes[0] = uint8_t(prng_.between(1, 10));
      bytes[1] = 0;
      const uint32_t length = uint32_t(bytes.size() < 48 ? 0 : bytes.size() - 48);
      std::memcpy(&bytes[4], &length, sizeof length);
    }
    return bytes;
  }

  // ---- a lying end

  std::vector<Message> lie(const Message& message) {
    Frames frames = parsed(message);
    if (frames.empty()) return {message};
    const size_t at = prng_.below(frames.size());
    Frame& frame = frames[at];
    switch (prng_.below(15)) {
      case 0:
        frames.erase(frames.begin() + ptrdiff_t(at));
        break;
      case 1:
        frames.insert(frames.begin() + ptrdiff_t(at), Frame(frame));
        break;
      case 2:
        std::swap(frame, frames[prng_.below(frames.size())]);
        break;
      case 3:
        frame.header.kind = Wire(prng_.below(12));
        break;
      case 4:
        frame.header.index = some_number(frame.header.index);
        break;
      case 5:
        frame.header.id = some_id(frame.header.id);
        break;
      case 6:
        frame.length = uint32_t(some_number(frame.length));
        break;
      case 7:  // another chunk's bytes under this id
        if (!seen_.empty()) frame.payload = seen_[prng_.below(seen_.size())].payload;
        frame.length = uint32_t(frame.payload.size());
        break;
      case 8:  // what was said before, by whomever
        if (!seen_.empty()) frames.insert(frames.begin() + ptrdiff_t(at), some_frame());
        break;
      case 9:
        frames.insert(frames.begin() + ptrdiff_t(at), refusal());
        break;
      case 10:
        if (prng_.chance(50)) frame.header.zero = uint8_t(prng_.next());
        frame.header.block_map = uint16_t(frame.header.block_map ^ 1u << prng_.below(16));
        break;
      case 11:  // other blocks than these
        frame.header.block_map = uint16_t(prng_.next());
        break;
      case 12:  // each other's bytes, under the right ids
        std::swap(frame.payload, frames[prng_.below(frames.size())].payload);
        for (Frame& each : frames)
          each.length = uint32_t(each.payload.size());
        break;
      default:
        change_payload(frame);
        break;
    }
    note_withheld(frames);
    return {assembled(frames)};
  }

  // The numbers of a WANT, the entries and the count and root of a list, a byte of anything else.
  void change_payload(Frame& frame) {
    std::vector<uint8_t>& bytes = frame.payload;
    if (frame.header.kind == Wire::kListEnd) {
      if (prng_.chance(50)) frame.header.index = some_number(frame.header.index);
      frame.header.id = prng_.chance(50) ? Hash{} : some_id(frame.header.id);
    } else if (frame.header.kind == Wire::kWant || frame.header.kind == Wire::kWantNode) {
      if (prng_.chance(10)) bytes.resize(8 * prng_.between(1, 70'000));
      const size_t at = 8 * prng_.below(bytes.size() / 8);
      uint64_t number;
      std::memcpy(&number, &bytes[at], sizeof number);
      number = some_number(number);
      std::memcpy(&bytes[at], &number, sizeof number);
    } else if (frame.header.kind == Wire::kList) {
      change_list(bytes);
    } else if (!bytes.empty()) {
      bytes[prng_.below(bytes.size())] ^= uint8_t(1 << prng_.below(8));
    }
    frame.length = uint32_t(bytes.size());
  }

  void change_list(std::vector<uint8_t>& bytes) {
    const size_t entries = bytes.size() / sizeof(ListEntry);
    const size_t at = prng_.below(entries) * sizeof(ListEntry);
    ListEntry entry;
    std::memcpy(static_cast<void*>(&entry), &bytes[at], sizeof entry);
    switch (prng_.below(4)) {
      case 0:
        entry.index = some_number(entry.index);
        break;
      case 1:
        entry.id = some_id(entry.id);
        break;
      case 2:
        bytes.erase(bytes.begin() + ptrdiff_t(at), bytes.begin() + ptrdiff_t(at + sizeof entry));
        return;
      default:  // twice, the first time with another id
        bytes.insert(bytes.begin() + ptrdiff_t(at), sizeof entry, 0);
        entry.id = some_id(entry.id);
        break;
    }
    std::memcpy(&bytes[at], static_cast<const void*>(&entry), sizeof entry);
  }

  void note_withheld(const Frames& frames) {
    for (const Frame& frame : frames) {
      if (frame.header.kind == Wire::kListEnd && is_zero(frame.header.id)) root_withheld_ = true;
    }
  }

  uint64_t some_number(uint64_t number) {
    switch (prng_.below(6)) {
      case 0:
        return number + 1;
      case 1:
        return number - 1;
      case 2:
        return prng_.below(100);
      case 3:
        return uint64_t(1) << prng_.below(64);
      case 4:
        return number ^ (prng_.between(0, 6) << 56);  // another level
      default:
        return prng_.next();
    }
  }
  Hash some_id(Hash id) {
    const uint64_t dice = prng_.below(4);
    if (dice == 0) return Hash{};
    if (dice == 1 && !seen_.empty()) return seen_[prng_.below(seen_.size())].header.id;
    id[prng_.below(id.size())] ^= uint8_t(1 << prng_.below(8));
    return id;
  }
  Frame some_frame() { return seen_[prng_.below(seen_.size())]; }
  Frame refusal() {
    Frame frame;
    frame.header.kind = Wire::kCannot;
    frame.header.index = some_number(prng_.below(100));
    frame.payload = {uint8_t(prng_.below(60)), 0, 0, 0};
    frame.length = 4;
    return frame;
  }

  void remember(const Message& message) {
    for (Frame& frame : parsed(message)) {
      if (seen_.size() < 64) {
        seen_.push_back(std::move(frame));
      } else {
        seen_[prng_.below(seen_.size())] = std::move(frame);
      }
    }
  }
  static Frames parsed(const Message& message) {
    Frames frames;
    const auto parts = parse_frames(message);
    CHECK(parts.ok());  // what the ends say is well formed
    for (const WireFrame& part : *parts) {
      frames.push_back({part.header, {part.payload.begin(), part.payload.end()}, 0});
      frames.back().length = part.header.length;
    }
    return frames;
  }
  static Message assembled(const Frames& frames) {
    Message message;
    for (Frame frame : frames) {
      frame.header.length = frame.length;
      const auto* raw = reinterpret_cast<const uint8_t*>(&frame.header);
      message.insert(message.end(), raw, raw + sizeof frame.header);
      message.insert(message.end(), frame.payload.begin(), frame.payload.end());
    }
    return message;
  }

  Prng prng_;
  const uint64_t percent_;
  const bool singly_;
  const bool smooth_;
  uint64_t lies_ = 0;
  uint64_t left_out_ = 0;
  bool root_withheld_ = false;
  Frames seen_;
  std::vector<Message> held_[2];
  std::vector<Message> late_;
};

}  // namespace ashlar::test
