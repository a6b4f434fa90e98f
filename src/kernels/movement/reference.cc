// Transpose, Slice, Expand, Tile and Pad of ONNX, for elements of any size.
#include <algorithm>

#include "kernels/movement/strided.h"

namespace hone {
namespace {

std::string check_transpose(const Problem& p) {
  if (std::string why = check_movement(p, 1, 1); !why.empty()) return why;
  const Ints& perm = std::get<Transpose>(p.op).perm;
  const Shape &in = p.inputs[0].shape, &out = p.outputs[0].shape;
  if (in.size() != out.size() || (!perm.empty() && perm.size() != in.size()))
    return "has a permutation of another rank";
  for (size_t i = 0; i < perm.size(); ++i)
    if (perm[i] < 0 || static_cast<size_t>(perm[i]) >= in.size() ||
        in[static_cast<size_t>(perm[i])] != out[i])
      return "has a permutation that does not give its result's shape";
  return {};
}

void compute_transpose(const Op& op, const RunArgs& args) {
  const Ints& perm = std::get<Transpose>(op).perm;
  const Shape& in = args.inputs[0].desc->shape;
  const Dims own = dense_strides(in);
  Dims strides{};
  for (size_t i = 0; i < in.size(); ++i)
    strides[i] = own[perm.empty() ? in.size() - 1 - i : static_cast<size_t>(perm[i])];
  copy_strided(args.outputs[0], args.inputs[0], 0, strides);
}

std::string check_slice(const Problem& p) {
  if (std::string why = check_movement(p, 3, 5); !why.empty()) return why;
  if (p.inputs[0].shape.size() != p.outputs[0].shape.size()) return "changes the rank";
  return check_indices(p, 1);
}

// The result's shape was inferred from the same starts and steps; indices that still fall outside give zeros.
void compute_slice(const Op&, const RunArgs& args) {
  const TensorArg &x = args.inputs[0], &y = args.outputs[0];
  const Shape &in = x.desc->shape, &out = y.desc->shape;
  Dims strides = dense_strides(in);
  int64_t first = 0;
  bool inside = product(out) > 0;
  for (int64_t i = 0; i < index_count(args, 1); ++i) {
    const size_t axis = normal_axis(index_at(args, 3, i, i), in.size());
    if (axis == in.size()) continue;
    const int64_t step = index_at(args, 4, i, 1), extent = in[axis];
    int64_t start = index_at(args, 1, i, 0);
    if (start < 0) start = start < -extent ? 0 : start + extent;
    start = std::min(start, step < 0 ? extent - 1 : extent);
    const int64_t steps = out[axis] - 1;
    inside = inside && start >= 0 && start < extent && (steps == 0 || std::abs(step) < extent) &&
             start + steps * step >= 0 && start + steps * step < extent;
    first += start * strides[axis];
    strides[axis] *= steps == 0 ? 0 : inside ? step : 0;
  }
  for (size_t i = 0; i < in.size(); ++i) inside = inside && out[i] <= std::max<int64_t>(in[i], 1);
  if (inside) return copy_strided(y, x, first, strides);
  // An empty tensor may have no address.
  if (product(out) > 0)
    std::memset(y.data, 0, static_cast<size_t>(product(out)) * element_size(y.desc->type));
}

std::string check_expand(const Problem& p) {
  if (std::string why = check_movement(p, 1, 2); !why.empty()) return why;
  const Shape &in = p.inputs[0].shape, &out = p.outputs[0].shape;
  if (in.size() > out.size()) return "lowers the rank";
  for (size_t i = 0; i < in.size(); ++i)
    if (in[i] != 1 && in[i] != out[out.size() - in.size() + i])
      return "cannot broadcast " + shape_text(in) + " to " + shape_text(out);
  return {};
}

void compute_expand(const Op&, const RunArgs& args) {
  copy_strided(args.outputs[0], args.inputs[0], 0,
               broadcast_strides(args.inputs[0].desc->shape, args.outputs[0].desc->shape));
}

std::string check_tile(const Problem& p) {
  if (std::string why = check_movement(p, 1, 2); !why.empty()) return why;
  if (p.inputs[0].shape.size() != p.outputs[0].shape.size()) return "changes the rank";
  return product(p.inputs[0].shape) == 0 && product(p.outputs[0].shape) != 0 ? "has nothing to repeat" : "";
}

void compute_tile(const Op&, const RunArgs& args) {
  const TensorArg &x = args.inputs[0], &y = args.outputs[0];
  const Shape& in = x.desc->shape;
  const Dims strides = dense_strides(in);
  int64_t at_output = 0;
  walk<0>(y.desc->shape, {}, [&](const Dims& at, const auto&) {
    int64_t offset = 0;
    for (size_t i = 0; i < in.size(); ++i) offset += at[i] % in[i] * strides[i];
    copy_element(y.data, at_output++, x.data, offset, element_size(y.desc->type));
  });
}

std::string check_pad(const Problem& p) {
  if (std::string why = check_movement(p, 2, 4); !why.empty()) return why;
  if (p.inputs[0].shape.size() != p.outputs[0].shape.size()) return "changes the rank";
  if (is_present(p, 2) && (p.inputs[2].type != p.inputs[0].type || product(p.inputs[2].shape) < 1))
    return "has a value of another type";
  if (p.inputs[1].type != DType::i64 && p.inputs[1].type != DType::i32)
    return "has pads that are no integers";
  return std::get<Pad>(p.op).mode != PadMode::constant && product(p.inputs[0].shape) == 0
             ? "has nothing to repeat"
             : "";
}

// Where a place outside [0, extent) reads; -1: nowhere.
int64_t padded_source(PadMode mode, int64_t place, int64_t extent) {
  if (place >= 0 && place < extent) return place;
  if (extent == 0) return -1;
  switch (mode) {
    case PadMode::edge:
      return place < 0 ? 0 : extent - 1;
    case PadMode::wrap:
      return (place % extent + extent) % extent;
    case PadMode::reflect: {
      const int64_t period = std::max<int64_t>(2 * extent - 2, 1),
                    folded = (place % period + period) % period;
      return folded < extent ? folded : period - folded;
    }
    default:
      return -1;
  }
}

void compute_pad(const Op& op, const RunArgs& args) {
  const PadMode mode = std::get<Pad>(op).mode;
  const TensorArg &x = args.inputs[0], &y = args.outputs[0];
  const Shape& in = x.desc->shape;
  const size_t size = element_size(y.desc->type);
  const Dims strides = dense_strides(in);
  // Negative pads crop first; what is left is padded.
  Dims begin{}, crop{}, left{};
  for (size_t i = 0; i < in.size(); ++i) left[i] = in[i];
  const int64_t half = index_count(args, 1) / 2;
  for (int64_t i = 0; i < half; ++i) {
    const size_t axis = normal_axis(index_at(args, 3, i, i), in.size());
    if (axis == in.size()) continue;
    const int64_t first = index_at(args, 1, i, 0), last = index_at(args, 1, half + i, 0);
    begin[axis] = std::max<int64_t>(first, 0);
    crop[axis] = std::clamp<int64_t>(-first, 0, in[axis]);
    left[axis] = std::max<int64_t>(in[axis] - crop[axis] - std::max<int64_t>(-last, 0), 0);
  }
  const int64_t zero = 0;
  const void* value = args.inputs.size() > 2 && args.inputs[2].data ? args.inputs[2].data : &zero;
  int64_t at_output = 0;
  walk<0>(y.desc->shape, {}, [&](const Dims& at, const auto&) {
    int64_t offset = 0;
    bool inside = true;
    for (size_t i = 0; i < in.size(); ++i) {
      const int64_t source = padded_source(mode, at[i] - begin[i], left[i]);
      inside = inside && source >= 0;
      offset += (crop[i] + source) * strides[i];
    }
    copy_element(y.data, at_output++, inside ? x.data : value, inside ? offset : 0, size);
  });
}

}  // namespace

const Kernel& transpose_reference() {
  static const ReferenceKernel kernel("transpose.reference", Transpose::name, check_transpose,
                                      compute_transpose);
  return kernel;
}
const Kernel& slice_reference() {
  static const ReferenceKernel kernel("slice.reference", Slice::name, check_slice, compute_slice);
  return kernel;
}
const Kernel& expand_reference() {
  static const ReferenceKernel kernel("expand.reference", Expand::name, check_expand, compute_expand);
  return kernel;
}
const Kernel& tile_reference() {
  static const ReferenceKernel kernel("tile.reference", Tile::name, check_tile, compute_tile);
  return kernel;
}
const Kernel& pad_reference() {
  static const ReferenceKernel kernel("pad.reference", Pad::name, check_pad, compute_pad);
  return kernel;
}

}  // namespace hone
