// The rows of a pool as JavaScript sees them. What has not changed is the same object again, so
// that a look at all of them costs, here and in JavaScript, what is new; nobody may change these
// objects. Thread: JavaScript.
#pragma once

#include <memory>
#include <vector>

#include "addon/pool_node.h"
#include "addon/values.h"

namespace ashlar::addon {

Napi::Object cut_value(Napi::Env env, const CutRow& row, const std::optional<Id>& volume);

// Objects of one table's rows, by slot.
template <typename View>
class ShownRows {
 public:
  // `make` is called for views that are new or not `same` as the ones shown.
  template <typename Make, typename Same>
  Napi::Array list(Napi::Env env, const std::vector<View>& views, Make make, Same same) {
    Napi::Array array = Napi::Array::New(env, views.size());
    for (size_t i = 0; i < views.size(); i++) {
      const View& view = views[i];
      if (view.slot >= shown_.size()) shown_.resize(view.slot + 1);
      Shown& shown = shown_[view.slot];
      if (shown.object.IsEmpty() || !same(shown.view, view)) {
        shown.view = view;
        shown.object = Napi::Persistent(make(view));
      }
      array.Set(uint32_t(i), shown.object.Value());
    }
    return array;
  }

 private:
  // One that was removed is let go when its slot is used again.
  struct Shown {
    View view;
    Napi::ObjectReference object;
  };
  std::vector<Shown> shown_;
};

class RecordObjects {
 public:
  explicit RecordObjects(const std::shared_ptr<PoolNode>& node) : node_(node) {}

  bool are_of(const std::shared_ptr<PoolNode>& node) const { return node_.lock() == node; }
  bool are_of_nobody() const { return node_.expired(); }
  // kShuttingDown once the pool is closed.
  Result<Napi::Value> now(Napi::Env env);

 private:
  // With what is not in the row.
  struct Attachment {
    size_t slot = 0;
    AttachmentRow row;
    bool detaching = false;
    size_t connections = 0;
  };
  static Napi::Object value_of(Napi::Env env, const Attachment& view);

  const std::weak_ptr<PoolNode> node_;
  ShownRows<Volumes::VolumeView> volumes_;  // without their heads
  ShownRows<Volumes::CutView> cuts_;
  ShownRows<Volumes::RowView<OriginRow>> origins_;
  ShownRows<Attachment> attachments_;
  ShownRows<Volumes::CloneView> clones_;
  ShownRows<Volumes::RowView<TombstoneRow>> tombstones_;
};

}  // namespace ashlar::addon
