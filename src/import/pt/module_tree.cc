#include "import/pt/module_tree.h"

#include <fmt/format.h>

#include "import/pt/shown_text.h"

namespace hone {
namespace {

// Convolutions and pools stay far below; larger numbers would overflow in shape inference.
constexpr int64_t kMaxAttribute = 1 << 20;
// Names of classes, of tensors and of children are looked up in a row; a module has some dozens of each.
constexpr size_t kMaxEntries = 1024;

constexpr std::string_view kModuleList = "torch.nn.modules.container.ModuleList";
constexpr std::string_view kSequential = "torch.nn.modules.container.Sequential";

}  // namespace

std::unexpected<Status> ModuleTree::bad(const Module& module, std::string_view why) {
  return error(StatusCode::invalid_file, fmt::format("{}: {}", module.path, why));
}

std::optional<ObjectId> ModuleTree::attribute(const Module& module, std::string_view name) const {
  const std::optional<ObjectId> all = objects_.attributes(module.id);
  if (!all || objects_[*all].items.size() > 2 * kMaxEntries) return std::nullopt;
  return objects_.find(*all, name);
}

Module ModuleTree::make_child(const Module& module, std::string_view name, ObjectId id) const {
  const std::string_view parent = class_path(module);
  Module made{
      .id = id, .path = fmt::format("{}.{}", module.path, shown(name)), .scope = {}, .label = shown(name)};
  if (parent == kModuleList || parent == kSequential)
    made.label = fmt::format("{}.{}", module.label, made.label);
  // A ModuleList is never called, so it has no step of its own in the scope.
  made.scope =
      objects_.class_path(id) == kModuleList ? module.scope : fmt::format("{}/{}", module.scope, made.label);
  return made;
}

std::optional<Module> ModuleTree::find_child(const Module& module, std::string_view name) const {
  const std::optional<ObjectId> modules = attribute(module, "_modules");
  if (!modules || objects_[*modules].items.size() > 2 * kMaxEntries) return std::nullopt;
  const std::optional<ObjectId> id = objects_.find(*modules, name);
  if (!id || !objects_.is(*id, ObjectKind::instance)) return std::nullopt;
  return make_child(module, name, *id);
}

Result<Module> ModuleTree::child(const Module& module, std::string_view name) const {
  if (std::optional<Module> found = find_child(module, name)) return *std::move(found);
  return bad(module, fmt::format("{} has no module '{}'", shown(class_path(module)), name));
}

Result<std::vector<Module>> ModuleTree::children(const Module& module) const {
  const std::optional<ObjectId> modules = attribute(module, "_modules");
  if (!modules || !objects_.is(*modules, ObjectKind::dict)) return bad(module, "it has no dict of modules");
  const std::vector<ObjectId>& items = objects_[*modules].items;
  if (items.size() > 2 * kMaxEntries) return bad(module, fmt::format("it has {} modules", items.size() / 2));
  std::vector<Module> all;
  for (size_t i = 0; i < items.size(); i += 2) {
    if (objects_.is(items[i + 1], ObjectKind::none)) continue;
    if (!objects_.is(items[i], ObjectKind::text) || !objects_.is(items[i + 1], ObjectKind::instance))
      return bad(module,
                 fmt::format("a {} stands among its modules", kind_name(objects_[items[i + 1]].kind)));
    all.push_back(make_child(module, objects_[items[i]].text, items[i + 1]));
  }
  return all;
}

std::optional<ObjectId> ModuleTree::find_tensor(const Module& module, std::string_view name) const {
  for (const char* where : {"_parameters", "_buffers"}) {
    const std::optional<ObjectId> dict = attribute(module, where);
    if (!dict || objects_[*dict].items.size() > 2 * kMaxEntries) continue;
    if (const auto id = objects_.find(*dict, name); id && objects_.is(*id, ObjectKind::tensor)) return id;
  }
  const std::optional<ObjectId> id = attribute(module, name);
  return id && objects_.is(*id, ObjectKind::tensor) ? id : std::nullopt;
}

Result<int64_t> ModuleTree::integer(const Module& module, std::string_view name,
                                    std::optional<int64_t> absent) const {
  const std::optional<ObjectId> id = attribute(module, name);
  if (!id && absent) return *absent;
  if (!id) return bad(module, fmt::format("it has no attribute '{}'", name));
  const Object& object = objects_[*id];
  if (object.kind == ObjectKind::integer && object.integer >= -kMaxAttribute &&
      object.integer <= kMaxAttribute)
    return object.integer;
  return bad(module,
             object.kind == ObjectKind::integer
                 ? fmt::format("its attribute '{}' is {}", name, object.integer)
                 : fmt::format("its attribute '{}' is a {}, not an int", name, kind_name(object.kind)));
}

Result<double> ModuleTree::real(const Module& module, std::string_view name,
                                std::optional<double> absent) const {
  const std::optional<ObjectId> id = attribute(module, name);
  if (!id && absent) return *absent;
  if (!id) return bad(module, fmt::format("it has no attribute '{}'", name));
  const Object& object = objects_[*id];
  if (object.kind == ObjectKind::real) return object.real;
  if (object.kind == ObjectKind::integer) return static_cast<double>(object.integer);
  return bad(module, fmt::format("its attribute '{}' is a {}, not a float", name, kind_name(object.kind)));
}

Result<bool> ModuleTree::flag(const Module& module, std::string_view name, std::optional<bool> absent) const {
  const std::optional<ObjectId> id = attribute(module, name);
  if (!id && absent) return *absent;
  if (!id) return bad(module, fmt::format("it has no attribute '{}'", name));
  const Object& object = objects_[*id];
  if (object.kind == ObjectKind::boolean) return object.integer != 0;
  return bad(module, fmt::format("its attribute '{}' is a {}, not a bool", name, kind_name(object.kind)));
}

Result<std::string_view> ModuleTree::text(const Module& module, std::string_view name,
                                          std::string_view absent) const {
  const std::optional<ObjectId> id = attribute(module, name);
  if (!id) return absent;
  if (objects_.is(*id, ObjectKind::text)) return objects_[*id].text;
  return bad(module,
             fmt::format("its attribute '{}' is a {}, not a str", name, kind_name(objects_[*id].kind)));
}

Result<Ints> ModuleTree::pair(const Module& module, std::string_view name,
                              std::optional<int64_t> absent) const {
  const std::optional<ObjectId> id = attribute(module, name);
  if (!id && absent) return Ints{*absent, *absent};
  if (!id) return bad(module, fmt::format("it has no attribute '{}'", name));
  const Object& object = objects_[*id];
  if (object.kind != ObjectKind::tuple && object.kind != ObjectKind::list) {
    HONE_ASSIGN(const int64_t both, integer(module, name));
    return Ints{both, both};
  }
  Ints values;
  for (ObjectId item : object.items) {
    const Object& element = objects_[item];
    if (element.kind != ObjectKind::integer || element.integer < -kMaxAttribute ||
        element.integer > kMaxAttribute || object.items.size() != 2)
      return bad(module, fmt::format("its attribute '{}' is no pair of ints", name));
    values.push_back(element.integer);
  }
  if (values.size() != 2) return bad(module, fmt::format("its attribute '{}' is no pair of ints", name));
  return values;
}

}  // namespace hone
