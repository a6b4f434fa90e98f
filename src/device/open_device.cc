#include <fmt/format.h>

#include <charconv>
#include <string_view>

#include "device/cuda/cuda_device.h"
#include "device/device.h"

namespace hone {

Result<std::shared_ptr<Device>> open_device(const std::string& name, size_t thread_count) {
  if (name == "cpu") return make_cpu_device(thread_count);
  if (name == "null") return make_null_device();
  std::string_view rest = name;
  if (rest.starts_with("cuda")) {
    rest.remove_prefix(4);
    size_t ordinal = 0;
    if (rest.empty()) return open_cuda_device(0);
    if (rest.front() == ':') {
      rest.remove_prefix(1);
      const auto [end, failure] = std::from_chars(rest.data(), rest.data() + rest.size(), ordinal);
      if (failure == std::errc() && end == rest.data() + rest.size()) return open_cuda_device(ordinal);
    }
  }
  return error(StatusCode::invalid_argument,
               fmt::format("device \"{}\" is unknown; cpu, null and cuda:0, cuda:1, … are devices", name));
}

}  // namespace hone
