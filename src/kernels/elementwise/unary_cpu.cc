// Activations of f32 in any layout: the elements of an image in the order of memory.
#include "kernels/cpu_kernel.h"
#include "kernels/simd/loops.h"

namespace hone {
namespace {

constexpr int64_t kGrain = 8 << 10;  // elements that are worth a thread

Verdict check(const Problem& p) {
  const Activation& f = std::get<Unary>(p.op).function;
  if (p.inputs.size() != 1 || p.outputs.size() != 1) return Verdict::no("takes one input");
  if (p.inputs[0] != p.outputs[0]) return Verdict::no("wants input and output of one type, shape and layout");
  if (!is_f32(p)) return Verdict::no("takes f32");
  if (!has_unary_loop(f.kind)) return Verdict::no("has no vector form of " + std::string(unary_name(f.kind)));
  return yes_to(p, {.in_place = true});
}

void compute(const Op& op, const RunArgs& args) {
  const Activation& f = std::get<Unary>(op).function;
  const TensorArg &x = args.inputs[0], &y = args.outputs[0];
  const auto* source = static_cast<const float*>(x.data);
  auto* target = static_cast<float*>(y.data);
  const auto run = [&](int64_t from, int64_t to, int64_t count) {
    parallel_ranges(*args.threads, count, kGrain, [&](int64_t begin, int64_t end) {
      loops().unary(f, source + from + begin, target + to + begin, end - begin);
    });
  };
  const int64_t dense = dense_image_stride(*x.desc), images = image_count(*x.desc);
  if (x.image_stride == dense && y.image_stride == dense)
    run(0, 0, images * dense);
  else
    for (int64_t n = 0; n < images; ++n) run(n * x.image_stride, n * y.image_stride, dense);
  zero_channel_padding(y);
}

std::vector<LayoutSignature> layouts(const Op&, std::span<const TensorDesc> inputs,
                                     std::span<const TensorDesc> outputs) {
  return shared_layouts(inputs, outputs);
}

}  // namespace

const Kernel& unary_cpu() {
  static const CpuKernel kernel("unary.cpu", Unary::name, check, compute, layouts);
  return kernel;
}

}  // namespace hone
