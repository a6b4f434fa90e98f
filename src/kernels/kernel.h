// The contract of a kernel: a row in kernels.inc.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "base/thread_pool.h"
#include "device/cuda/program.h"
#include "device/device.h"
#include "ir/constant.h"
#include "ir/op.h"
#include "ir/tensor_desc.h"

namespace hone {

// What is to be computed. Descs carry the layouts that the plan wants; an absent optional input has a desc
// without shape. constants[i] is set where input i is fixed (it may be lazy: only pack() should ask for large
// bytes).
struct Problem {
  const Op& op;
  std::span<const TensorDesc> inputs;
  std::span<const TensorDesc> outputs;
  std::span<const ConstantPtr> constants;
  size_t thread_count = 1;
  Device* device = nullptr;  // where it will run; null: the CPU
};

struct Verdict {
  bool legal = false;
  std::string reason;          // why not, in words: "needs AVX2", "channels 3 are no multiple of 8"
  size_t workspace_bytes = 0;  // 64-byte aligned scratch that run() gets, contents undefined
  double estimated_ms = 0;     // cost model; 0: unknown
  bool in_place = false;       // output 0 may lie on input 0 (same bytes)
  bool image_stride = false;   // honours TensorArg::image_stride, so that it can work on slices of a concat
  size_t slice_alignment = 1;  // bytes: of a slice's address and of its stride; image_stride kernels only

  static Verdict no(std::string why) { return {.legal = false, .reason = std::move(why)}; }
};

// The layouts of all inputs and outputs that a kernel can take together. Constants the kernel packs are
// `plain` here.
struct LayoutSignature {
  std::vector<Layout> inputs, outputs;
};

// One tensor at run time. `image_stride` is the distance in elements between two indices of dimension 0;
// within an image the elements are dense in the desc's layout. It equals the dense distance unless the tensor
// is a channel slice. In `nhwc` it is the distance between two pixels instead: the channels of the tensor, or
// of the whole that the tensor is a channel slice of; pixels, rows and images follow one another at that
// distance.
struct TensorArg {
  void* data = nullptr;  // 64-byte aligned for dense tensors; null for an absent input
  const TensorDesc* desc = nullptr;
  int64_t image_stride = 0;
};

struct RunArgs {
  std::span<const TensorArg> inputs;  // packed constants have data == null
  std::span<const TensorArg> outputs;
  std::byte* workspace = nullptr;
  ThreadPool* threads = nullptr;  // CPU kernels
  void* stream = nullptr;         // CUDA kernels: CUstream; run() enqueues launches on it and nothing else
};

// A prepared kernel: everything that can be done ahead is done. run() allocates nothing and cannot fail. One
// thread at a time may run it (a context owns its runners).
class Runner {
 public:
  virtual ~Runner() = default;
  virtual void run(const RunArgs& args) noexcept = 0;
};

class Kernel {
 public:
  virtual ~Kernel() = default;
  virtual std::string_view name() const = 0;  // "conv.cpu.direct_avx2": operator, device, how
  virtual int version() const {
    return 1;
  }  // raised when timings or packed weights of older versions are void
  virtual std::string_view op() const = 0;  // Op's name, e.g. Conv::name
  virtual DeviceKind device() const { return DeviceKind::cpu; }
  virtual bool is_reference() const { return false; }

  // Layout combinations worth trying for this node, best first; never empty for a kernel that could be legal.
  // The default: everything plain.
  virtual std::vector<LayoutSignature> signatures(const Op& op, std::span<const TensorDesc> inputs,
                                                  std::span<const TensorDesc> outputs) const;
  virtual Verdict may_i(const Problem& problem) const = 0;
  // Names the packed form of the problem's constants, e.g. "oihw8i8o"; empty: the kernel reads constants as
  // they are. Depends on no extent of batch, height or width wherever possible, so that plans share the
  // bytes.
  virtual std::string packing(const Problem&) const { return {}; }
  // Which inputs packing covers: their bytes are not handed to run().
  virtual std::vector<size_t> packed_inputs(const Problem&) const { return {}; }
  virtual Result<std::vector<std::byte>> pack(const Problem&) const { return std::vector<std::byte>{}; }
  // What prepare() will load onto the GPU, so that a builder can compile ahead, in parallel, for any target.
  virtual Result<std::vector<cuda::Program>> programs(const Problem&) const {
    return std::vector<cuda::Program>{};
  }
  // `packed` (64-byte aligned; in the device's memory) outlives the runner.
  virtual Result<std::unique_ptr<Runner>> prepare(const Problem& problem,
                                                  std::span<const std::byte> packed) const = 0;
};

// Every row of kernels.inc, references first.
std::span<const Kernel* const> all_kernels();
// Rows for an operator on a device. The reference comes last.
std::vector<const Kernel*> kernels_for(std::string_view op, DeviceKind device);
const Kernel* find_kernel(std::string_view name);

// Computes one op with its reference kernel, everything plain: constant folding and tests.
Result<std::vector<Bytes>> run_reference(const Op& op, std::span<const TensorDesc> inputs,
                                         std::span<const Bytes> data, std::span<const TensorDesc> outputs);

// Dense distance in elements between two images of a desc; in `nhwc` between two pixels.
int64_t dense_image_stride(const TensorDesc& desc);
// What lies at distances of image_stride: images; in `nhwc` the pixels of all images. 1 for scalars.
int64_t image_count(const TensorDesc& desc);
// Elements between two indices of dimension 0.
int64_t image_distance(const TensorArg& arg);

}  // namespace hone
