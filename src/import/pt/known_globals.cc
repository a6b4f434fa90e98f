#include "import/pt/known_globals.h"

#include <algorithm>
#include <array>

namespace hone {
namespace {

struct Row {
  std::string_view path;
  GlobalRole role;
  DType type = DType::f32;
};

constexpr Row kExact[] = {
    {"collections.OrderedDict", GlobalRole::dict},
    {"collections.defaultdict", GlobalRole::dict},
    {"collections.Counter", GlobalRole::dict},
    {"collections.deque", GlobalRole::list},
    {"__builtin__.dict", GlobalRole::dict},
    {"__builtin__.list", GlobalRole::list},
    {"__builtin__.set", GlobalRole::set},
    {"__builtin__.frozenset", GlobalRole::set},
    {"__builtin__.getattr", GlobalRole::inert},  // a bound method: getattr(module, "forward_fuse")
    {"builtins.dict", GlobalRole::dict},
    {"builtins.list", GlobalRole::list},
    {"builtins.set", GlobalRole::set},
    {"builtins.frozenset", GlobalRole::set},
    {"builtins.getattr", GlobalRole::inert},
    {"_codecs.encode", GlobalRole::encode},
    {"numpy.dtype", GlobalRole::inert},
    {"numpy.core.multiarray.scalar", GlobalRole::numpy_scalar},
    {"numpy._core.multiarray.scalar", GlobalRole::numpy_scalar},
    {"numpy.ndarray", GlobalRole::inert},
    {"numpy.core.multiarray._reconstruct", GlobalRole::inert},
    {"numpy._core.multiarray._reconstruct", GlobalRole::inert},
    {"pathlib.PosixPath", GlobalRole::inert},
    {"pathlib.WindowsPath", GlobalRole::inert},
    {"pathlib.PurePosixPath", GlobalRole::inert},
    {"pathlib.Path", GlobalRole::inert},
    {"pathlib._local.PosixPath", GlobalRole::inert},
    {"pathlib._local.WindowsPath", GlobalRole::inert},
    {"types.SimpleNamespace", GlobalRole::inert},
    {"argparse.Namespace", GlobalRole::inert},
    {"torch.Size", GlobalRole::tuple},
    {"torch.device", GlobalRole::inert},
    {"torch._utils._rebuild_tensor", GlobalRole::rebuild_tensor},
    {"torch._utils._rebuild_tensor_v2", GlobalRole::rebuild_tensor},
    {"torch._utils._rebuild_parameter", GlobalRole::rebuild_parameter},
    {"torch._utils._rebuild_parameter_with_state", GlobalRole::rebuild_parameter},
    {"torch._tensor._rebuild_from_type_v2", GlobalRole::rebuild_typed_tensor},
    {"torch.Tensor", GlobalRole::value},
    {"torch._tensor.Tensor", GlobalRole::value},
    {"torch.nn.parameter.Parameter", GlobalRole::value},
    {"torch.FloatStorage", GlobalRole::storage, DType::f32},
    {"torch.HalfStorage", GlobalRole::storage, DType::f16},
    {"torch.BFloat16Storage", GlobalRole::storage, DType::bf16},
    {"torch.DoubleStorage", GlobalRole::storage, DType::f64},
    {"torch.LongStorage", GlobalRole::storage, DType::i64},
    {"torch.IntStorage", GlobalRole::storage, DType::i32},
    {"torch.ShortStorage", GlobalRole::storage, DType::i16},
    {"torch.CharStorage", GlobalRole::storage, DType::i8},
    {"torch.ByteStorage", GlobalRole::storage, DType::u8},
    {"torch.BoolStorage", GlobalRole::storage, DType::boolean},
    {"torch.float32", GlobalRole::value},
    {"torch.float16", GlobalRole::value},
    {"torch.bfloat16", GlobalRole::value},
    {"torch.float64", GlobalRole::value},
    {"torch.int64", GlobalRole::value},
    {"torch.int32", GlobalRole::value},
    {"torch.int16", GlobalRole::value},
    {"torch.int8", GlobalRole::value},
    {"torch.uint8", GlobalRole::value},
    {"torch.bool", GlobalRole::value},
};

// Modules whose classes are kept as inert objects, whatever they are: the module table decides what hone can
// build.
constexpr std::string_view kInertModules[] = {
    "torch.nn",
    "torch.optim",
    "torch.amp",
    "torch.cuda.amp",
    "ultralytics",
    "models.common",
    "models.yolo",
    "models.experimental",
    "torchvision.models",
    "torchvision.ops",
    "torchvision.transforms",
};

bool is_identifier(std::string_view name) {
  const auto letter = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  };
  return !name.empty() && std::all_of(name.begin(), name.end(), letter);
}

bool joins_to(std::string_view path, std::string_view module, std::string_view name) {
  return path.size() == module.size() + 1 + name.size() && path.starts_with(module) &&
         path[module.size()] == '.' && path.ends_with(name);
}

bool is_inside(std::string_view module, std::string_view package) {
  return module.starts_with(package) && (module.size() == package.size() || module[package.size()] == '.');
}

}  // namespace

std::optional<KnownGlobal> find_known_global(std::string_view module, std::string_view name) {
  // Protocol 4 resolves dots in a name attribute by attribute ("os.system" of ultralytics.utils): such names
  // are out.
  if (!is_identifier(name)) return std::nullopt;
  for (const Row& row : kExact)
    if (joins_to(row.path, module, name)) return KnownGlobal{row.role, row.type};
  for (std::string_view package : kInertModules)
    if (is_inside(module, package)) return KnownGlobal{GlobalRole::inert, DType::f32};
  return std::nullopt;
}

}  // namespace hone
