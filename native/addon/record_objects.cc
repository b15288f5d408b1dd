#include "addon/record_objects.h"

#include <cstring>

namespace ashlar::addon {
namespace {

Napi::Object volume_value(Napi::Env env, const Volumes::VolumeView& view) {
  Napi::Object at = Napi::Object::New(env);
  at.Set("volumeId", to_string(view.row.id));
  at.Set("bytes", big(env, view.row.bytes));
  at.Set("lineage", big(env, view.row.lineage));
  if (view.origin_snapshot) at.Set("originSnapshotId", to_string(*view.origin_snapshot));
  at.Set("hydrated", view.row.origin == 0);
  at.Set("hydratedBytes", big(env, view.hydrated_bytes));
  at.Set("hydrationTotalBytes", big(env, view.hydration_total_bytes));
  return at;
}

Napi::Object clone_value(Napi::Env env, const Volumes::CloneView& view) {
  const auto state = CloneState(view.row.state);
  Napi::Object at = Napi::Object::New(env);
  at.Set("cloneId", to_string(view.row.id));
  at.Set("snapshotId", to_string(view.row.snapshot));
  at.Set("available", state == CloneState::kAvailable);
  at.Set("filling", state == CloneState::kFilling);
  at.Set("hydrated", view.full);
  if (view.origin_snapshot) at.Set("originSnapshotId", to_string(*view.origin_snapshot));
  at.Set("doneBytes", big(env, view.done_bytes));
  at.Set("totalBytes", big(env, view.total_bytes));
  return at;
}

// Zeros fill it up, where it is not full.
template <size_t kSize>
std::string text_of(const std::array<char, kSize>& field) {
  return std::string(field.data(), strnlen(field.data(), kSize));
}

const char* kind_text(TombstoneKind kind) {
  switch (kind) {
    case TombstoneKind::kVolume:
      return "volume";
    case TombstoneKind::kAttachment:
      return "attachment";
    case TombstoneKind::kCut:
      return "cut";
    case TombstoneKind::kClone:
      return "clone";
  }
  __builtin_unreachable();
}

Napi::Object origin_value(Napi::Env env, const OriginRow& row) {
  Napi::Object at = Napi::Object::New(env);
  at.Set("snapshotId", to_string(row.snapshot));
  at.Set("pinId", to_string(row.pin));
  const auto& manifest = row.manifest;
  at.Set("manifest", Napi::Buffer<uint8_t>::Copy(
                         env, reinterpret_cast<const uint8_t*>(manifest.data()), manifest.size()));
  return at;
}

Napi::Object tombstone_value(Napi::Env env, const TombstoneRow& row) {
  Napi::Object at = Napi::Object::New(env);
  at.Set("id", to_string(row.id));
  at.Set("kind", kind_text(TombstoneKind(row.kind)));
  return at;
}

// Rows have no padding (native/format/pool_format.h).
template <typename Row>
bool equal(const Row& one, const Row& other) {
  return std::memcmp(&one, &other, sizeof(Row)) == 0;
}

}  // namespace

Napi::Object cut_value(Napi::Env env, const CutRow& row, const std::optional<Id>& volume) {
  Napi::Object at = Napi::Object::New(env);
  at.Set("snapshotId", to_string(row.snapshot));
  if (volume) at.Set("volumeId", to_string(*volume));
  at.Set("lineage", big(env, row.lineage));
  at.Set("epoch", row.epoch);
  at.Set("bytes", big(env, row.bytes));
  at.Set("capturedNs", big(env, row.captured_ns));
  at.Set("hidden", (row.flags & (kCutHidden | kCutBookmark | kCutDropping)) != 0);
  at.Set("sealed", (row.flags & kCutSealed) != 0);
  if (row.flags & kCutSealed) at.Set("rootHex", to_hex(row.merkle_root));
  return at;
}

Napi::Object RecordObjects::value_of(Napi::Env env, const Attachment& view) {
  Napi::Object at = Napi::Object::New(env);
  at.Set("attachmentId", to_string(view.row.id));
  at.Set("volumeId", to_string(view.row.volume));
  at.Set("host", text_of(view.row.host));
  at.Set("readOnly", view.row.read_only != 0);
  at.Set("detaching", view.detaching);
  at.Set("connections", double(view.connections));
  return at;
}

Result<Napi::Value> RecordObjects::now(Napi::Env env) {
  const auto node = node_.lock();
  if (!node) return error(Code::kShuttingDown, "the pool is closed");
  Volumes::View view = TRY(node->volumes())->view();
  const auto server = node->server();
  // What is shown outlives the volume.
  for (auto& volume : view.volumes)
    volume.head.reset();
  std::vector<Attachment> attachments;
  for (const auto& at : view.attachments) {
    const size_t connections = server ? server->connections(to_string(at.row.id)) : 0;
    attachments.push_back({at.slot, at.row, at.detaching, connections});
  }
  Napi::Object all = Napi::Object::New(env);
  all.Set("volumes", volumes_.list(
                         env, view.volumes, [&](const auto& at) { return volume_value(env, at); },
                         [](const auto& one, const auto& other) {
                           return equal(one.row, other.row) &&
                                  one.origin_snapshot == other.origin_snapshot &&
                                  one.hydrated_bytes == other.hydrated_bytes &&
                                  one.hydration_total_bytes == other.hydration_total_bytes;
                         }));
  all.Set("cuts",
          cuts_.list(
              env, view.cuts, [&](const auto& at) { return cut_value(env, at.row, at.volume); },
              [](const auto& one, const auto& other) {
                return equal(one.row, other.row) && one.volume == other.volume;
              }));
  all.Set("origins",
          origins_.list(
              env, view.origins, [&](const auto& at) { return origin_value(env, at.row); },
              [](const auto& one, const auto& other) { return equal(one.row, other.row); }));
  all.Set("attachments",
          attachments_.list(
              env, attachments, [&](const Attachment& at) { return value_of(env, at); },
              [](const Attachment& one, const Attachment& other) {
                return equal(one.row, other.row) && one.detaching == other.detaching &&
                       one.connections == other.connections;
              }));
  all.Set("clones", clones_.list(
                        env, view.clones, [&](const auto& at) { return clone_value(env, at); },
                        [](const auto& one, const auto& other) {
                          return equal(one.row, other.row) &&
                                 one.origin_snapshot == other.origin_snapshot &&
                                 one.full == other.full && one.done_bytes == other.done_bytes &&
                                 one.total_bytes == other.total_bytes;
                        }));
  all.Set("tombstones",
          tombstones_.list(
              env, view.tombstones, [&](const auto& at) { return tombstone_value(env, at.row); },
              [](const auto& one, const auto& other) { return equal(one.row, other.row); }));
  return Napi::Value(all);
}

}  // namespace ashlar::addon
