#include "stream/audit.h"

namespace ashlar {

Result<Hash> audit(CutSource& source, const DomainKeys& keys) {
  CHECK(!source.base_agreed());
  for (;;) {
    const auto message = TRY(source.take());
    if (!message) return error(Code::kCancelled, "the audit was stopped");
    for (const WireFrame& frame : TRY(parse_frames(*message))) {
      if (frame.header.kind != Wire::kListEnd) continue;
      return manifest_root(keys, make_manifest(source.volume_bytes(), {}, frame.header.id));
    }
  }
}

}  // namespace ashlar
