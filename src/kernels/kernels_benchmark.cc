// Every row of kernels.inc on the problems of its operator as networks have them, and the reference as the
// baseline. The output is compared with the reference before it is timed. `--benchmark_filter=Conv` picks
// operators.
//
// Counters, all of the fastest run: GB/s of operands moved; GFLOP/s where the operator computes;
// `x_reference` how many times as fast as the reference on as many threads. HONE_BENCHMARK_THREADS sets the
// number of threads (1).
#include <benchmark/benchmark.h>

#include <chrono>
#include <cmath>
#include <cstdlib>
#include <map>

#include "base/cpu_features.h"
#include "ir/infer.h"
#include "kernels/element.h"
#include "kernels/problems.h"
#include "kernels/problems/arena.h"
#include "kernels/tolerance.h"

namespace hone {
namespace {

size_t thread_count() {
  const char* wanted = std::getenv("HONE_BENCHMARK_THREADS");
  return wanted ? static_cast<size_t>(std::max(1, std::atoi(wanted))) : 1;
}

// A kernel ready to run on a problem in given layouts.
struct Ready {
  std::vector<TensorDesc> inputs, outputs;
  std::vector<PlacedTensor> in, out;
  std::vector<TensorArg> in_args, out_args;
  std::unique_ptr<PoisonedBytes> packed, workspace;
  std::unique_ptr<Runner> runner;
  std::string refusal;

  Ready(const Kernel& kernel, const OwnedProblem& owned, const LayoutSignature& layouts)
      : inputs(owned.inputs), outputs(owned.outputs) {
    for (size_t i = 0; i < inputs.size(); ++i) inputs[i].layout = layouts.inputs[i];
    for (size_t i = 0; i < outputs.size(); ++i) outputs[i].layout = layouts.outputs[i];
    const Problem problem{.op = owned.op,
                          .inputs = inputs,
                          .outputs = outputs,
                          .constants = owned.constants,
                          .thread_count = thread_count()};
    const Verdict verdict = kernel.may_i(problem);
    if (!verdict.legal) {
      refusal = verdict.reason;
      return;
    }
    std::vector<std::byte> bytes;
    if (!kernel.packing(problem).empty()) bytes = kernel.pack(problem).value();
    packed = std::make_unique<PoisonedBytes>(bytes.size());
    std::copy(bytes.begin(), bytes.end(), packed->data());
    workspace = std::make_unique<PoisonedBytes>(verdict.workspace_bytes);
    runner = kernel.prepare(problem, packed->span()).value();
    const std::vector<size_t> hidden = kernel.packed_inputs(problem);
    for (size_t i = 0; i < inputs.size(); ++i) {
      in.emplace_back(inputs[i].has_shape ? inputs[i] : TensorDesc(DType::f32, {0}), inputs[i].layout, false);
      if (inputs[i].has_shape) in.back().write(owned.data[i].view());
    }
    for (const TensorDesc& desc : outputs) out.emplace_back(desc, desc.layout, false);
    for (size_t i = 0; i < in.size(); ++i) {
      in_args.push_back(in[i].arg());
      if (!inputs[i].has_shape) in_args.back() = {.data = nullptr, .desc = &inputs[i]};
      if (std::ranges::count(hidden, i)) in_args.back().data = nullptr;
    }
    for (PlacedTensor& tensor : out) out_args.push_back(tensor.arg());
  }
  void run(ThreadPool& threads) {
    runner->run(
        {.inputs = in_args, .outputs = out_args, .workspace = workspace->data(), .threads = &threads});
  }
};

struct Baseline {
  std::vector<std::vector<std::byte>> outputs;
  double seconds = 0;
};

// The reference's output and time, once a problem.
const Baseline& baseline_of(const OwnedProblem& owned, ThreadPool& threads) {
  static std::map<const OwnedProblem*, Baseline> known;
  Baseline& baseline = known[&owned];
  if (!baseline.outputs.empty()) return baseline;
  const Kernel& reference = *kernels_for(op_name(owned.op), DeviceKind::cpu).back();
  Ready ready(reference, owned, reference.signatures(owned.op, owned.inputs, owned.outputs)[0]);
  baseline.seconds = 1e9;
  for (int i = 0; i < 3 && (i == 0 || baseline.seconds < 0.5); ++i) {
    const auto start = std::chrono::steady_clock::now();
    ready.run(threads);
    baseline.seconds = std::min(
        baseline.seconds, std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  }
  for (const PlacedTensor& tensor : ready.out) baseline.outputs.push_back(tensor.read());
  return baseline;
}

bool agrees(const OwnedProblem& owned, const Ready& ready, const Baseline& baseline) {
  for (size_t o = 0; o < ready.out.size(); ++o) {
    const TensorDesc& desc = owned.outputs[o];
    const Tolerance tolerance = tolerance_of(op_name(owned.op), desc.type);
    const ReadReal read = real_reader(desc.type);
    const std::vector<std::byte> got = ready.out[o].read();
    for (int64_t i = 0; i < element_count(desc.shape).value(); ++i) {
      const double g = read(got.data(), i), w = read(baseline.outputs[o].data(), i);
      // Deep sums of a real layer round more than the small problems of the parity test.
      if (!(g == w) && !(std::fabs(g - w) <= 10 * (tolerance.absolute + tolerance.relative * std::fabs(w))))
        return false;
    }
  }
  return true;
}

double bytes_of(const OwnedProblem& owned) {
  double bytes = 0;
  for (const auto* operands : {&owned.inputs, &owned.outputs})
    for (const TensorDesc& desc : *operands)
      if (desc.has_shape) bytes += static_cast<double>(byte_count(desc.type, desc.shape).value());
  return bytes;
}

double flops_of(const OwnedProblem& owned) {
  Graph graph;
  std::vector<ValueId> ids;
  for (const TensorDesc& desc : owned.inputs)
    ids.push_back(desc.has_shape ? graph.add_value("v", desc) : kNoValue);
  const size_t node = graph.add_node("n", owned.op, ids, owned.outputs.size());
  for (size_t i = 0; i < owned.outputs.size(); ++i)
    graph.value(graph.nodes[node].outputs[i]).desc = owned.outputs[i];
  return node_flops(graph, graph.nodes[node]);
}

void time_kernel(benchmark::State& state, const Kernel& kernel, const OwnedProblem& owned,
                 const LayoutSignature& layouts) {
  ThreadPool threads(thread_count());
  Ready ready(kernel, owned, layouts);
  if (!ready.refusal.empty()) return state.SkipWithError(ready.refusal.c_str());
  const Baseline& baseline = baseline_of(owned, threads);
  ready.run(threads);
  if (!agrees(owned, ready, baseline)) return state.SkipWithError("differs from the reference");
  double each = 1e9;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    ready.run(threads);
    const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
    state.SetIterationTime(took);
    each = std::min(each, took);
  }
  state.counters["GB/s"] = bytes_of(owned) / each * 1e-9;
  if (const double flops = flops_of(owned); flops > 0) state.counters["GFLOP/s"] = flops / each * 1e-9;
  state.counters["x_reference"] = baseline.seconds / each;
}

void register_rows() {
  static std::map<std::string, std::vector<OwnedProblem>> problems;
  for (const Kernel* kernel : all_kernels()) {
    if (kernel->is_reference() || kernel->device() != DeviceKind::cpu) continue;
    auto [at, fresh] = problems.try_emplace(std::string(kernel->op()));
    if (fresh) at->second = problems_for(kernel->op(), ProblemSet::benchmark);
    for (const OwnedProblem& owned : at->second)
      for (const LayoutSignature& layouts : kernel->signatures(owned.op, owned.inputs, owned.outputs)) {
        if (!Ready(*kernel, owned, layouts).refusal.empty()) continue;
        std::string name = std::string(kernel->name()) + " " + owned.text + " ";
        for (const Layout layout : layouts.inputs) name += std::string(layout_name(layout)) + ",";
        name.back() = '>';
        for (const Layout layout : layouts.outputs) name += std::string(layout_name(layout));
        benchmark::RegisterBenchmark(name.c_str(),
                                     [kernel, &owned, layouts](benchmark::State& state) {
                                       time_kernel(state, *kernel, owned, layouts);
                                     })
            ->UseManualTime()
            ->Unit(benchmark::kMicrosecond);
      }
  }
}

}  // namespace
}  // namespace hone

int main(int argc, char** argv) {
  const hone::CpuFeatures& cpu = hone::cpu_features();
  benchmark::AddCustomContext("cpu", cpu.model + ", " + hone::isa_name(cpu));
  benchmark::AddCustomContext("threads", std::to_string(hone::thread_count()));
  hone::register_rows();
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
