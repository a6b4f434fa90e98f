// Every CUDA row against the reference of its operator, on a GPU: the problems of the parity test and the
// same in f16, in every layout the row takes, on slices where it honours image_stride, outputs poisoned, with
// poison around everything. HONE_CUDA_ROWS picks rows whose names contain that text; HONE_CUDA_TIMES=1 also
// times rows on the benchmark's problems.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>

#include "base/thread_pool.h"
#include "device/cuda/cuda_device.h"
#include "kernels/parity_checks.h"
#include "kernels/problems/half_problems.h"

namespace hone {
namespace {

CudaDevice* gpu() {
  static const std::shared_ptr<Device> device = open_cuda_device(0).value_or(nullptr);
  return static_cast<CudaDevice*>(device.get());
}

std::vector<const Kernel*> cuda_rows() {
  const char* wanted = std::getenv("HONE_CUDA_ROWS");
  std::vector<const Kernel*> rows;
  for (const Kernel* kernel : all_kernels())
    if (kernel->device() == DeviceKind::cuda &&
        (!wanted || kernel->name().find(wanted) != std::string_view::npos))
      rows.push_back(kernel);
  return rows;
}

// Made once an operator.
const std::vector<OwnedProblem>& known_problems(std::string_view op) {
  static std::map<std::string, std::vector<OwnedProblem>, std::less<>> made;
  const auto known = made.find(op);
  return known != made.end() ? known->second : made.emplace(std::string(op), gpu_problems(op)).first->second;
}

// The reference's results, computed once a problem.
const std::vector<Bytes>& wanted_results(const OwnedProblem& owned) {
  static std::map<const OwnedProblem*, std::vector<Bytes>> made;
  auto [at, fresh] = made.try_emplace(&owned);
  if (fresh) {
    auto result = run_reference(owned.op, owned.inputs, owned.data, owned.outputs);
    EXPECT_TRUE(result) << result.error().message;
    if (result) at->second = std::move(*result);
  }
  return at->second;
}

// Device memory that holds copies of host memory at the same alignment.
class Arena {
 public:
  explicit Arena(size_t size) : buffer_(gpu()->allocate(size).value()) {}
  void clear() { used_ = 0; }
  // Where the copy begins.
  std::byte* put(std::span<const std::byte> bytes) {
    used_ = (used_ + 255) / 256 * 256 + reinterpret_cast<uintptr_t>(bytes.data()) % 256;
    EXPECT_TRUE(gpu()->copy_in(*buffer_, used_, bytes));
    std::byte* at = static_cast<std::byte*>(buffer_->address()) + used_;
    used_ += bytes.size();
    return at;
  }
  void get(std::span<std::byte> bytes, const std::byte* at) {
    const auto offset = static_cast<size_t>(at - static_cast<std::byte*>(buffer_->address()));
    EXPECT_TRUE(gpu()->copy_out(bytes, *buffer_, offset));
  }

 private:
  std::shared_ptr<DeviceBuffer> buffer_;
  size_t used_ = 0;
};
Arena& arena() {
  static Arena memory(size_t{1} << 30);
  return memory;
}

class Attempt {
 public:
  Attempt(const Kernel& kernel, const OwnedProblem& owned, const LayoutSignature& layouts, Device* device)
      : kernel_(kernel), owned_(owned), inputs_(owned.inputs), outputs_(owned.outputs), device_(device) {
    for (size_t i = 0; i < inputs_.size(); ++i) inputs_[i].layout = layouts.inputs[i];
    for (size_t i = 0; i < outputs_.size(); ++i) outputs_[i].layout = layouts.outputs[i];
    verdict_ = kernel.may_i(problem());
  }
  const Verdict& verdict() const { return verdict_; }
  Problem problem() const {
    return {.op = owned_.op,
            .inputs = inputs_,
            .outputs = outputs_,
            .constants = owned_.constants,
            .thread_count = 2,
            .device = device_};
  }

  void check(const std::vector<Bytes>& wanted) {
    for (const Placing placing : {Placing::dense, Placing::slices, Placing::in_place}) {
      if (placing == Placing::slices && !verdict_.image_stride) continue;
      if (placing == Placing::in_place && !verdict_.in_place) continue;
      run(placing, wanted);
      if (testing::Test::HasFailure()) return;
    }
  }
  // Microseconds a run, launched back to back.
  double microseconds(int runs) {
    place(Placing::dense);
    for (int i = 0; i < 5; ++i) enqueue();
    EXPECT_TRUE(gpu()->synchronize());
    const auto start = std::chrono::steady_clock::now();
    for (int i = 0; i < runs; ++i) enqueue();
    EXPECT_TRUE(gpu()->synchronize());
    return std::chrono::duration<double, std::micro>(std::chrono::steady_clock::now() - start).count() / runs;
  }

 private:
  void place(Placing placing) {
    arena().clear();
    in_.clear(), out_.clear(), in_args_.clear(), out_args_.clear(), in_at_.clear(), out_at_.clear();
    const std::vector<size_t> hidden = kernel_.packed_inputs(problem());
    const bool slices = placing == Placing::slices;
    for (size_t i = 0; i < inputs_.size(); ++i) {
      const bool present = inputs_[i].has_shape;
      in_.emplace_back(present ? inputs_[i] : TensorDesc(DType::f32, {0}), inputs_[i].layout,
                       slices && !owned_.constants[i], verdict_.slice_alignment);
      if (present) in_.back().write(owned_.data[i].view());
    }
    for (const TensorDesc& desc : outputs_)
      out_.emplace_back(desc, desc.layout, slices, verdict_.slice_alignment);
    for (size_t i = 0; i < in_.size(); ++i) {
      in_at_.push_back(arena().put(in_[i].everything()));
      in_args_.push_back(in_[i].arg());
      in_args_.back().data = in_at_.back() + in_[i].offset();
      if (!inputs_[i].has_shape) in_args_.back() = {.data = nullptr, .desc = &inputs_[i]};
      if (std::ranges::count(hidden, i)) in_args_.back().data = nullptr;
    }
    for (PlacedTensor& tensor : out_) {
      out_at_.push_back(arena().put(tensor.everything()));
      out_args_.push_back(tensor.arg());
      out_args_.back().data = out_at_.back() + tensor.offset();
    }
    if (placing == Placing::in_place) out_args_[0].data = in_args_[0].data;
    std::vector<std::byte> bytes;
    if (!kernel_.packing(problem()).empty()) {
      auto made = kernel_.pack(problem());
      ASSERT_TRUE(made) << made.error().message;
      bytes = std::move(*made);
    }
    PoisonedBytes packed(bytes.size());
    std::copy(bytes.begin(), bytes.end(), packed.data());
    const std::byte* packed_at = arena().put(packed.span());
    const std::vector<std::byte> poison(verdict_.workspace_bytes + 512, std::byte{0xff});
    workspace_all_ = arena().put(poison);
    workspace_ = workspace_all_ + (256 - reinterpret_cast<uintptr_t>(workspace_all_) % 256) % 256;
    auto runner = kernel_.prepare(problem(), {packed_at, bytes.size()});
    ASSERT_TRUE(runner) << runner.error().message;
    runner_ = std::move(*runner);
  }
  void enqueue() {
    runner_->run({.inputs = in_args_, .outputs = out_args_, .workspace = workspace_, .stream = nullptr});
  }

  void run(Placing placing, const std::vector<Bytes>& wanted) {
    SCOPED_TRACE(placing == Placing::dense ? "dense" : placing == Placing::slices ? "slices" : "in place");
    ASSERT_NO_FATAL_FAILURE(place(placing));
    enqueue();
    const auto launched = CudaDevice::take_launch_error();
    ASSERT_TRUE(launched) << launched.error().message;
    const auto done = gpu()->synchronize();
    if (!done) {
      // Nothing works on this context any more.
      ADD_FAILURE() << done.error().message;
      std::fprintf(stderr, "%s on %s: %s\n", std::string(kernel_.name()).c_str(), owned_.text.c_str(),
                   done.error().message.c_str());
      std::exit(1);
    }
    for (size_t i = 0; i < in_.size(); ++i) arena().get(in_[i].everything(), in_at_[i]);
    for (size_t i = 0; i < out_.size(); ++i) arena().get(out_[i].everything(), out_at_[i]);
    std::vector<std::byte> scratch(verdict_.workspace_bytes + 512);
    arena().get(scratch, workspace_all_);
    const auto used = static_cast<size_t>(workspace_ - workspace_all_) + verdict_.workspace_bytes;
    EXPECT_TRUE(std::all_of(scratch.begin() + static_cast<ptrdiff_t>(used), scratch.end(), [](std::byte b) {
      return b == std::byte{0xff};
    })) << "wrote behind its workspace";
    expect_parity(owned_, placing, in_, out_, wanted);
  }

  const Kernel& kernel_;
  const OwnedProblem& owned_;
  std::vector<TensorDesc> inputs_, outputs_;
  Device* device_;
  Verdict verdict_;
  std::vector<PlacedTensor> in_, out_;
  std::vector<TensorArg> in_args_, out_args_;
  std::vector<std::byte*> in_at_, out_at_;
  std::byte *workspace_ = nullptr, *workspace_all_ = nullptr;
  std::unique_ptr<Runner> runner_;
};

// Compiles whatever the rows will load, on every core.
void compile_ahead() {
  static bool done = false;
  if (std::exchange(done, true)) return;
  std::map<uint64_t, cuda::Program> programs;
  for (const Kernel* kernel : cuda_rows())
    for (const OwnedProblem& owned : known_problems(kernel->op()))
      for (const LayoutSignature& signature : kernel->signatures(owned.op, owned.inputs, owned.outputs)) {
        const Attempt attempt(*kernel, owned, signature, gpu());
        if (!attempt.verdict().legal) continue;
        if (auto made = kernel->programs(attempt.problem()))
          for (cuda::Program& program : *made) programs.emplace(program.key(), std::move(program));
      }
  std::vector<const cuda::Program*> list;
  for (const auto& [key, program] : programs) list.push_back(&program);
  ThreadPool threads(0);
  const auto start = std::chrono::steady_clock::now();
  threads.run(list.size(), [&](size_t i) { (void)gpu()->binary(*list[i]); });
  std::printf("%zu programs ready after %.1f s\n", list.size(),
              std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
}

class CudaParity : public testing::TestWithParam<const Kernel*> {};

TEST_P(CudaParity, HoldsOnEveryProblemTheKernelAccepts) {
  const Kernel& kernel = *GetParam();
  if (!gpu()) GTEST_SKIP() << "skipped: no GPU";
  compile_ahead();
  size_t accepted = 0;
  std::string refusal = "has no problems";
  for (const OwnedProblem& owned : known_problems(kernel.op())) {
    SCOPED_TRACE(owned.text);
    for (const LayoutSignature& signature : kernel.signatures(owned.op, owned.inputs, owned.outputs)) {
      SCOPED_TRACE(signature_text(signature));
      Attempt attempt(kernel, owned, signature, gpu());
      if (!attempt.verdict().legal) {
        refusal = attempt.verdict().reason;
        EXPECT_NE(refusal, "") << "refused without a reason";
        continue;
      }
      attempt.check(wanted_results(owned));
      ++accepted;
      if (HasFailure()) return;
    }
  }
  if (accepted == 0) GTEST_SKIP() << "skipped: " << refusal;
}

INSTANTIATE_TEST_SUITE_P(Kernels, CudaParity, testing::ValuesIn(cuda_rows()), row_name);
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(CudaParity);

TEST(CudaTimes, OfTheBenchmarksProblemsInHalf) {
  if (!std::getenv("HONE_CUDA_TIMES")) GTEST_SKIP() << "skipped: HONE_CUDA_TIMES is not set";
  if (!gpu()) GTEST_SKIP() << "skipped: no GPU";
  for (const Kernel* kernel : cuda_rows())
    for (const OwnedProblem& owned : problems_for(kernel->op(), ProblemSet::benchmark)) {
      const auto half = in_type(owned, DType::f16);
      const OwnedProblem& problem = half ? *half : owned;
      for (const LayoutSignature& signature :
           kernel->signatures(problem.op, problem.inputs, problem.outputs)) {
        Attempt attempt(*kernel, problem, signature, gpu());
        if (!attempt.verdict().legal) continue;
        const double us = attempt.microseconds(200);
        std::printf("%-28s %8.2f us (estimate %.2f) %s %s\n", std::string(kernel->name()).c_str(), us,
                    attempt.verdict().estimated_ms * 1e3, signature_text(signature).c_str(),
                    problem.text.c_str());
      }
    }
}

}  // namespace
}  // namespace hone
