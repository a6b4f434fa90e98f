#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <filesystem>

#include "base/npy.h"
#include "build/open_model.h"
#include "hone/arguments.h"
#include "hone/commands.h"

namespace hone {
namespace {

struct RunArguments {
  std::string model, output_dir;
  std::vector<std::string> inputs, more_inputs;
  DeviceArguments device;
  size_t threads = 0;
};

std::string file_name_of(const std::string& tensor) {
  std::string name = tensor;
  for (char& c : name)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '_' && c != '-') c = '_';
  return name + ".npy";
}

Result<> run_model(const RunArguments& a) {
  std::map<std::string, NpyArray> arrays;
  ShapeRequest request{.dynamic = false};
  std::vector<std::string> given = a.inputs;
  given.insert(given.end(), a.more_inputs.begin(), a.more_inputs.end());
  for (const auto& text : given) {
    const size_t equals = text.find('=');
    if (equals == std::string::npos)
      return error(StatusCode::invalid_argument, "--input " + text + " is not NAME=FILE.npy");
    const std::string name = text.substr(0, equals);
    if (arrays.contains(name))
      return error(StatusCode::invalid_argument, "--input names '" + name + "' twice");
    HONE_ASSIGN(NpyArray array, read_npy(text.substr(equals + 1)));
    request.shapes[name] = array.shape;
    arrays[name] = std::move(array);
  }
  BuildOptions build_options;
  build_options.level = 0;
  build_options.thread_count = a.threads;
  a.device.apply(build_options);
  HONE_ASSIGN(const auto engine, open_model(a.model, request, build_options));
  HONE_ASSIGN(const auto context,
              ExecutionContext::create(engine, {.device = a.device.device, .thread_count = a.threads}));
  for (const auto& [name, array] : arrays)
    if (std::ranges::find(engine->inputs(), name, &TensorInfo::name) == engine->inputs().end())
      return error(StatusCode::invalid_argument, "the model has no input '" + name + "'");
  std::map<std::string, const void*> inputs;
  for (const auto& info : engine->inputs()) {
    const auto found = arrays.find(info.name);
    if (found == arrays.end())
      return error(StatusCode::invalid_argument,
                   "input '" + info.name + "' is missing: give --input " + info.name + "=FILE.npy");
    if (found->second.type != info.type)
      return error(StatusCode::invalid_argument,
                   "input '" + info.name + "' takes " + std::string(dtype_name(info.type)) +
                       ", the file holds " + std::string(dtype_name(found->second.type)));
    HONE_TRY(context->set_input_shape(info.name, found->second.shape));
    inputs[info.name] = found->second.data.data();
  }
  std::map<std::string, std::vector<std::byte>> buffers;
  std::map<std::string, void*> outputs;
  for (const auto& info : engine->outputs()) {
    HONE_ASSIGN(const Shape shape, context->tensor_shape(info.name));
    HONE_ASSIGN(const size_t size, byte_count(info.type, shape));
    buffers[info.name].resize(std::max<size_t>(size, 1));
    outputs[info.name] = buffers[info.name].data();
  }
  HONE_TRY(context->run(inputs, outputs));
  std::error_code failure;
  std::filesystem::create_directories(a.output_dir, failure);
  if (failure) return error(StatusCode::resource, "cannot create " + a.output_dir + ": " + failure.message());
  for (const auto& info : engine->outputs()) {
    HONE_ASSIGN(const Shape shape, context->tensor_shape(info.name));
    const auto path = std::filesystem::path(a.output_dir) / file_name_of(info.name);
    HONE_TRY(write_npy(path, {buffers[info.name].data(), info.type, shape}));
    fmt::print("{} {}[{}] -> {}\n", info.name, dtype_name(info.type), shape_text(shape), path.string());
  }
  return {};
}

}  // namespace

void add_run(CLI::App& app, CommandLine& line) {
  CLI::App* c = app.add_subcommand("run", "Run a model on tensors from .npy files");
  auto a = std::make_shared<RunArguments>();
  c->add_option("MODEL", a->model, ".pt, .onnx or .engine")->required();
  c->add_option("INPUT", a->more_inputs, "More inputs: --input a=x.npy b=y.npy");
  c->add_option("--input", a->inputs, "NAME=FILE.npy, one for each input")->allow_extra_args(false);
  c->add_option("--output-dir", a->output_dir, "One NAME.npy an output is written here")->required();
  a->device.add_to(*c);
  add_threads(*c, a->threads);
  c->footer("example:\n  hone run yolov8n.engine --input images=x.npy --output-dir out");
  c->callback([a, &line] { line.work = [a] { return run_model(*a); }; });
}

}  // namespace hone
