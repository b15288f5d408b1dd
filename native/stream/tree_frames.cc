#include "stream/tree_frames.h"

#include <algorithm>
#include <cstring>

#include "seal/image.h"

namespace ashlar {

Error broken(const std::string& what) {
  return error(Code::kProtocol, "the source " + what + "; nothing of it was kept");
}

Error refusal(const WireFrame& frame) {
  uint32_t code = 0;
  std::memcpy(&code, frame.payload.data(), sizeof code);
  const bool known = code <= uint32_t(Code::kInternal);
  return error(Code::kRemoteUnavailable,
               "the source cannot give " + to_string(place_of(frame.header.index)) + " (" +
                   (known ? code_name(Code(code)) : "unknown reason") + ")");
}

Result<TreeFrames> sort_frames(Bytes message, Deltas deltas) {
  TreeFrames sorted;
  for (const WireFrame& frame : TRY(parse_frames(message))) {
    switch (frame.header.kind) {
      case Wire::kNode:
        sorted.nodes.push_back(frame);
        break;
      case Wire::kRaw:
      case Wire::kLz4:
        sorted.chunks.push_back(frame);
        break;
      case Wire::kDelta:
      case Wire::kDeltaRaw:
        if (deltas == Deltas::kRefused) return broken("sent a delta, and no base was agreed on");
        sorted.chunks.push_back(frame);
        break;
      case Wire::kCannot:
        sorted.refused.push_back(frame);
        break;
      case Wire::kList:
      case Wire::kListEnd:
      case Wire::kWant:
      case Wire::kWantNode:
        return broken("sent a frame that was not asked for");
    }
  }
  return sorted;
}

TreePlace place_in_tree(const WireFrame& frame) {
  const bool chunk = frame.header.kind != Wire::kNode && frame.header.kind != Wire::kCannot;
  return chunk ? TreePlace{0, frame.header.index} : place_of(frame.header.index);
}

Result<Hash> asked_id(const Asked& asked, const WireFrame& frame) {
  const TreePlace place = place_in_tree(frame);
  const auto found = asked.find(place);
  if (found == asked.end() || found->second != frame.header.id ||
      (place.level == 0) != (frame.header.kind != Wire::kNode)) {
    return broken("sent " + to_string(place) + ", which was not asked for");
  }
  return found->second;
}

Result<Hash> take_asked(Asked& asked, const WireFrame& frame) {
  const Hash id = TRY(asked_id(asked, frame));
  asked.erase(place_in_tree(frame));
  return id;
}

Result<NodeBytes> checked_node(const DomainKeys& keys, const WireFrame& frame, const Hash& id) {
  NodeBytes node;
  const bool good = frame.payload.size() == node.size() &&
                    frame.payload[0] == place_in_tree(frame).level &&
                    keyed_hash(keys.node, frame.payload) == id;
  if (!good) return broken("sent a node that is not what its parent says");
  std::copy(frame.payload.begin(), frame.payload.end(), node.begin());
  return node;
}

std::vector<uint8_t> wants_of(const std::vector<uint64_t>& nodes,
                              const std::vector<uint64_t>& chunks) {
  std::vector<uint8_t> message;
  append_wants(message, Wire::kWantNode, nodes);
  append_wants(message, Wire::kWant, chunks);
  return message;
}

}  // namespace ashlar
