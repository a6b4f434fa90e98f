// ultralytics.nn.modules.block: attention over the pixels of a small map (YOLO10 and 11).
#include <fmt/format.h>

#include <cmath>

#include "import/pt/modules.h"

namespace hone::modules {

// qkv maps to heads of q [key_dim], k [key_dim], v [head_dim] a pixel; out = v softmax(q' k scale)' + pe(v).
Result<ValueIds> attention(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  HONE_ASSIGN(const int64_t heads, b.tree.integer(module, "num_heads"));
  HONE_ASSIGN(const int64_t head_dim, b.tree.integer(module, "head_dim"));
  HONE_ASSIGN(const int64_t key_dim, b.tree.integer(module, "key_dim"));
  HONE_ASSIGN(const double scale, b.tree.real(module, "scale"));
  HONE_ASSIGN(const ValueId qkv, b.run_child(module, "qkv", x));
  const int64_t channels = b.channels(x), of_head = 2 * key_dim + head_dim;
  if (heads < 1 || head_dim < 1 || key_dim < 1 || heads * head_dim != channels ||
      heads * of_head != b.channels(qkv))
    return ModuleTree::bad(module, fmt::format("{} heads of {} and {} do not make its {} channels", heads,
                                               key_dim, head_dim, channels));
  const auto constant = [&](std::string_view name, Ints values) {
    return b.constant(module, name, Constant::ints(values));
  };
  // [N, heads, of_head, pixels]; 0 keeps the batch, -1 takes the pixels
  const ValueId by_head =
      b.add(module, "Reshape", Reshape{}, {qkv, constant("Reshape/shape", {0, heads, of_head, -1})}, heads);
  const auto slice = [&](std::string_view name, int64_t begin, int64_t end) {
    const std::string prefix = std::string(name) + "/";
    return b.add(module, name, Slice{},
                 {by_head, constant(prefix + "starts", {begin}), constant(prefix + "ends", {end}),
                  constant(prefix + "axes", {2})},
                 heads);
  };
  const ValueId q = slice("Slice_q", 0, key_dim), k = slice("Slice_k", key_dim, 2 * key_dim);
  const ValueId v = slice("Slice_v", 2 * key_dim, of_head);

  const ValueId queries = b.add(module, "Transpose", Transpose{.perm = {0, 1, 3, 2}}, {q}, heads);
  const ValueId products = b.add(module, "MatMul", MatMul{}, {queries, k}, heads);
  const float factor[] = {static_cast<float>(scale)};
  const ValueId by = b.constant(module, "Mul/scale", Constant::floats({1}, factor));
  const ValueId scaled = b.add(module, "Mul", Binary{.kind = BinaryKind::mul}, {products, by}, heads);
  const ValueId weights = b.add(module, "Softmax", Softmax{.axis = -1}, {scaled}, heads);
  const ValueId turned = b.add(module, "Transpose_1", Transpose{.perm = {0, 1, 3, 2}}, {weights}, heads);
  const ValueId mixed = b.add(module, "MatMul_1", MatMul{}, {v, turned}, heads);

  const ValueId shape = b.add(module, "Shape", ShapeOf{}, {x}, 1);
  const ValueId as_map = b.add(module, "Reshape_1", Reshape{}, {mixed, shape}, channels);
  const ValueId values = b.add(module, "Reshape_2", Reshape{}, {v, shape}, channels);
  HONE_ASSIGN(const ValueId position, b.run_child(module, "pe", values));
  HONE_ASSIGN(const ValueId sum, b.sum(module, as_map, position));
  HONE_ASSIGN(const ValueId out, b.run_child(module, "proj", sum));
  return ValueIds{out};
}

namespace {

// x, then attention and a feed-forward part, each added to what it reads if `adds`.
Result<ValueId> attend(ModuleBuilder& b, const Module& module, ValueId x, bool adds) {
  for (const char* part : {"attn", "ffn"}) {
    HONE_ASSIGN(ValueId next, b.run_child(module, part, x));
    if (adds) {
      HONE_ASSIGN(next, b.sum(module, x, next));
    }
    x = next;
  }
  return x;
}

// The two parts of cv1(x), c channels each.
Result<ValueIds> parts_of_c(ModuleBuilder& b, const Module& module, ValueId x) {
  HONE_ASSIGN(const ValueId y, b.run_child(module, "cv1", x));
  HONE_ASSIGN(const int64_t c, b.tree.integer(module, "c"));
  if (c < 1 || 2 * c != b.channels(y))
    return ModuleTree::bad(module, fmt::format("it splits {} channels at {}", b.channels(y), c));
  const int64_t sizes[] = {c, c};
  return b.split(module, y, sizes);
}

}  // namespace

Result<ValueIds> psa_block(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  HONE_ASSIGN(const bool adds, b.tree.flag(module, "add"));
  HONE_ASSIGN(const ValueId y, attend(b, module, x, adds));
  return ValueIds{y};
}

Result<ValueIds> psa(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  HONE_ASSIGN(const ValueIds parts, parts_of_c(b, module, x));
  HONE_ASSIGN(const ValueId deep, attend(b, module, parts[1], true));
  HONE_ASSIGN(const ValueId out, b.run_child(module, "cv2", b.concat(module, {parts[0], deep})));
  return ValueIds{out};
}

Result<ValueIds> c2_psa(ModuleBuilder& b, const Module& module, std::span<const ValueId> inputs) {
  HONE_ASSIGN(const ValueId x, only(module, inputs));
  HONE_ASSIGN(const ValueIds parts, parts_of_c(b, module, x));
  HONE_ASSIGN(const ValueId deep, b.run_child(module, "m", parts[1]));
  HONE_ASSIGN(const ValueId out, b.run_child(module, "cv2", b.concat(module, {parts[0], deep})));
  return ValueIds{out};
}

}  // namespace hone::modules
