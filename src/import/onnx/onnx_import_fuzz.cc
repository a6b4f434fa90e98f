// Any bytes end in an error or in a verified graph.
#include <cstdint>
#include <cstdlib>

#include "import/onnx/onnx_import.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  const auto graph = hone::import_onnx(bytes, nullptr, {});
  if (graph && !hone::verify(*graph)) std::abort();
  return 0;
}
