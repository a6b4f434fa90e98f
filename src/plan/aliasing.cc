// Concat, split and reshape without copying.
//
// Forward, movements that take their input apart become views of it. Backward (so that where an outer concat
// lies is known before the inner one is placed), the parts of each concat are moved into it: a part that is
// itself a view, such as half of a convolution's output in a C2f block, moves its whole root, if all of the
// root finds its place there.
#include <fmt/format.h>

#include <algorithm>

#include "plan/draft.h"

namespace hone {
namespace {

using Kind = Movement::Kind;

size_t element_bytes(const TensorDesc& desc) { return dtype_bits(desc.type) / 8; }

class Aliaser {
 public:
  explicit Aliaser(Draft& draft)
      : draft_(draft), replaced_(draft.steps.size()), gone_(draft.steps.size(), false) {
    index_users();
  }

  Result<> run() {
    for (size_t s = 0; s < draft_.steps.size(); ++s)
      if (const Kind kind = draft_.steps[s].movement.kind; kind == Kind::whole || kind == Kind::split)
        HONE_TRY(view(s));
    for (size_t s = draft_.steps.size(); s-- > 0;)
      if (draft_.steps[s].movement.kind == Kind::concat) HONE_TRY(place_parts(s));
    flatten();
    return {};
  }

 private:
  // Steps that touch each tensor with a kernel, before anything is aliased.
  void index_users() {
    users_.resize(draft_.tensors.size());
    for (size_t s = 0; s < draft_.steps.size(); ++s)
      for (const auto* ids : {&draft_.steps[s].inputs, &draft_.steps[s].outputs})
        for (const TensorId id : *ids)
          if (id != kNoTensor) users_[static_cast<size_t>(id)].push_back(s);
  }

  // All tensors of the movement have one layout, and elements are whole bytes.
  bool is_uniform(const DraftStep& step) const {
    const TensorDesc& first = draft_.tensor(step.outputs[0]).desc;
    if (dtype_bits(first.type) % 8 != 0 || dtype_bits(first.type) == 0) return false;
    const auto same = [&](TensorId id) { return draft_.tensor(id).desc.layout == first.layout; };
    if (!std::ranges::all_of(step.outputs, same)) return false;
    const bool is_concat = step.movement.kind == Kind::concat;
    return is_concat ? std::ranges::all_of(step.inputs, same) : same(step.inputs[0]);
  }

  bool may_be_view(const DraftStep& step) const {
    const Node& node = draft_.graph.nodes[static_cast<size_t>(step.node)];
    return is_uniform(step) &&
           is_view_in(draft_.graph, node, step.movement, draft_.tensor(step.outputs[0]).desc.layout);
  }

  std::unexpected<Status> no_way(const DraftStep& step) const {
    const Node& node = draft_.graph.nodes[static_cast<size_t>(step.node)];
    return error(
        StatusCode::internal,
        fmt::format("node {} ({}): is no view in the layouts chosen, and no kernel was chosen for it",
                    node.name, op_name(node.op)));
  }

  void make_view(TensorId part, TensorId whole, size_t offset_bytes, bool inherits_stride) {
    DraftTensor& t = draft_.tensor(part);
    t.parent = whole;
    t.offset_bytes = offset_bytes;
    t.inherits_stride = inherits_stride;
  }

  // Outputs become views of the input; in tests without aliasing, copies of such views.
  Result<> view(size_t s) {
    const DraftStep& step = draft_.steps[s];
    TensorId x = step.inputs[0];
    const Movement& movement = step.movement;
    const bool keep_kernel = step.kernel != nullptr;
    if (!may_be_view(step)) return keep_kernel ? Result<>{} : Result<>(no_way(step));
    if (keep_kernel && !draft_.options.allow_aliasing) return {};
    const bool splits_images = movement.kind == Kind::split && movement.axis > 0 && draft_.images(x) > 1;
    if (splits_images && !draft_.can_copy_strided(draft_.tensor(x).desc))
      return keep_kernel ? Result<>{} : Result<>(no_way(step));

    // Another extent of dimension 0 needs images that follow one another.
    const bool needs_dense =
        movement.kind == Kind::whole && draft_.images(x) != draft_.images(step.outputs[0]);
    if (needs_dense && draft_.is_strided(x)) {
      if (keep_kernel) return {};
      const TensorId dense = draft_.add_tensor(draft_.tensor(x).name + " dense", draft_.tensor(x).desc);
      HONE_ASSIGN(DraftStep copy, draft_.copy_step(x, dense));
      replaced_[s].push_back(std::move(copy));
      x = dense;
    }

    gone_[s] = true;
    for (size_t i = 0; i < step.outputs.size(); ++i) {
      const TensorId y = step.outputs[i];
      TensorId part = y;
      if (!draft_.options.allow_aliasing)
        part = draft_.add_tensor(draft_.tensor(y).name + " in place", draft_.tensor(y).desc);
      if (movement.kind == Kind::whole) {
        if (needs_dense) draft_.tensor(x).must_be_dense = true;
        make_view(part, x, 0, !needs_dense);
      } else {
        const TensorDesc& whole = draft_.tensor(x).desc;
        const int64_t extent = draft_.tensor(y).desc.shape[movement.axis];
        const int64_t run = run_offset(whole, movement.axis, movement.begins[i], extent).value_or(0);
        if (movement.axis == 0) draft_.tensor(x).must_be_dense = true;
        const int64_t elements = movement.axis == 0 ? run * draft_.image_stride(x) : run;
        make_view(part, x, static_cast<size_t>(elements) * element_bytes(whole), true);
      }
      if (part == y) continue;
      HONE_ASSIGN(DraftStep copy, draft_.copy_step(part, y));
      replaced_[s].push_back(std::move(copy));
    }
    return {};
  }

  // Bytes from an image of the concat to part i.
  size_t part_offset(const DraftStep& step, size_t i) const {
    const TensorId c = step.outputs[0];
    const TensorDesc& whole = draft_.tensor(c).desc;
    const size_t axis = step.movement.axis;
    const int64_t run =
        run_offset(whole, axis, step.movement.begins[i], draft_.tensor(step.inputs[i]).desc.shape[axis])
            .value_or(0);
    return static_cast<size_t>(axis == 0 ? run * draft_.image_stride(c) : run) * element_bytes(whole);
  }

  size_t bytes_of_image(TensorId id, bool one_image) const {
    const TensorDesc& desc = draft_.tensor(id).desc;
    return one_image ? draft_.bytes(id) : static_cast<size_t>(dense_image_stride(desc)) * element_bytes(desc);
  }

  // All views between `id` and its root keep the images of the root.
  bool keeps_images(TensorId id) const {
    for (; draft_.tensor(id).parent != kNoTensor; id = draft_.tensor(id).parent)
      if (!draft_.tensor(id).inherits_stride) return false;
    return true;
  }

  // Every kernel that touches the root or a view of it can work there, once the root lies at `offset` in the
  // concat.
  bool all_fit(TensorId root, TensorId concat, size_t offset, bool inherits) {
    DraftTensor& r = draft_.tensor(root);
    const DraftTensor before = r;
    make_view(root, concat, offset, inherits);
    bool fit = true;
    for (TensorId id = 0; fit && id < static_cast<TensorId>(users_.size()); ++id) {
      bool below = false;
      for (TensorId up = id; up != kNoTensor && !below; up = draft_.tensor(up).parent) below = up == root;
      if (!below) continue;
      fit = !(draft_.tensor(id).must_be_dense && draft_.is_strided(id));
      for (const size_t s :
           users_[static_cast<size_t>(id)])  // movements are settled later, by copies if need be
        fit = fit && (draft_.steps[s].movement.kind != Kind::none || draft_.fits(draft_.steps[s], id));
    }
    draft_.tensor(root) = before;
    return fit;
  }

  // Moves the root of part i into the concat; returns false when something is in the way.
  bool try_place(const DraftStep& step, size_t i, std::vector<bool>& placed) {
    const TensorId c = step.outputs[0], part = step.inputs[i], r = draft_.root(part);
    if (r == draft_.root(c) || draft_.tensor(r).place != Operand::Place::arena) return false;
    const bool one_image = draft_.images(c) <= 1;
    if (step.movement.axis == 0 && !one_image) {
      if (part != r) return false;
      const size_t offset = part_offset(step, i);
      if (draft_.is_strided(c) || !all_fit(part, c, offset, true)) return false;
      make_view(part, c, offset, true);
      placed[i] = true;
      return true;
    }
    if (!one_image && (!keeps_images(part) || draft_.images(r) != draft_.images(c))) return false;
    const size_t at = part_offset(step, i), within = draft_.offset_in_root(part);
    const size_t size = bytes_of_image(r, one_image);
    if (within > at || at - within + size > bytes_of_image(c, one_image)) return false;
    const size_t base = at - within;
    std::vector<size_t> together;
    for (size_t j = 0; j < step.inputs.size(); ++j) {
      const size_t begin = part_offset(step, j), end = begin + bytes_of_image(step.inputs[j], one_image);
      if (end <= base || begin >= base + size) continue;
      const TensorId other = step.inputs[j];
      if (draft_.root(other) != r || draft_.offset_in_root(other) + base != begin) return false;
      if (!one_image && !keeps_images(other)) return false;
      together.push_back(j);
    }
    if (!all_fit(r, c, base, !one_image)) return false;
    make_view(r, c, base, !one_image);
    for (const size_t j : together) placed[j] = true;
    return true;
  }

  Result<> place_parts(size_t s) {
    const DraftStep& step = draft_.steps[s];
    const TensorId c = step.outputs[0];
    const bool has_kernel = step.kernel != nullptr;
    if (!may_be_view(step)) return has_kernel ? Result<>{} : Result<>(no_way(step));
    if (has_kernel && !draft_.options.allow_aliasing) return {};
    const bool strided_parts = draft_.images(c) > 1 && step.movement.axis > 0;
    if (strided_parts && !draft_.can_copy_strided(draft_.tensor(c).desc))
      return has_kernel ? Result<>{} : Result<>(no_way(step));

    std::vector<bool> placed(step.inputs.size(), false);
    if (draft_.options.allow_aliasing)
      for (size_t i = 0; i < step.inputs.size(); ++i)
        if (!placed[i]) try_place(step, i, placed);
    if (has_kernel && std::ranges::none_of(placed, [](bool p) { return p; })) return {};
    gone_[s] = true;
    for (size_t i = 0; i < placed.size(); ++i) {
      if (placed[i]) continue;
      const TensorId from = draft_.steps[s].inputs[i];
      const size_t offset = part_offset(draft_.steps[s], i);
      const TensorId to =
          draft_.add_tensor(draft_.tensor(from).name + " in concat", draft_.tensor(from).desc);
      make_view(to, c, offset, true);
      HONE_ASSIGN(DraftStep copy, draft_.copy_step(from, to));
      replaced_[s].push_back(std::move(copy));
    }
    return {};
  }

  // Movements that went leave their copies where they stood.
  void flatten() {
    std::vector<DraftStep> steps;
    steps.reserve(draft_.steps.size());
    for (size_t s = 0; s < draft_.steps.size(); ++s) {
      if (!gone_[s]) steps.push_back(std::move(draft_.steps[s]));
      for (DraftStep& copy : replaced_[s]) steps.push_back(std::move(copy));
    }
    draft_.steps = std::move(steps);
  }

  Draft& draft_;
  std::vector<std::vector<DraftStep>> replaced_;
  std::vector<bool> gone_;
  std::vector<std::vector<size_t>> users_;
};

}  // namespace

Result<> place_views(Draft& draft) { return Aliaser(draft).run(); }

}  // namespace hone
