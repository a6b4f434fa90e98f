// HONE_BENCH_PT=yolov8m.pt hone_import_pt_benchmark
#include <benchmark/benchmark.h>

#include <cstdlib>

#include "import/pt/pt_import.h"

namespace {

// The file's pages are in the page cache after the first round: what is timed is the work, checksums
// included.
void import_checkpoint(benchmark::State& state) {
  const char* path = std::getenv("HONE_BENCH_PT");
  if (!path) return state.SkipWithError("HONE_BENCH_PT names no checkpoint");
  for (auto _ : state) {
    const hone::Result<hone::Graph> graph = hone::import_pt(std::filesystem::path(path));
    if (!graph) return state.SkipWithError(graph.error().message.c_str());
    benchmark::DoNotOptimize(graph->nodes.size());
  }
}
BENCHMARK(import_checkpoint)->Unit(benchmark::kMillisecond)->UseRealTime();

}  // namespace
