// What a pickle describes: a heap of inert objects that refer to each other by index, so that cycles cost
// nothing.
#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "hone/types.h"
#include "import/pt/known_globals.h"

namespace hone {

using ObjectId = uint32_t;

enum class ObjectKind : uint8_t {
  none,
  boolean,
  integer,
  real,
  text,
  bytes,
  list,
  tuple,
  dict,
  set,
  global,    // a class or function, by its path; never called by anybody but pickle_calls.cc
  instance,  // what calling an inert global gives: its class, arguments and state
  storage,   // a torch storage: a file entry of the archive
  tensor,
};
std::string_view kind_name(ObjectKind kind);

struct Object {
  ObjectKind kind = ObjectKind::none;
  GlobalRole role = GlobalRole::unknown;  // global
  DType type = DType::f32;                // storage
  uint16_t depth = 0;                     // nesting below this object
  bool is_built = false;                  // instance: its state has been given
  int64_t integer = 0;                    // boolean, integer; storage: elements; tensor: index in tensors
  double real = 0;
  std::string_view text;  // text, bytes; global: "torch.nn.modules.conv.Conv2d"; storage: its key
  // list, tuple, set: elements; dict: key, value, key, value, …; instance: class, arguments (tuple), state.
  std::vector<ObjectId> items;
};

struct TensorRecord {
  ObjectId storage = 0;
  int64_t offset = 0;  // elements; as is the rest
  Shape shape, strides;
};

class PickleObjects {
 public:
  // Shared by all that refer to them.
  static constexpr ObjectId kNone = 0, kFalse = 1, kTrue = 2, kEmptyTuple = 3;
  PickleObjects();

  const Object& operator[](ObjectId id) const { return objects_[id]; }
  Object& at(ObjectId id) { return objects_[id]; }
  size_t size() const { return objects_.size(); }
  ObjectId add(Object object) {
    objects_.push_back(std::move(object));
    return static_cast<ObjectId>(objects_.size() - 1);
  }

  const TensorRecord& tensor(ObjectId id) const {
    return tensors_[static_cast<size_t>(objects_[id].integer)];
  }
  ObjectId add_tensor(TensorRecord record);
  std::string_view keep(std::string text) { return owned_text_.emplace_back(std::move(text)); }
  void keep_alive(std::shared_ptr<const void> owner) { owner_ = std::move(owner); }

  bool is(ObjectId id, ObjectKind kind) const { return objects_[id].kind == kind; }
  // The value of a text key; the last one where a key came twice. nullopt also when `dict` is no dict.
  std::optional<ObjectId> find(ObjectId dict, std::string_view key) const;
  // "torch.nn.modules.conv.Conv2d" of an instance; empty for everything else.
  std::string_view class_path(ObjectId instance) const;
  // The attributes an instance was built with, if they are a dict.
  std::optional<ObjectId> attributes(ObjectId instance) const;
  std::optional<ObjectId> attribute(ObjectId instance, std::string_view name) const;

 private:
  std::vector<Object> objects_;
  std::vector<TensorRecord> tensors_;
  std::deque<std::string> owned_text_;
  std::shared_ptr<const void> owner_;  // of the bytes that text views
};

}  // namespace hone
