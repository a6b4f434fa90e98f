#include "import/pt/pickle_calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "import/pt/pickle_limits.h"
#include "import/pt/shown_text.h"

namespace hone {
namespace {

std::unexpected<Status> bad_call(const PickleObjects& objects, ObjectId callee, std::string_view why) {
  return error(StatusCode::invalid_file, fmt::format("a call of {} {}", shown(objects[callee].text), why));
}

Result<int64_t> integer_of(const PickleObjects& objects, ObjectId id, std::string_view what) {
  if (!objects.is(id, ObjectKind::integer))
    return error(StatusCode::invalid_file,
                 fmt::format("the {} is a {}, not an int", what, kind_name(objects[id].kind)));
  return objects[id].integer;
}

Result<Shape> extents_of(const PickleObjects& objects, ObjectId id, std::string_view what) {
  const Object& object = objects[id];
  if ((object.kind != ObjectKind::tuple && object.kind != ObjectKind::list) ||
      object.items.size() > kMaxTensorRank)
    return error(StatusCode::invalid_file,
                 fmt::format("the {} is no tuple of at most {} ints", what, kMaxTensorRank));
  Shape extents;
  for (ObjectId item : object.items) {
    HONE_ASSIGN(const int64_t extent, integer_of(objects, item, what));
    if (extent < 0) return error(StatusCode::invalid_file, fmt::format("the {} holds {}", what, extent));
    extents.push_back(extent);
  }
  return extents;
}

// The last element that the strides reach lies inside the storage.
Result<> check_bounds(const TensorRecord& tensor, int64_t storage_elements) {
  HONE_ASSIGN(const int64_t count, element_count(tensor.shape));
  if (tensor.offset < 0)
    return error(StatusCode::invalid_file, fmt::format("a tensor starts at element {}", tensor.offset));
  if (count == 0) return {};
  int64_t last = tensor.offset;
  bool overflows = false;
  for (size_t i = 0; i < tensor.shape.size(); ++i) {
    int64_t reach = 0;
    overflows |= __builtin_mul_overflow(tensor.shape[i] - 1, tensor.strides[i], &reach);
    overflows |= __builtin_add_overflow(last, reach, &last);
  }
  if (overflows || last >= storage_elements)
    return error(StatusCode::invalid_file,
                 fmt::format("a tensor {} at element {} passes the end of its storage of {} elements",
                             shape_text(tensor.shape), tensor.offset, storage_elements));
  return {};
}

// (storage, offset, size, strides, requires_grad, hooks[, metadata])
Result<ObjectId> rebuild_tensor(PickleObjects& objects, const std::vector<ObjectId>& arguments) {
  if (arguments.size() < 4 || !objects.is(arguments[0], ObjectKind::storage))
    return error(StatusCode::invalid_file, "a tensor is rebuilt from something that is no storage");
  TensorRecord tensor;
  tensor.storage = arguments[0];
  HONE_ASSIGN(tensor.offset, integer_of(objects, arguments[1], "offset of a tensor"));
  HONE_ASSIGN(tensor.shape, extents_of(objects, arguments[2], "size of a tensor"));
  HONE_ASSIGN(tensor.strides, extents_of(objects, arguments[3], "strides of a tensor"));
  if (tensor.shape.size() != tensor.strides.size())
    return error(StatusCode::invalid_file, fmt::format("a tensor has {} extents and {} strides",
                                                       tensor.shape.size(), tensor.strides.size()));
  HONE_TRY(check_bounds(tensor, objects[tensor.storage].integer));
  return objects.add_tensor(std::move(tensor));
}

Result<ObjectId> make_dict(PickleObjects& objects, ObjectId callee, ObjectId arguments, ByteBudget& copies) {
  Object made;
  made.kind = ObjectKind::dict;
  const ObjectId dict = objects.add(std::move(made));
  if (objects[arguments].items.empty()) return dict;
  const ObjectId from = objects[arguments].items[0];
  const std::vector<ObjectId> source = objects[from].items;
  if (!copies.take(source.size() * sizeof(ObjectId) * 2)) return bad_call(objects, callee, "copies too much");
  switch (objects[from].kind) {
    case ObjectKind::none:
    case ObjectKind::global:
      break;  // defaultdict's factory
    case ObjectKind::dict:
      for (size_t i = 0; i + 1 < source.size(); i += 2)
        HONE_TRY(set_item(objects, dict, source[i], source[i + 1]));
      break;
    case ObjectKind::list:
      for (ObjectId pair : source) {
        const Object& p = objects[pair];
        if ((p.kind != ObjectKind::tuple && p.kind != ObjectKind::list) || p.items.size() != 2)
          return bad_call(objects, callee, "has an entry that is no pair");
        HONE_TRY(set_item(objects, dict, p.items[0], p.items[1]));
      }
      break;
    default:
      return bad_call(objects, callee, "has an argument that is no dict");
  }
  return dict;
}

Result<ObjectId> make_collection(PickleObjects& objects, ObjectId callee, ObjectId arguments, ObjectKind kind,
                                 ByteBudget& copies) {
  Object made;
  made.kind = kind;
  const ObjectId collection = objects.add(std::move(made));
  if (objects[arguments].items.empty()) return collection;
  const ObjectId from = objects[arguments].items[0];
  const ObjectKind from_kind = objects[from].kind;
  if (from_kind != ObjectKind::list && from_kind != ObjectKind::tuple && from_kind != ObjectKind::set)
    return bad_call(objects, callee, "has an argument that is no list");
  const std::vector<ObjectId> source = objects[from].items;
  if (!copies.take(source.size() * sizeof(ObjectId))) return bad_call(objects, callee, "copies too much");
  for (ObjectId item : source) HONE_TRY(add_item(objects, collection, item));
  return collection;
}

// Protocol 2 writes bytes as text of code points 0 to 255 and a call of encode(text, "latin1").
Result<ObjectId> encode_text(PickleObjects& objects, ObjectId callee, const std::vector<ObjectId>& arguments,
                             ByteBudget& copies) {
  if (arguments.size() != 2 || !objects.is(arguments[0], ObjectKind::text) ||
      !objects.is(arguments[1], ObjectKind::text) || objects[arguments[1]].text != "latin1")
    return bad_call(objects, callee, "does not encode text as latin1");
  const std::string_view text = objects[arguments[0]].text;
  if (!copies.take(text.size())) return bad_call(objects, callee, "copies too much");
  std::string bytes;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto lead = static_cast<uint8_t>(text[i]);
    if (lead < 0x80) {
      bytes.push_back(text[i]);
    } else if ((lead == 0xc2 || lead == 0xc3) && i + 1 < text.size()) {
      bytes.push_back(static_cast<char>(((lead & 3) << 6) | (static_cast<uint8_t>(text[++i]) & 0x3f)));
    } else {
      return bad_call(objects, callee, "has a character outside latin1");
    }
  }
  Object made;
  made.kind = ObjectKind::bytes;
  made.text = objects.keep(std::move(bytes));
  return objects.add(std::move(made));
}

Result<ObjectId> make_instance(PickleObjects& objects, ObjectId callee, ObjectId arguments) {
  Object made;
  made.kind = ObjectKind::instance;
  made.items = {callee, arguments, PickleObjects::kNone};
  const ObjectId instance = objects.add(std::move(made));
  HONE_TRY(note_child(objects, instance, arguments));
  return instance;
}

template <class T>
T number(std::string_view bytes) {
  T value;
  std::memcpy(&value, bytes.data(), sizeof(T));
  return value;
}

// (dtype, bytes): the common types become numbers, the others stay objects.
Result<ObjectId> make_scalar(PickleObjects& objects, ObjectId callee, ObjectId arguments) {
  const std::vector<ObjectId>& given = objects[arguments].items;
  if (given.size() == 2 && objects.class_path(given[0]) == "numpy.dtype" &&
      objects.is(given[1], ObjectKind::bytes)) {
    const std::vector<ObjectId>& dtype = objects[objects[given[0]].items[1]].items;
    const std::string_view type = dtype.empty() ? "" : objects[dtype[0]].text;
    const std::string_view bytes = objects[given[1]].text;
    Object made;
    made.kind = ObjectKind::real;
    if (type == "f8" && bytes.size() == 8)
      made.real = number<double>(bytes);
    else if (type == "f4" && bytes.size() == 4)
      made.real = static_cast<double>(number<float>(bytes));
    else if (type == "i8" && bytes.size() == 8)
      made.kind = ObjectKind::integer, made.integer = number<int64_t>(bytes);
    else if (type == "i4" && bytes.size() == 4)
      made.kind = ObjectKind::integer, made.integer = number<int32_t>(bytes);
    else
      return make_instance(objects, callee, arguments);
    return objects.add(std::move(made));
  }
  return make_instance(objects, callee, arguments);
}

}  // namespace

Result<> note_child(PickleObjects& objects, ObjectId parent, ObjectId child) {
  const uint16_t depth = objects[child].depth;
  if (depth >= objects[parent].depth) objects.at(parent).depth = static_cast<uint16_t>(depth + 1);
  if (objects[parent].depth > kMaxPickleNesting)
    return error(StatusCode::invalid_file,
                 fmt::format("objects are nested more than {} deep", kMaxPickleNesting));
  return {};
}

Result<> set_item(PickleObjects& objects, ObjectId dict, ObjectId key, ObjectId value) {
  const ObjectKind kind = objects[key].kind;
  if (kind == ObjectKind::list || kind == ObjectKind::dict || kind == ObjectKind::set)
    return error(StatusCode::invalid_file, fmt::format("a {} is used as a key of a dict", kind_name(kind)));
  Object& object = objects.at(dict);
  object.items.push_back(key);
  object.items.push_back(value);
  HONE_TRY(note_child(objects, dict, key));
  return note_child(objects, dict, value);
}

Result<> add_item(PickleObjects& objects, ObjectId container, ObjectId item) {
  objects.at(container).items.push_back(item);
  return note_child(objects, container, item);
}

Result<ObjectId> call_global(PickleObjects& objects, ObjectId callee, ObjectId arguments,
                             ByteBudget& copies) {
  if (!objects.is(callee, ObjectKind::global))
    return error(StatusCode::invalid_file, fmt::format("a {} is called", kind_name(objects[callee].kind)));
  if (!objects.is(arguments, ObjectKind::tuple))
    return bad_call(objects, callee, "has no tuple of arguments");
  const std::vector<ObjectId> given =
      objects[arguments].items.size() <= 16 ? objects[arguments].items : std::vector<ObjectId>();
  switch (objects[callee].role) {
    case GlobalRole::inert:
      return make_instance(objects, callee, arguments);
    case GlobalRole::dict:
      return make_dict(objects, callee, arguments, copies);
    case GlobalRole::list:
      return make_collection(objects, callee, arguments, ObjectKind::list, copies);
    case GlobalRole::set:
      return make_collection(objects, callee, arguments, ObjectKind::set, copies);
    case GlobalRole::tuple:
      if (given.size() != 1 || !objects.is(given[0], ObjectKind::tuple))
        return bad_call(objects, callee, "has an argument that is no tuple");
      return given[0];
    case GlobalRole::encode:
      return encode_text(objects, callee, given, copies);
    case GlobalRole::numpy_scalar:
      return make_scalar(objects, callee, arguments);
    case GlobalRole::rebuild_tensor:
      return rebuild_tensor(objects, given);
    case GlobalRole::rebuild_parameter:
      if (given.empty() || !objects.is(given[0], ObjectKind::tensor))
        return bad_call(objects, callee, "has an argument that is no tensor");
      return given[0];
    case GlobalRole::rebuild_typed_tensor:
      if (given.size() < 3 || !objects.is(given[0], ObjectKind::global) ||
          objects[given[0]].role != GlobalRole::rebuild_tensor || !objects.is(given[2], ObjectKind::tuple))
        return bad_call(objects, callee, "rebuilds something that is no tensor");
      return call_global(objects, given[0], given[2], copies);
    case GlobalRole::storage:
    case GlobalRole::value:
    case GlobalRole::unknown:
      break;
  }
  return bad_call(objects, callee, "has no meaning in a checkpoint");
}

Result<ObjectId> load_storage(PickleObjects& objects, ObjectId persistent_id) {
  const Object& id = objects[persistent_id];
  const std::vector<ObjectId>& parts = id.items;
  if (id.kind != ObjectKind::tuple || parts.size() < 5 || objects[parts[0]].kind != ObjectKind::text ||
      objects[parts[0]].text != "storage" || objects[parts[1]].role != GlobalRole::storage ||
      !objects.is(parts[1], ObjectKind::global) || !objects.is(parts[2], ObjectKind::text) ||
      !objects.is(parts[4], ObjectKind::integer))
    return error(StatusCode::invalid_file,
                 "a persistent id is no ('storage', class, key, location, elements)");
  Object storage;
  storage.kind = ObjectKind::storage;
  storage.type = objects[parts[1]].type;
  storage.text = objects[parts[2]].text;
  storage.integer = objects[parts[4]].integer;
  if (storage.integer < 0 || storage.integer > kMaxElements)
    return error(StatusCode::invalid_file,
                 fmt::format("storage {} has {} elements", shown(storage.text), storage.integer));
  return objects.add(std::move(storage));
}

}  // namespace hone
