// The module tree of a checkpoint, read with checks: every attribute that is missing or of another type is an
// error that names the module's path.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "import/pt/pickle_objects.h"
#include "ir/op.h"

namespace hone {

struct Module {
  ObjectId id = 0;
  std::string path;   // "model.2.m.0", as in a state dict
  std::string scope;  // "/model.2/m.0", as Ultralytics' exports name their nodes
  std::string label;  // last step of the scope
};

class ModuleTree {
 public:
  explicit ModuleTree(const PickleObjects& objects) : objects_(objects) {}

  const PickleObjects& objects() const { return objects_; }
  // "torch.nn.modules.conv.Conv2d".
  std::string_view class_path(const Module& module) const { return objects_.class_path(module.id); }

  Result<Module> child(const Module& module, std::string_view name) const;
  // nullopt where there is none, or None in its place.
  std::optional<Module> find_child(const Module& module, std::string_view name) const;
  // All of them in order, None left out.
  Result<std::vector<Module>> children(const Module& module) const;
  // Tensor object of a parameter or buffer; nullopt where it is None or absent.
  std::optional<ObjectId> find_tensor(const Module& module, std::string_view name) const;

  std::optional<ObjectId> attribute(const Module& module, std::string_view name) const;
  Result<int64_t> integer(const Module& module, std::string_view name,
                          std::optional<int64_t> absent = {}) const;
  Result<double> real(const Module& module, std::string_view name, std::optional<double> absent = {}) const;
  Result<bool> flag(const Module& module, std::string_view name, std::optional<bool> absent = {}) const;
  Result<std::string_view> text(const Module& module, std::string_view name, std::string_view absent) const;
  // Two integers; a single one stands for both.
  Result<Ints> pair(const Module& module, std::string_view name, std::optional<int64_t> absent = {}) const;

  // "model.3: …".
  static std::unexpected<Status> bad(const Module& module, std::string_view why);

 private:
  Module make_child(const Module& module, std::string_view name, ObjectId id) const;

  const PickleObjects& objects_;
};

}  // namespace hone
