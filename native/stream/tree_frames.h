// What every receiver of a tree does with what comes: sorts the frames of a message, finds what was
// asked for, and checks a node against its parent. Pure.
#pragma once

#include <map>
#include <vector>

#include "format/replication_frame.h"
#include "seal/tree_place.h"

namespace ashlar {

// kProtocol: `what` the source did.
Error broken(const std::string& what);
// kRemoteUnavailable: why the source cannot give it. Requires a CANNOT.
Error refusal(const WireFrame& frame);

struct TreeFrames {
  std::vector<WireFrame> nodes;
  std::vector<WireFrame> chunks;
  std::vector<WireFrame> refused;
};
enum class Deltas : uint8_t { kRefused, kAllowed };
// kProtocol when there is anything else in it.
Result<TreeFrames> sort_frames(Bytes message, Deltas deltas);

// What was asked for and has not come, with its id; chunks are level 0.
using Asked = std::map<TreePlace, Hash>;
// Where the frame stands in the tree.
TreePlace place_in_tree(const WireFrame& frame);
// kProtocol when it was not asked for. Requires the lock of `asked`.
Result<Hash> asked_id(const Asked& asked, const WireFrame& frame);
// As asked_id; it is not asked for any more.
Result<Hash> take_asked(Asked& asked, const WireFrame& frame);

// kProtocol when it is not the node of this id.
Result<NodeBytes> checked_node(const DomainKeys& keys, const WireFrame& frame, const Hash& id);

// A WANT_NODE and a WANT; nothing where there are none.
std::vector<uint8_t> wants_of(const std::vector<uint64_t>& nodes,
                              const std::vector<uint64_t>& chunks);

}  // namespace ashlar
