// The names that a checkpoint's pickle may refer to. Nothing else is accepted, and nothing is ever run.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "hone/types.h"

namespace hone {

// What a reference means when the pickle calls it.
enum class GlobalRole : uint8_t {
  unknown,
  inert,  // a class or function that becomes an object with arguments and state
  dict,   // OrderedDict, defaultdict, Counter
  list,
  set,
  tuple,   // torch.Size
  encode,  // _codecs.encode: how protocol 2 writes bytes
  numpy_scalar,
  storage,               // torch.HalfStorage and its like
  rebuild_tensor,        // (storage, offset, size, strides, …)
  rebuild_parameter,     // (tensor, …): the tensor itself
  rebuild_typed_tensor,  // (rebuild_tensor, class, arguments, state)
  value,                 // a name that is never called: torch.float16
};

struct KnownGlobal {
  GlobalRole role = GlobalRole::unknown;
  DType storage_type = DType::f32;
};

// nullopt: not on the list. `module` and `name` as the pickle spells them ("torch.nn.modules.conv",
// "Conv2d").
std::optional<KnownGlobal> find_known_global(std::string_view module, std::string_view name);

}  // namespace hone
