#include "import/pt/module_builder.h"

#include <fmt/format.h>

#include <algorithm>

#include "import/pt/shown_text.h"

namespace hone {
namespace {

// Networks of some hundred layers run some thousand modules, ten deep.
constexpr size_t kMaxRuns = 20'000, kMaxDepth = 48;

}  // namespace

std::string module_kind(std::string_view path) {
  const size_t dot = path.rfind('.');
  const std::string_view name = path.substr(dot == std::string_view::npos ? 0 : dot + 1);
  const std::string_view package = path.substr(0, path.size() - name.size());
  if (package.starts_with("torch.nn.modules.")) return fmt::format("nn.{}", name);
  // ultralytics.nn.modules.Conv until 8.0.60, ultralytics.nn.modules.conv.Conv since; YOLOv5's repository
  if (package.starts_with("ultralytics.nn.modules.") || package == "models.common.") return std::string(name);
  return std::string(path);
}

// Hooks and replaced forwards would change what a module computes.
Result<> ModuleBuilder::check_plain(const Module& module) const {
  for (const char* hooks : {"_forward_hooks", "_forward_pre_hooks"}) {
    const std::optional<ObjectId> dict = tree.attribute(module, hooks);
    if (dict && !tree.objects()[*dict].items.empty())
      return error(StatusCode::unsupported,
                   fmt::format("{}: it has {}, code that hone does not run", module.path, hooks));
  }
  const std::optional<ObjectId> forward = tree.attribute(module, "forward");
  if (!forward) return {};
  const PickleObjects& objects = tree.objects();
  const std::string_view caller = objects.class_path(*forward);
  if (caller == "__builtin__.getattr" || caller == "builtins.getattr") {
    const std::vector<ObjectId>& arguments = objects[objects[*forward].items[1]].items;
    if (arguments.size() == 2 && arguments[0] == module.id && objects.is(arguments[1], ObjectKind::text)) {
      const std::string_view name = objects[arguments[1]].text;
      if (name == "forward" || name == "forward_fuse" || name == "forward_split") return {};
    }
  }
  return error(StatusCode::unsupported,
               fmt::format("{}: its forward is replaced by another function", module.path));
}

Result<ValueIds> ModuleBuilder::run(const Module& module, std::span<const ValueId> inputs) {
  const std::string_view path = tree.class_path(module);
  const ModuleRow* row = find_module_row(module_kind(path));
  if (!row)
    return error(StatusCode::unsupported, fmt::format("{}: unknown module {}", module.path, shown(path)));
  HONE_TRY(check_plain(module));
  if (++run_count_ > kMaxRuns)
    return error(StatusCode::resource,
                 fmt::format("{}: the network runs more than {} modules", module.path, kMaxRuns));
  if (depth_ >= kMaxDepth)
    return error(StatusCode::resource, fmt::format("modules are nested more than {} deep", kMaxDepth));
  ++depth_;
  Result<ValueIds> outputs = row->function(*this, module, inputs);
  --depth_;
  return outputs;
}

Result<ValueId> ModuleBuilder::run(const Module& module, ValueId input) {
  HONE_ASSIGN(const ValueIds outputs, run(module, std::span(&input, 1)));
  if (outputs.size() != 1)
    return ModuleTree::bad(module, fmt::format("it gives {} values where one is wanted", outputs.size()));
  return outputs[0];
}

Result<ValueId> ModuleBuilder::run_child(const Module& module, std::string_view name, ValueId input) {
  HONE_ASSIGN(const Module child, tree.child(module, name));
  return run(child, input);
}

ValueId ModuleBuilder::add(const Module& module, std::string_view name, Op op, ValueIds inputs,
                           int64_t channels) {
  const ValueId id = graph_.add(fmt::format("{}/{}", module.scope, name), std::move(op), std::move(inputs));
  set_channels(id, channels);
  return id;
}

ValueIds ModuleBuilder::split(const Module& module, ValueId x, std::span<const int64_t> sizes) {
  const ValueId split_sizes = constant(module, "Split/sizes", Constant::ints(sizes));
  const size_t node = graph_.add_node(fmt::format("{}/Split", module.scope), Split{.axis = 1},
                                      {x, split_sizes}, sizes.size());
  const ValueIds parts = graph_.nodes[node].outputs;
  for (size_t i = 0; i < parts.size(); ++i) set_channels(parts[i], sizes[i]);
  return parts;
}

ValueId ModuleBuilder::concat(const Module& module, ValueIds inputs) {
  int64_t total = 0;
  for (ValueId id : inputs)
    total = std::min(total + channels(id), kMaxElements);  // more fits no weight anyway
  return add(module, "Concat", Concat{.axis = 1}, std::move(inputs), total);
}

Result<ValueId> ModuleBuilder::sum(const Module& module, ValueId a, ValueId b) {
  if (channels(a) != channels(b))
    return ModuleTree::bad(module, fmt::format("it adds {} channels to {}", channels(b), channels(a)));
  return add(module, "Add", Binary{.kind = BinaryKind::add}, {a, b}, channels(a));
}

Result<ConstantPtr> ModuleBuilder::tensor(const Module& module, std::string_view name) {
  const std::optional<ObjectId> id = tree.find_tensor(module, name);
  if (!id) return ModuleTree::bad(module, fmt::format("it has no tensor '{}'", name));
  Result<ConstantPtr> constant = checkpoint_.read_tensor(*id);
  if (!constant) return error_in(fmt::format("{}.{}", module.path, name), constant);
  return constant;
}

Result<ValueId> ModuleBuilder::weight(const Module& module, std::string_view name) {
  const std::optional<ObjectId> id = tree.find_tensor(module, name);
  if (id)
    if (const auto known = weights_.find(*id); known != weights_.end()) return known->second;
  HONE_ASSIGN(ConstantPtr value, tensor(module, name));
  const std::string path = fmt::format("{}.{}", module.path, name);
  const TensorDesc desc = value->desc();
  if (!is_floating(desc.type))
    return ModuleTree::bad(module, fmt::format("its '{}' holds {}, not floats", name, dtype_name(desc.type)));
  ValueId made = graph_.add_constant(path, std::move(value));
  if (desc.type != DType::f32) {
    made = graph_.add(path + "/Cast", Cast{.to = DType::f32}, {made});
    graph_.value(made).desc = TensorDesc(DType::f32, desc.shape);
  }
  weights_.emplace(*id, made);
  return made;
}

ValueId ModuleBuilder::constant(const Module& module, std::string_view name, ConstantPtr value) {
  return graph_.add_constant(fmt::format("{}/{}", module.scope, name), std::move(value));
}

}  // namespace hone
