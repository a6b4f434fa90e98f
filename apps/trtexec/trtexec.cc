#include "trtexec/trtexec.h"

#include <fmt/format.h>

#include <chrono>
#include <cstdio>

#include "base/log.h"
#include "build/model.h"
#include "build/open_model.h"
#include "hone/build.h"
#include "measure/measure.h"
#include "trtexec/log.h"
#include "trtexec/options.h"
#include "trtexec/report.h"

namespace hone {
namespace trtexec {
namespace {

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Fills what is missing of min, opt and max: min from opt else max, opt from max else min, max from opt else
// min.
void broadcast_shapes(Options& o) {
  const auto fill = [](auto& target, const char* name, const auto& first, const char* first_name,
                       const auto& second, const char* second_name) {
    if (!target.empty() || (first.empty() && second.empty())) return;
    warning(fmt::format("{}Shapes is being broadcasted to {}Shapes", first.empty() ? second_name : first_name,
                        name));
    target = first.empty() ? second : first;
  };
  if (o.min_shapes.empty() && o.opt_shapes.empty() && o.max_shapes.empty())
    o.min_shapes = o.opt_shapes = o.max_shapes = o.shapes;
  fill(o.min_shapes, "min", o.opt_shapes, "opt", o.max_shapes, "max");
  fill(o.opt_shapes, "opt", o.max_shapes, "max", o.min_shapes, "min");
  fill(o.max_shapes, "max", o.opt_shapes, "opt", o.min_shapes, "min");
}

Result<Profile> make_profile(const Graph& graph, Options& o) {
  broadcast_shapes(o);
  std::map<std::string, const Value*> inputs;
  bool dynamic = false;
  for (const ValueId id : graph.inputs) {
    inputs[graph.value(id).name] = &graph.value(id);
    dynamic = dynamic || !is_concrete(graph.desc(id).shape);
  }
  for (const auto* shapes : {&o.min_shapes, &o.opt_shapes, &o.max_shapes, &o.shapes})
    for (const auto& [name, shape] : *shapes)
      if (!inputs.contains(name))
        return error(StatusCode::invalid_argument,
                     "Cannot find input tensor with name \"" + name +
                         "\" in the network inputs! Please make sure the input tensor names are correct.");
  Profile profile;
  if (!dynamic) {
    if (!o.opt_shapes.empty())
      return error(StatusCode::invalid_argument,
                   "Static model does not take explicit shapes since the shape of inference tensors will be "
                   "determined by the model itself");
    return profile;
  }
  for (const auto& [name, value] : inputs) {
    if (is_concrete(value->desc.shape)) continue;
    if (!o.opt_shapes.contains(name)) {
      Shape shape = value->desc.shape;
      for (int64_t& d : shape)
        if (d < 0) d = 1;
      warning("Dynamic dimensions required for input: " + name +
              ", but no shapes were provided. Automatically overriding shape to: " + shape_text(shape));
      o.min_shapes[name] = o.opt_shapes[name] = o.max_shapes[name] = shape;
    }
    const auto at = [&](const std::map<std::string, Shape>& shapes) {
      return shapes.contains(name) ? shapes.at(name) : o.opt_shapes[name];
    };
    profile[name] = {at(o.min_shapes), o.opt_shapes[name], at(o.max_shapes)};
    info(fmt::format("Set shape of input tensor {} for optimization profile 0 to: MIN={} OPT={} MAX={}", name,
                     shape_text(profile[name].min), shape_text(profile[name].opt),
                     shape_text(profile[name].max)));
  }
  return profile;
}

Result<std::shared_ptr<const Engine>> build_engine(Options& o) {
  info("Start parsing network model.");
  auto start = std::chrono::steady_clock::now();
  HONE_ASSIGN(const Graph graph, import_model(o.onnx));
  info("Finished parsing network model. Parse time: " + float_text(seconds_since(start)));
  BuildOptions options;
  HONE_ASSIGN(Profile profile, make_profile(graph, o));
  if (!profile.empty()) options.profiles.push_back(std::move(profile));
  if (o.fp16 || o.best) options.precisions.push_back("f16");
  if (o.bf16 || o.best) options.precisions.push_back("bf16");
  if (o.int8) warning("int8 kernels are not available on this device: they are not used");
  options.level = o.level;
  options.memory_limit_bytes = static_cast<size_t>(o.memory_limit_bytes);
  options.timing_cache = o.timing_cache;
  options.progress = [](const std::string& stage, double) { verbose("building: " + stage); };
  start = std::chrono::steady_clock::now();
  if (o.save_engine.empty()) {
    BuildReport report;
    HONE_ASSIGN(auto engine, build(o.onnx, options, &report));
    info("Engine built in " + float_text(seconds_since(start)) + " sec.");
    return engine;
  }
  HONE_ASSIGN(const BuildReport report, build(o.onnx, o.save_engine, options));
  for (const auto& note : report.notes) warning(note);
  info("Created engine with size: " + float_text(static_cast<double>(report.engine_bytes) / 1048576) +
       " MiB");
  info("Engine built in " + float_text(seconds_since(start)) + " sec.");
  return Engine::open(o.save_engine);
}

Result<> set_shapes(const Engine& engine, ExecutionContext& context, const Options& o) {
  for (const auto& [name, shape] : o.shapes) {
    bool known = false;
    for (const auto& input : engine.inputs()) known = known || input.name == name;
    if (!known)
      return error(StatusCode::invalid_argument,
                   "Cannot find input tensor with name \"" + name +
                       "\" in the engine bindings! Please make sure the input tensor names are correct.");
  }
  for (const auto& input : engine.inputs()) {
    Shape shape = input.shape;
    if (o.shapes.contains(input.name))
      shape = o.shapes.at(input.name);
    else if (!is_concrete(shape)) {
      if (o.load_engine.empty() && o.opt_shapes.contains(input.name))
        shape = o.opt_shapes.at(input.name);
      else {
        for (int64_t& d : shape)
          if (d < 0) d = 1;
        warning("Shape missing for input with dynamic shape: " + input.name +
                " Automatically setting shape to: " + shape_text(shape));
      }
    }
    HONE_TRY(context.set_input_shape(input.name, shape));
    if (!is_concrete(input.shape))
      info("Set shape of input tensor " + input.name + " to: " + shape_text(shape));
  }
  return {};
}

Result<> infer_and_report(const std::shared_ptr<const Engine>& engine, const Options& o) {
  HONE_ASSIGN(const auto context, ExecutionContext::create(engine, {}));
  if (const auto set = set_shapes(*engine, *context, o); !set) {
    failure(set.error().message);
    return error(set.error().code, "Inference set up failed");
  }
  info("Created execution context with device memory size: " +
       float_text(static_cast<double>(context->memory_bytes()) / 1048576) + " MiB");
  HONE_ASSIGN(HostBuffers buffers, HostBuffers::create(*engine, *context));
  for (size_t i = 0; i < engine->inputs().size(); ++i) {
    const auto& t = engine->inputs()[i];
    info("Using random values for input " + t.name);
    info(fmt::format("Input binding for {} with dimensions {} and type {} is created.", t.name,
                     shape_text(buffers.input_shapes()[i]),
                     t.type == DType::f16   ? "fp16"
                     : t.type == DType::f32 ? "fp32"
                                            : dtype_name(t.type)));
  }
  for (size_t i = 0; i < engine->outputs().size(); ++i) {
    const auto& t = engine->outputs()[i];
    info(fmt::format("Output binding for {} with dimensions {} and type {} is created.", t.name,
                     shape_text(buffers.output_shapes()[i]),
                     t.type == DType::f16   ? "fp16"
                     : t.type == DType::f32 ? "fp32"
                                            : dtype_name(t.type)));
  }
  info("Starting inference");
  MeasureOptions options;
  options.warm_up = std::chrono::milliseconds(static_cast<int64_t>(o.warm_up_ms));
  options.duration = std::chrono::milliseconds(static_cast<int64_t>(o.duration_s * 1000));
  options.iterations = std::max<size_t>(o.iterations, 1);
  HONE_ASSIGN(const Measurement m, measure(*context, buffers, options));
  info(fmt::format("Warmup completed {} queries over {} ms", m.warm_up_runs, float_text(o.warm_up_ms)));
  info(fmt::format("Timing trace has {} queries over {} s", m.run_ms.size(),
                   float_text(m.walltime_ms / 1000)));
  print_trace(m, o.average_runs);
  print_summary(m, o, context->device());
  return {};
}

Result<> work(Options& o) {
  print_options(o);
  print_device();
  info("TensorRT version: 10.16.1 (hone " HONE_VERSION ")");
  for (const auto& flag : o.without_effect) verbose(flag + " changes nothing here");
  std::shared_ptr<const Engine> engine;
  if (!o.load_engine.empty()) {
    const auto start = std::chrono::steady_clock::now();
    HONE_ASSIGN(engine, Engine::open(o.load_engine));
    info("Engine deserialized in " + float_text(seconds_since(start)) + " sec.");
  } else {
    auto built = build_engine(o);
    if (!built) {
      failure(built.error().message);
      return error(built.error().code, "Engine set up failed");
    }
    engine = std::move(*built);
  }
  if (o.skip_inference) {
    info("Skipped inference phase since --skipInference is added.");
    return {};
  }
  return infer_and_report(engine, o);
}

}  // namespace
}  // namespace trtexec

int trtexec_main(int argc, char** argv) {
  using namespace trtexec;
  const std::vector<std::string> arguments(argv + 1, argv + argc);
  std::string line;
  for (int i = 0; i < argc; ++i) line += std::string(i ? " " : "") + argv[i];
  const auto frame = [&](const char* state) {
    std::printf("&&&& %s TensorRT.trtexec [TensorRT v101601] [hone " HONE_VERSION "] # %s\n", state,
                line.c_str());
  };
  auto parsed = parse_options(arguments);
  if (arguments.empty() || (parsed && parsed->help)) {
    std::printf("%s", help_text().c_str());
    return 0;
  }
  frame("RUNNING");
  const auto failed = [&](const std::string& why) {
    failure(why);
    frame("FAILED");
    return 1;
  };
  if (!parsed) return failed(parsed.error().message);
  Options& options = *parsed;
  set_verbose(options.verbose);
  set_log_sink([](LogLevel level, std::string_view text) {
    level == LogLevel::warning ? warning(text) : verbose(text);
  });
  if (!options.unknown.empty()) {
    std::printf("%s", help_text().c_str());
    for (const auto& unknown : options.unknown) failure("Unknown option: " + unknown);
    frame("FAILED");
    return 1;
  }
  if (options.onnx.empty() && options.load_engine.empty())
    return failed("Model missing or format not recognized");
  if (!options.save_engine.empty() && !options.load_engine.empty())
    return failed("--saveEngine and --loadEngine cannot be used together");
  if (const auto done = work(options); !done) return failed(done.error().message);
  frame("PASSED");
  return 0;
}

}  // namespace hone
