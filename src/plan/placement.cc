// What aliasing leaves to be settled: kernels that cannot work where a tensor came to lie, the caller's
// buffers, and elementwise kernels that may write onto their input.
#include <algorithm>
#include <map>

#include "plan/draft.h"

namespace hone {

Result<> place_views(Draft& draft);  // aliasing.cc

namespace {

// A kernel that cannot take a slice gets a dense copy of it, or writes to a dense tensor that is copied into
// place.
Result<> make_operands_fit(Draft& draft) {
  std::vector<DraftStep> steps;
  steps.reserve(draft.steps.size());
  std::map<TensorId, TensorId> dense_of;
  for (DraftStep& step : draft.steps) {
    std::vector<DraftStep> behind;
    for (TensorId& id : step.inputs) {
      if (id == kNoTensor || draft.fits(step, id)) continue;
      const auto [found, is_new] = dense_of.emplace(id, kNoTensor);
      if (is_new) {
        found->second = draft.add_tensor(draft.tensor(id).name + " dense", draft.tensor(id).desc);
        HONE_ASSIGN(DraftStep copy, draft.copy_step(id, found->second));
        steps.push_back(std::move(copy));
      }
      id = found->second;
    }
    for (TensorId& id : step.outputs) {
      if (id == kNoTensor || draft.fits(step, id)) continue;
      const TensorId dense = draft.add_tensor(draft.tensor(id).name + " dense", draft.tensor(id).desc);
      HONE_ASSIGN(DraftStep copy, draft.copy_step(dense, id));
      behind.push_back(std::move(copy));
      id = dense;
    }
    steps.push_back(std::move(step));
    for (DraftStep& copy : behind) steps.push_back(std::move(copy));
  }
  for (const DraftStep& step : steps)
    for (const auto* ids : {&step.inputs, &step.outputs})
      for (const TensorId id : *ids)
        if (id != kNoTensor && !draft.fits(step, id))
          return error(StatusCode::internal, "no kernel can copy the slice " + draft.tensor(id).name);
  draft.steps = std::move(steps);
  return {};
}

// A graph output that fills a buffer of its own is written straight into the caller's; others are copied
// there.
Result<> place_outputs(Draft& draft) {
  for (size_t k = 0; k < draft.outputs.size(); ++k) {
    const TensorId id = draft.outputs[k], root = draft.root(id);
    if (draft.tensor(root).place == Operand::Place::arena && draft.offset_in_root(id) == 0 &&
        !draft.is_strided(id) && draft.bytes(id) == draft.bytes(root)) {
      draft.tensor(root).place = Operand::Place::output;
      draft.tensor(root).index = k;
      continue;
    }
    const TensorId out = draft.add_tensor(draft.tensor(id).name + " out", draft.tensor(id).desc);
    draft.tensor(out).place = Operand::Place::output;
    draft.tensor(out).index = k;
    HONE_ASSIGN(DraftStep copy, draft.copy_step(id, out));
    draft.steps.push_back(std::move(copy));
  }
  return {};
}

class InPlace {
 public:
  explicit InPlace(Draft& draft) : draft_(draft), last_use_(draft.tensors.size(), -1) {
    for (size_t s = 0; s < draft.steps.size(); ++s)
      for (const auto* ids : {&draft.steps[s].inputs, &draft.steps[s].outputs})
        for (const TensorId id : *ids)
          if (id != kNoTensor) last_use_[static_cast<size_t>(id)] = static_cast<int32_t>(s);
    for (const TensorId id : draft.outputs)
      last_use_[static_cast<size_t>(id)] = static_cast<int32_t>(draft.steps.size());
  }

  void run() {
    for (size_t s = 0; s < draft_.steps.size(); ++s)
      if (may_overwrite(s)) {
        const TensorId x = draft_.steps[s].inputs[0], y = draft_.steps[s].outputs[0];
        DraftTensor& t = draft_.tensor(y);
        t.parent = x;
        t.offset_bytes = 0;
        t.inherits_stride = true;
      }
  }

 private:
  // The bytes of the step's input 0 are not needed any more, and its output has no place yet.
  bool may_overwrite(size_t s) const {
    const DraftStep& step = draft_.steps[s];
    // A copy that the plan added is there because its two ends must lie apart.
    if (step.node < 0 || !step.verdict.in_place || step.inputs.empty() || step.outputs.size() != 1)
      return false;
    const TensorId x = step.inputs[0], y = step.outputs[0];
    if (x == kNoTensor || y == kNoTensor) return false;
    const TensorId root = draft_.root(x);
    const DraftTensor& out = draft_.tensor(y);
    if (out.parent != kNoTensor || out.place != Operand::Place::arena || root == y) return false;
    if (draft_.tensor(root).place != Operand::Place::arena) return false;
    if (draft_.bytes(x) != draft_.bytes(y) || draft_.images(x) != draft_.images(y)) return false;
    // The readers of y were promised the alignment of a dense tensor.
    if (draft_.is_strided(x) || draft_.offset_in_root(x) % 64 != 0 ||
        out.desc.layout != draft_.tensor(x).desc.layout)
      return false;
    for (size_t i = 1; i < step.inputs.size(); ++i)
      if (step.inputs[i] != kNoTensor && draft_.root(step.inputs[i]) == root) return false;
    // Anything that shares bytes with x must be done with.
    const size_t begin = draft_.offset_in_root(x), end = begin + draft_.bytes(x);
    for (const TensorId id : draft_.tree(root)) {
      const int32_t last = last_use_[static_cast<size_t>(id)];
      if (last <= static_cast<int32_t>(s)) continue;
      if (draft_.is_strided(id)) return false;
      const size_t at = draft_.offset_in_root(id);
      if (at < end && at + draft_.bytes(id) > begin) return false;
    }
    return true;
  }

  Draft& draft_;
  std::vector<int32_t> last_use_;
};

}  // namespace

Result<> alias(Draft& draft) {
  HONE_TRY(place_views(draft));
  HONE_TRY(make_operands_fit(draft));
  HONE_TRY(place_outputs(draft));
  if (draft.options.allow_aliasing) InPlace(draft).run();
  return {};
}

}  // namespace hone
