// What CUDA rows share: source text and types by name, and a row made of a check, its programs and a function
// that enqueues their launches.
#pragma once

#include <initializer_list>
#include <string>
#include <string_view>
#include <vector>

#include "device/cuda/cuda_device.h"
#include "kernels/kernel.h"

namespace hone {

// One call of a row: its programs are loaded, in the order of `programs`.
struct CudaCall {
  const Op& op;
  const RunArgs& args;
  std::span<const std::byte> packed;  // on the device
  std::span<const cuda::Function> functions;
  CudaDevice& device;
  // The inputs again, with host addresses where an input is a small constant and null elsewhere: axes,
  // starts, scales and their like are read there.
  std::span<const TensorArg> host = {};

  // `params` is the kernel's one parameter, a struct that its source declares alike.
  template <class Params>
  void launch(size_t program, const cuda::LaunchShape& shape, const Params& params) const {
    // The device keeps an error until the enqueuing is done.
    (void)device.launch(functions[program], shape, static_cast<cuda::Stream>(args.stream), &params,
                        sizeof(params));
  }
};

// A CUDA row without packed weights; rows that pack derive from it.
class CudaKernel : public Kernel {
 public:
  using Check = Verdict (*)(const Problem& problem);
  using Programs = std::vector<cuda::Program> (*)(const Problem& problem);
  using Enqueue = void (*)(const CudaCall& call);
  using Signatures = std::vector<LayoutSignature> (*)(const Op& op, std::span<const TensorDesc> inputs,
                                                      std::span<const TensorDesc> outputs);

  // Without `layouts`: everything plain.
  CudaKernel(std::string name, const char* op, Check check, Programs made_of, Enqueue enqueue,
             Signatures layouts = nullptr)
      : name_(std::move(name)),
        op_(op),
        check_(check),
        programs_(made_of),
        enqueue_(enqueue),
        signatures_(layouts) {}
  std::string_view name() const override { return name_; }
  std::string_view op() const override { return op_; }
  DeviceKind device() const override { return DeviceKind::cuda; }
  std::vector<LayoutSignature> signatures(const Op& op, std::span<const TensorDesc> inputs,
                                          std::span<const TensorDesc> outputs) const override;
  // Asks `check` once there is a GPU, descs are concrete, of whole bytes, plain or nhwc, and of fewer than
  // 2^31 elements.
  Verdict may_i(const Problem& problem) const override;
  Result<std::vector<cuda::Program>> programs(const Problem& problem) const override;
  Result<std::unique_ptr<Runner>> prepare(const Problem& problem,
                                          std::span<const std::byte> packed) const override;

 private:
  bool is_carried(const Problem& problem) const;

  std::string name_;
  const char* op_;
  Check check_;
  Programs programs_;
  Enqueue enqueue_;
  Signatures signatures_;
};

// Parts of source one behind the other, each starting its line numbers anew.
std::string cuda_source(std::initializer_list<std::string_view> parts);
// "half_t", "float", …: the type's name in types.cuh; empty for types that have none.
std::string_view cuda_type(DType type);
// "-DNAME=value"
std::string define(std::string_view name, int64_t value);
std::string define(std::string_view name, std::string_view value);
// -DACTIVATION=n, and -DFAST_ACTIVATION=1 where the result has 16 bits.
std::vector<std::string> activation_options(const Activation& activation, DType result);

// Milliseconds of a launch that moves these bytes and no more: the estimate of rows bound by memory.
double moving_ms(const Problem& problem, double bytes);
// The same for every operand once.
double moving_ms(const Problem& problem);

// Outputs and all inputs of rank 4 that are not constant share a layout: nhwc first, then plain. Operands of
// another rank are plain.
std::vector<LayoutSignature> gpu_layouts(std::span<const TensorDesc> inputs,
                                         std::span<const TensorDesc> outputs);

// A tensor as [images, channels, pixels] with a distance for each, whatever its layout: rank 4 as it is, any
// other rank as images of one channel.
struct GpuTensor {
  void* data = nullptr;
  int64_t image = 0, channel = 0, pixel = 0;  // elements
};
GpuTensor gpu_tensor(const TensorArg& arg);
struct GpuExtents {
  int images = 1, channels = 1, pixels = 1;
};
GpuExtents gpu_extents(const TensorDesc& desc);

// A grid of blocks of `threads` that covers `items`, no larger than `most_blocks`.
cuda::LaunchShape linear_launch(int64_t items, unsigned threads = 256, unsigned most_blocks = 65535 * 16);

}  // namespace hone
