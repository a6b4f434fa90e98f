// Loading programs and launching them.
#include <fmt/format.h>

#include <atomic>
#include <mutex>
#include <unordered_map>

#include "device/cuda/cuda_device.h"
#include "device/cuda/device_shared.h"
#include "device/cuda/notes.h"
#include "device/cuda/nvrtc.h"

namespace hone {

struct CudaDevice::Loaded {
  std::mutex mutex;  // held while the program is compiled and loaded
  std::shared_ptr<cuda::DeviceShared> shared;
  cuda::Module module = nullptr;
  cuda::Function function = nullptr;

  Loaded() = default;
  ~Loaded() {
    if (module == nullptr) return;
    const cuda::Current current(*shared->driver, shared->context);
    shared->driver->module_unload(module);
  }
  Loaded(const Loaded&) = delete;
  Loaded& operator=(const Loaded&) = delete;
};

struct CudaDevice::Code {
  std::mutex mutex;
  std::atomic<size_t> compiled{0};
  std::unordered_map<uint64_t, cuda::Binary> binaries;
  std::unordered_map<uint64_t, std::shared_ptr<Loaded>> loaded;
  std::unordered_map<cuda::Function, std::string> names;  // of programs, for messages

  std::string name_of(cuda::Function function) {
    const std::scoped_lock lock(mutex);
    const auto known = names.find(function);
    return known != names.end() ? known->second : "of another device";
  }
};

CudaDevice::CudaDevice(std::shared_ptr<cuda::DeviceShared> shared, CudaProperties properties,
                       std::string target)
    : shared_(std::move(shared)),
      properties_(std::move(properties)),
      traits_(gpu_traits(properties_)),
      target_(target.empty() ? cuda::target_name(properties_.capability) : std::move(target)),
      code_(std::make_shared<Code>()) {}

CudaDevice::~CudaDevice() = default;

std::shared_ptr<CudaDevice> CudaDevice::carrying(cuda::ProgramKeys programs) const {
  auto same = std::make_shared<CudaDevice>(shared_, properties_, target_);
  same->code_ = code_;
  same->carried_ = std::make_shared<const cuda::ProgramKeys>(std::move(programs));
  return same;
}

size_t CudaDevice::compiled() const { return code_->compiled; }

namespace {

thread_local std::optional<Status> launch_error;
thread_local bool hold_next = false;

// CUtensorMapDataType
int tensor_map_type(DType type) {
  switch (type) {
    case DType::u8:
      return 0;
    case DType::f16:
      return 6;
    case DType::f32:
      return 7;
    case DType::bf16:
      return 9;
    default:
      return -1;
  }
}

// 0, 32, 64, 128 → 0, 1, 2, 3: both enumerations are counted so, from 32 and from 64 bytes.
int power_index(int bytes, int first) {
  int index = 0;
  for (int size = first; bytes >= size; size *= 2) ++index;
  return index;
}

}  // namespace

void CudaDevice::add_binary(uint64_t program_key, cuda::Binary binary) {
  const std::scoped_lock lock(code_->mutex);
  code_->binaries.emplace(program_key, std::move(binary));
}

bool CudaDevice::knows(uint64_t program_key) {
  const std::scoped_lock lock(code_->mutex);
  return code_->binaries.contains(program_key);
}

Result<cuda::Binary> CudaDevice::binary(const cuda::Program& program) {
  const uint64_t key = program.key();
  {
    const std::scoped_lock lock(code_->mutex);
    if (const auto known = code_->binaries.find(key); known != code_->binaries.end()) return known->second;
  }
  if (!may_load(key))
    return error(StatusCode::unsupported, fmt::format("kernel {} {}", program.name, cuda::kNotCarried));
  ++code_->compiled;
  HONE_ASSIGN(cuda::Binary made, cuda::compile(program, target_));
  if (const int least = cuda::least_driver(made.nvrtc_version, target_);
      has_card() && least > driver().version)
    return error(
        StatusCode::unsupported,
        fmt::format("what NVRTC {} makes needs a driver of CUDA {} or newer, this one supports {}: update "
                    "it, or install NVRTC 12 (pip install nvidia-cuda-nvrtc-cu12)",
                    cuda::version_text(made.nvrtc_version), cuda::version_text(least),
                    cuda::version_text(driver().version)));
  const std::scoped_lock lock(code_->mutex);
  return code_->binaries.emplace(key, std::move(made)).first->second;
}

Result<cuda::Function> CudaDevice::load(const cuda::Program& program) {
  if (notes_ != nullptr) return notes_->function_of(program);
  if (!has_card())
    return error(StatusCode::unsupported,
                 fmt::format("{} is a target without the card: {} cannot be loaded", target_, program.name));
  std::shared_ptr<Loaded> loaded;
  {
    const std::scoped_lock lock(code_->mutex);
    auto& known = code_->loaded[program.key()];
    if (known == nullptr) known = std::make_shared<Loaded>();
    loaded = known;
  }
  const std::scoped_lock lock(loaded->mutex);
  if (loaded->function != nullptr) return loaded->function;
  HONE_ASSIGN(const cuda::Binary code, binary(program));
  const cuda::Driver& d = driver();
  const cuda::Current current(d, context());
  cuda::Module module = nullptr;
  HONE_TRY(d.check(d.module_load(&module, code.code.data()),
                   fmt::format("kernel {} for {}: cuModuleLoadData", program.name, target_)));
  loaded->shared = shared_;
  loaded->module = module;
  cuda::Function function = nullptr;
  HONE_TRY(d.check(d.module_function(&function, module, program.entry.c_str()),
                   fmt::format("kernel {}: cuModuleGetFunction {}", program.name, program.entry)));
  int static_bytes = 0;
  HONE_TRY(d.check(d.function_get(&static_bytes, cuda::kFunctionStaticShared, function),
                   fmt::format("kernel {}: cuFuncGetAttribute", program.name)));
  const int most = static_cast<int>(properties_.shared_per_block_bytes) - static_bytes;
  HONE_TRY(
      d.check(d.function_set(function, cuda::kFunctionMaxDynamicShared, most),
              fmt::format("kernel {}: {} bytes of shared memory: cuFuncSetAttribute", program.name, most)));
  loaded->function = function;
  const std::scoped_lock names_lock(code_->mutex);
  code_->names.emplace(function, program.name);
  return function;
}

Result<> CudaDevice::launch(cuda::Function function, const cuda::LaunchShape& shape, cuda::Stream stream,
                            const void* params, size_t /*params_bytes: the function knows it*/) {
  if (notes_ != nullptr) return notes_->launch(function, shape), Result<>{};
  cuda::LaunchAttribute attributes[2];
  unsigned count = 0;
  if (shape.cluster > 1) {
    attributes[count].id = cuda::kClusterDimension;
    attributes[count].value.cluster[0] = shape.cluster;
    attributes[count].value.cluster[1] = attributes[count].value.cluster[2] = 1;
    ++count;
  }
  if (shape.dependent && traits_.dependent_launch && !hold_next) {
    attributes[count].id = cuda::kProgrammaticSerialization;
    attributes[count].value.flag = 1;
    ++count;
  }
  hold_next = false;
  const cuda::LaunchConfig config{.grid = {shape.grid[0], shape.grid[1], shape.grid[2]},
                                  .block = {shape.block[0], shape.block[1], shape.block[2]},
                                  .shared_bytes = shape.shared_bytes,
                                  .stream = stream,
                                  .attributes = attributes,
                                  .attribute_count = count};
  void* parameters[] = {const_cast<void*>(params)};
  const cuda::Current current(driver(), context());
  const cuda::Code code = driver().launch(&config, function, parameters, nullptr);
  if (code == cuda::kSuccess) return {};
  Result<> done = driver().check(
      code, fmt::format(
                "kernel {}: cuLaunchKernelEx of {}x{}x{} blocks of {} threads with {} bytes of shared memory",
                code_->name_of(function), shape.grid[0], shape.grid[1], shape.grid[2],
                shape.block[0] * shape.block[1] * shape.block[2], shape.shared_bytes));
  if (!launch_error) launch_error = done.error();
  return done;
}

Result<> CudaDevice::take_launch_error() {
  if (!launch_error) return {};
  Status status = std::move(*launch_error);
  launch_error.reset();
  return std::unexpected(std::move(status));
}

void CudaDevice::hold_next_launch() { hold_next = true; }

Result<cuda::TensorMap> CudaDevice::encode_tensor_map(const void* address, const TensorMapShape& shape) {
  cuda::TensorMap map;
  if (notes_ != nullptr) return map;
  const cuda::Current current(driver(), context());
  Result<> done =
      driver().check(driver().tensor_map_encode(
                         &map, tensor_map_type(shape.type), shape.rank, const_cast<void*>(address),
                         shape.extents, shape.strides_bytes, shape.box, shape.element_strides, 0,
                         power_index(shape.swizzle_bytes, 32), power_index(shape.promote_bytes, 64), 0),
                     "cuTensorMapEncodeTiled");
  if (!done) {
    if (!launch_error) launch_error = done.error();
    return std::unexpected(done.error());
  }
  return map;
}

}  // namespace hone
