// The same values in another layout: Unary identity whose input and output differ in layout alone (or in
// nothing).
#include <cstring>

#include "kernels/movement/copy.h"

namespace hone {
namespace {

constexpr Layout kLayouts[] = {Layout::plain, Layout::nhwc, Layout::nchw8c, Layout::nchw16c};

Verdict check(const Problem& p) {
  if (p.inputs.size() != 1 || p.outputs.size() != 1) return Verdict::no("takes one input");
  if (!std::get<Unary>(p.op).function.is_identity())
    return Verdict::no("changes no values, only their order");
  const TensorDesc &x = p.inputs[0], &y = p.outputs[0];
  if (x.type != y.type || x.shape != y.shape)
    return Verdict::no("wants input and output of one type and shape");
  return yes_to(p, {.in_place = x.layout == y.layout});
}

// Distances between groups of 16 channels, groups of 8, channels, and pixels.
struct ChannelSteps {
  int64_t sixteen, eight, one, pixel;
  int64_t offset(int64_t channel) const {
    return channel / 16 * sixteen + channel % 16 / 8 * eight + channel % 8 * one;
  }
};
ChannelSteps channel_steps(const TensorArg& arg) {
  const TensorDesc& desc = *arg.desc;
  const int64_t pixels = desc.shape[2] * desc.shape[3];
  switch (desc.layout) {
    case Layout::nhwc:
      return {16, 8, 1, arg.image_stride};
    case Layout::nchw8c:
      return {16 * pixels, 8 * pixels, 1, 8};
    case Layout::nchw16c:
      return {16 * pixels, 8, 1, 16};
    default:
      return {16 * pixels, 8 * pixels, pixels, 1};
  }
}

void compute(const Op&, const RunArgs& args) {
  const TensorArg &x = args.inputs[0], &y = args.outputs[0];
  const size_t size = dtype_bits(x.desc->type) / 8;
  if (x.desc->layout == y.desc->layout) {
    if (x.data == y.data && x.image_stride == y.image_stride) return;
    const LayoutView to = view_of(y), from = view_of(x);
    return copy_strided(copy_loop(to.shape, to.stride, from.stride), size, y.data, x.data, *args.threads);
  }
  const Shape& shape = x.desc->shape;
  const ChannelSteps to = channel_steps(y), from = channel_steps(x);
  const int64_t pixels = shape[2] * shape[3];
  // Channels from `first` on, as groups of 16, then of 8, then one by one.
  const auto copy = [&](int64_t first, int64_t sixteens, int64_t eights, int64_t ones) {
    if (sixteens * eights * ones == 0) return;
    StridedLoop<2> loop;
    loop.add_axis(shape[0], {image_distance(y), image_distance(x)});
    loop.add_axis(sixteens, {to.sixteen, from.sixteen});
    loop.add_axis(eights, {to.eight, from.eight});
    loop.add_axis(pixels, {to.pixel, from.pixel});
    loop.add_axis(ones, {to.one, from.one});
    copy_strided(loop, size, element_address(y, to.offset(first)), element_address(x, from.offset(first)),
                 *args.threads);
  };
  const int64_t channels = shape[1], sixteens = channels / 16, eights = channels % 16 / 8,
                ones = channels % 8;
  copy(0, sixteens, 2, 8);
  copy(sixteens * 16, 1, eights, 8);
  copy(sixteens * 16 + eights * 8, 1, 1, ones);
  zero_channel_padding(y);
}

std::vector<LayoutSignature> layouts(const Op& op, std::span<const TensorDesc> inputs,
                                     std::span<const TensorDesc>) {
  std::vector<LayoutSignature> all = {{.inputs = {Layout::plain}, .outputs = {Layout::plain}}};
  if (inputs.size() != 1 || inputs[0].shape.size() != 4 || !std::get<Unary>(op).function.is_identity())
    return all;
  for (const Layout from : kLayouts)
    for (const Layout to : kLayouts)
      if (from != Layout::plain || to != Layout::plain) all.push_back({.inputs = {from}, .outputs = {to}});
  return all;
}

}  // namespace

const Kernel& reorder_cpu() {
  static const CpuKernel kernel("reorder.cpu", Unary::name, check, compute, layouts);
  return kernel;
}

}  // namespace hone
