// ONNX tensors become Constants.
#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "base/file.h"
#include "ir/constant.h"

namespace hone {

namespace onnx_proto {
class Tensor;
}

class TensorReader {
 public:
  // `owner` keeps the bytes of the file alive. External data is looked for in `folder` and below it.
  TensorReader(std::shared_ptr<const void> owner, std::filesystem::path folder)
      : owner_(std::move(owner)), folder_(std::move(folder)) {}

  // `raw` is the tensor's raw_data where it was left in the file: a view of it where it is aligned for the
  // type, else a copy. Sizes must be those that the shape asks for; nothing is allocated before that is
  // known.
  Result<ConstantPtr> read(const onnx_proto::Tensor& tensor,
                           std::optional<std::span<const std::byte>> raw = {});

 private:
  Result<Bytes> external_bytes(const onnx_proto::Tensor& tensor, size_t wanted_bytes);
  Result<std::shared_ptr<const MappedFile>> open_external(const std::string& location);

  std::shared_ptr<const void> owner_;
  std::filesystem::path folder_;
  std::map<std::string, std::shared_ptr<const MappedFile>> files_;
};

}  // namespace hone
