#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <filesystem>

#include "base/cpu_features.h"
#include "device/cuda/binary.h"
#include "device/cuda/cuda_device.h"
#include "device/cuda/driver.h"
#include "device/cuda/nvrtc.h"
#include "hone/arguments.h"
#include "hone/commands.h"
#include "kernels/kernel.h"

namespace hone {
namespace {

void report_cpu() {
  const CpuFeatures& cpu = cpu_features();
  fmt::print("cpu        {}, {}, {} cores, L2 {}, L3 {}\n", cpu.model, isa_name(cpu), usable_cores(),
             size_text(cpu.l2_bytes), size_text(cpu.l3_bytes));
}

void report_driver() {
  const auto driver = cuda::driver();
  if (!driver) return fmt::print("driver     missing: {}\n", driver.error().message);
  fmt::print("driver     {}, supports CUDA {}\n", (*driver)->path, cuda::version_text((*driver)->version));
  const auto devices = cuda_devices();
  if (!devices) return fmt::print("gpu        missing: {}\n", devices.error().message);
  for (size_t i = 0; i < devices->size(); ++i) {
    const CudaProperties& p = (*devices)[i];
    fmt::print("cuda:{}     {}, sm_{}, {} multiprocessors, {} memory, {} L2, {} shared memory a block\n", i,
               p.name, p.capability, p.multiprocessors, size_text(p.memory_bytes), size_text(p.l2_bytes),
               size_text(p.shared_per_block_bytes));
  }
}

void report_nvrtc(int major) {
  const auto nvrtc = cuda::Nvrtc::open(major);
  if (!nvrtc) return fmt::print("nvrtc {}   missing: {}\n", major, nvrtc.error().message);
  std::string targets;
  for (const int arch : nvrtc->architectures().value_or(std::vector<int>{}))
    targets += fmt::format(" {}", arch);
  fmt::print("nvrtc {}   {}, version {}, needs a driver of CUDA {} or newer to run, targets{}\n", major,
             nvrtc->path(), cuda::version_text(nvrtc->version()),
             cuda::version_text(cuda::least_driver(nvrtc->version(), "sm_80")), targets);
}

void report_cache() {
  const std::filesystem::path folder = cuda::binary_cache();
  if (folder.empty()) return fmt::print("cache      off\n");
  size_t files = 0, bytes = 0;
  std::error_code failure;
  for (std::filesystem::directory_iterator entry(folder, failure), end; !failure && entry != end;
       entry.increment(failure)) {
    std::error_code gone;
    const auto size = entry->file_size(gone);
    if (!gone) ++files, bytes += size;
  }
  fmt::print("cache      {}, {} compiled kernels, {}\n", folder.string(), files, size_text(bytes));
}

// What all of it is good for.
void report_abilities() {
  const auto devices = cuda_devices();
  const bool has_gpu = devices && !devices->empty();
  fmt::print("engines    {} run on a GPU here; {} be built for GPUs here\n", has_gpu ? "can" : "cannot",
             cuda::can_compile() ? "can" : "cannot");
}

}  // namespace

void add_doctor(CLI::App& app, CommandLine& line) {
  CLI::App* c = app.add_subcommand("doctor", "Say what this machine has, what is missing, and how to get it");
  c->callback([&line] {
    line.work = []() -> Result<> {
      report_cpu();
      report_driver();
      report_nvrtc(12);
      report_nvrtc(13);
      report_cache();
      report_abilities();
      return {};
    };
  });
}

}  // namespace hone
