#include "import/pt/pickle_objects.h"

namespace hone {

std::string_view kind_name(ObjectKind kind) {
  static constexpr std::string_view kNames[] = {"None",  "bool",   "int",     "float", "str",
                                                "bytes", "list",   "tuple",   "dict",  "set",
                                                "class", "object", "storage", "tensor"};
  return kNames[static_cast<size_t>(kind)];
}

PickleObjects::PickleObjects() : objects_(4) {
  objects_[kFalse].kind = objects_[kTrue].kind = ObjectKind::boolean;
  objects_[kTrue].integer = 1;
  objects_[kEmptyTuple].kind = ObjectKind::tuple;
}

ObjectId PickleObjects::add_tensor(TensorRecord record) {
  tensors_.push_back(std::move(record));
  Object object;
  object.kind = ObjectKind::tensor;
  object.integer = static_cast<int64_t>(tensors_.size() - 1);
  return add(std::move(object));
}

std::optional<ObjectId> PickleObjects::find(ObjectId dict, std::string_view key) const {
  const Object& object = objects_[dict];
  if (object.kind != ObjectKind::dict) return std::nullopt;
  for (size_t i = object.items.size(); i >= 2; i -= 2) {
    const Object& candidate = objects_[object.items[i - 2]];
    if (candidate.kind == ObjectKind::text && candidate.text == key) return object.items[i - 1];
  }
  return std::nullopt;
}

std::string_view PickleObjects::class_path(ObjectId instance) const {
  const Object& object = objects_[instance];
  return object.kind == ObjectKind::instance ? objects_[object.items[0]].text : std::string_view();
}

std::optional<ObjectId> PickleObjects::attributes(ObjectId instance) const {
  const Object& object = objects_[instance];
  if (object.kind != ObjectKind::instance || !object.is_built || !is(object.items[2], ObjectKind::dict))
    return std::nullopt;
  return object.items[2];
}

std::optional<ObjectId> PickleObjects::attribute(ObjectId instance, std::string_view name) const {
  const std::optional<ObjectId> state = attributes(instance);
  return state ? find(*state, name) : std::nullopt;
}

}  // namespace hone
