// An ONNX file, taken apart: the message without its weights, and the weights where they lie in the file.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "hone/status.h"

namespace hone {

namespace onnx_proto {
class Model;
class Tensor;
}  // namespace onnx_proto

struct StoredTensor {
  std::unique_ptr<onnx_proto::Tensor> header;     // all but raw_data
  std::optional<std::span<const std::byte>> raw;  // raw_data, in the file's own bytes

  StoredTensor();
  StoredTensor(StoredTensor&&) noexcept;
  ~StoredTensor();
};

struct ModelFile {
  std::unique_ptr<onnx_proto::Model> model;  // its graph has no initializers
  std::vector<StoredTensor> initializers;

  ModelFile();
  ModelFile(ModelFile&&) noexcept;
  ~ModelFile();
};

// Bytes must outlive what is returned. Protobuf would copy every weight; so the three outer messages are
// walked by hand and everything but raw_data is given to it.
Result<ModelFile> take_apart(std::span<const std::byte> bytes);

}  // namespace hone
