// What a row of modules.inc works with: the module it builds, and the graph it writes.
#pragma once

#include <map>
#include <span>
#include <string>
#include <vector>

#include "import/pt/checkpoint.h"
#include "import/pt/module_tree.h"
#include "ir/graph.h"

namespace hone {

using ValueIds = std::vector<ValueId>;

class ModuleBuilder {
 public:
  ModuleBuilder(Checkpoint& checkpoint, Graph& graph)
      : tree(checkpoint.objects()), graph_(graph), checkpoint_(checkpoint) {}

  const ModuleTree tree;

  // Builds `module` by its row; an unknown one is an error that names its path and class.
  Result<ValueIds> run(const Module& module, std::span<const ValueId> inputs);
  // The same for what takes one value and gives one.
  Result<ValueId> run(const Module& module, ValueId input);
  Result<ValueId> run_child(const Module& module, std::string_view name, ValueId input);

  // Appends a node named "<scope>/<name>"; the values it makes have `channels` channels.
  ValueId add(const Module& module, std::string_view name, Op op, ValueIds inputs, int64_t channels);
  // One value for each of `channels`: slices of x along its channels.
  ValueIds split(const Module& module, ValueId x, std::span<const int64_t> channels);
  ValueId concat(const Module& module, ValueIds inputs);
  Result<ValueId> sum(const Module& module, ValueId a, ValueId b);

  // Extent of axis 1, which every module here knows.
  int64_t channels(ValueId id) const { return channels_.at(id); }
  void set_channels(ValueId id, int64_t channels) { channels_[id] = channels; }

  // A parameter or buffer as a constant in its own type.
  Result<ConstantPtr> tensor(const Module& module, std::string_view name);
  // The same as a value in f32: the constant, widened by a Cast where it is stored in another type.
  Result<ValueId> weight(const Module& module, std::string_view name);
  // A small constant of our own.
  ValueId constant(const Module& module, std::string_view name, ConstantPtr value);

 private:
  Result<> check_plain(const Module& module) const;

  Graph& graph_;
  Checkpoint& checkpoint_;
  std::map<ValueId, int64_t> channels_;
  std::map<ObjectId, ValueId> weights_;  // in f32, by tensor
  size_t depth_ = 0, run_count_ = 0;
};

// "Conv" for Ultralytics' (in every version's place) and YOLOv5's classes, "nn.Conv2d" for torch's; else the
// path.
std::string module_kind(std::string_view class_path);

// A row of modules.inc.
using ModuleFunction = Result<ValueIds> (*)(ModuleBuilder& b, const Module& module,
                                            std::span<const ValueId> inputs);
struct ModuleRow {
  std::string_view kind;
  ModuleFunction function;
};
const ModuleRow* find_module_row(std::string_view kind);

}  // namespace hone
