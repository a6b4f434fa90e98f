// Every row of kernels.inc against the reference of its operator, on the operator's problems: in every layout
// it takes, on slices of larger tensors where it honours image_stride, in place where it says so, with poison
// around everything.
#include <gtest/gtest.h>

#include <algorithm>

#include "kernels/parity_checks.h"

namespace hone {
namespace {

std::vector<const Kernel*> faster_rows() {
  std::vector<const Kernel*> rows;
  for (const Kernel* kernel : all_kernels())
    if (!kernel->is_reference() && kernel->device() == DeviceKind::cpu) rows.push_back(kernel);
  return rows;
}

// One kernel on one problem in one combination of layouts.
class Attempt {
 public:
  Attempt(const Kernel& kernel, const OwnedProblem& owned, const LayoutSignature& layouts)
      : kernel_(kernel), owned_(owned), inputs_(owned.inputs), outputs_(owned.outputs) {
    for (size_t i = 0; i < inputs_.size(); ++i) inputs_[i].layout = layouts.inputs[i];
    for (size_t i = 0; i < outputs_.size(); ++i) outputs_[i].layout = layouts.outputs[i];
    verdict_ = kernel.may_i(problem());
  }
  const Verdict& verdict() const { return verdict_; }

  void check(ThreadPool& threads, const std::vector<Bytes>& wanted) {
    std::vector<std::byte> packed_bytes;
    if (!kernel_.packing(problem()).empty()) {
      auto packed = kernel_.pack(problem());
      ASSERT_TRUE(packed) << packed.error().message;
      packed_bytes = std::move(*packed);
    }
    PoisonedBytes packed(packed_bytes.size());
    std::copy(packed_bytes.begin(), packed_bytes.end(), packed.data());
    auto runner = kernel_.prepare(problem(), packed.span());
    ASSERT_TRUE(runner) << runner.error().message;
    run(**runner, threads, wanted, Placing::dense);
    if (verdict_.image_stride) run(**runner, threads, wanted, Placing::slices);
    if (verdict_.in_place) run(**runner, threads, wanted, Placing::in_place);
  }

 private:
  Problem problem() const {
    return {.op = owned_.op,
            .inputs = inputs_,
            .outputs = outputs_,
            .constants = owned_.constants,
            .thread_count = 2};
  }

  void run(Runner& runner, ThreadPool& threads, const std::vector<Bytes>& wanted, Placing placing) {
    SCOPED_TRACE(placing == Placing::dense ? "dense" : placing == Placing::slices ? "slices" : "in place");
    const std::vector<size_t> packed = kernel_.packed_inputs(problem());
    const bool slices = placing == Placing::slices;
    std::vector<PlacedTensor> in, out;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const bool present = inputs_[i].has_shape;
      in.emplace_back(present ? inputs_[i] : TensorDesc(DType::f32, {0}), inputs_[i].layout,
                      slices && !owned_.constants[i]);
      if (present) in.back().write(owned_.data[i].view());
    }
    for (const TensorDesc& desc : outputs_) out.emplace_back(desc, desc.layout, slices);
    std::vector<TensorArg> in_args, out_args;
    for (size_t i = 0; i < in.size(); ++i) {
      in_args.push_back(in[i].arg());
      if (!inputs_[i].has_shape) in_args.back() = {.data = nullptr, .desc = &inputs_[i]};
      if (std::ranges::count(packed, i)) in_args.back().data = nullptr;
    }
    for (PlacedTensor& tensor : out) out_args.push_back(tensor.arg());
    if (placing == Placing::in_place) out_args[0].data = in_args[0].data;
    PoisonedBytes workspace(verdict_.workspace_bytes);
    runner.run({.inputs = in_args, .outputs = out_args, .workspace = workspace.data(), .threads = &threads});

    EXPECT_FALSE(workspace.overrun()) << "wrote behind its workspace";
    expect_parity(owned_, placing, in, out, wanted);
  }

  const Kernel& kernel_;
  const OwnedProblem& owned_;
  std::vector<TensorDesc> inputs_, outputs_;
  Verdict verdict_;
};

class Parity : public testing::TestWithParam<const Kernel*> {};

TEST_P(Parity, HoldsOnEveryProblemTheKernelAccepts) {
  const Kernel& kernel = *GetParam();
  ThreadPool threads(2);
  size_t accepted = 0;
  std::string refusal = "has no problems";
  bool lacks_hardware = true;
  for (const OwnedProblem& owned : problems_for(kernel.op(), ProblemSet::parity)) {
    SCOPED_TRACE(owned.text);
    std::vector<Bytes> wanted;
    for (const LayoutSignature& signature : kernel.signatures(owned.op, owned.inputs, owned.outputs)) {
      SCOPED_TRACE(signature_text(signature));
      ASSERT_EQ(signature.inputs.size(), owned.inputs.size());
      ASSERT_EQ(signature.outputs.size(), owned.outputs.size());
      Attempt attempt(kernel, owned, signature);
      if (!attempt.verdict().legal) {
        refusal = attempt.verdict().reason;
        EXPECT_NE(refusal, "") << "refused without a reason";
        lacks_hardware = lacks_hardware && refusal.starts_with("needs ");
        continue;
      }
      if (wanted.empty()) {
        auto reference = run_reference(owned.op, owned.inputs, owned.data, owned.outputs);
        ASSERT_TRUE(reference) << reference.error().message;
        wanted = std::move(*reference);
      }
      attempt.check(threads, wanted);
      ++accepted;
      if (HasFailure()) return;
    }
  }
  if (accepted == 0 && lacks_hardware && refusal != "has no problems") GTEST_SKIP() << "skipped: " << refusal;
  EXPECT_GT(accepted, 0u) << "refuses every problem, lastly because it " << refusal;
}

INSTANTIATE_TEST_SUITE_P(Kernels, Parity, testing::ValuesIn(faster_rows()), row_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(Parity);

TEST(Rows, HaveNamesOfTheirOwn) {
  std::vector<std::string> names;
  for (const Kernel* kernel : all_kernels()) names.emplace_back(kernel->name());
  std::ranges::sort(names);
  EXPECT_EQ(std::ranges::adjacent_find(names), names.end());
  for (const std::string& name : names) EXPECT_EQ(find_kernel(name)->name(), name);
}

TEST(Rows, EndWithTheReferenceForEveryOperatorButControlFlow) {
  for (size_t i = 0; i < std::variant_size_v<Op>; ++i) {
    const Op op = []<size_t... I>(size_t wanted, std::index_sequence<I...>) {
      Op made;
      ((I == wanted ? (made.emplace<I>(), 0) : 0), ...);
      return made;
    }(i, std::make_index_sequence<std::variant_size_v<Op>>());
    if (std::holds_alternative<If>(op) || std::holds_alternative<Loop>(op)) continue;
    const auto rows = kernels_for(op_name(op), DeviceKind::cpu);
    ASSERT_FALSE(rows.empty()) << op_name(op);
    EXPECT_TRUE(rows.back()->is_reference()) << op_name(op);
    EXPECT_EQ(std::ranges::count_if(rows, &Kernel::is_reference), 1) << op_name(op);
    EXPECT_FALSE(kernels_for(op_name(op), DeviceKind::cuda).empty()) << op_name(op) << " has no row for GPUs";
  }
}

}  // namespace
}  // namespace hone
