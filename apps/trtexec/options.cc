#include "trtexec/options.h"

#include <charconv>
#include <functional>

namespace hone::trtexec {
namespace {

Result<double> number(const std::string& flag, const std::string& text) {
  double value = 0;
  const auto [end, failure] =
      std::from_chars(text.data(), text.data() + text.size(), value);  // rubbish behind it is ignored
  if (failure != std::errc{})
    return error(StatusCode::invalid_argument, flag + "=" + text + " is not a number");
  return value;
}

std::vector<std::string> split(const std::string& text, char separator) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == separator)
      parts.emplace_back();
    else if (c != ' ' || !parts.back().empty())
      parts.back() += c;
  }
  return parts;
}

// Bare numbers are MiB; B, K, M, G (and KiB, MiB, GiB, MB, …) as meant.
Result<double> pool_bytes(const std::string& text) {
  HONE_ASSIGN(const double value, number("--memPoolSize", text));
  const size_t unit = text.find_first_of("BbKkMmGg");
  if (unit == std::string::npos) return value * 1024 * 1024;
  switch (text[unit]) {
    case 'K':
    case 'k':
      return value * 1024;
    case 'M':
    case 'm':
      return value * 1024 * 1024;
    case 'G':
    case 'g':
      return value * 1024 * 1024 * 1024;
    default:
      return value;
  }
}

Result<double> workspace_bytes(const std::string& text) {
  double bytes = 0;
  for (const auto& pool : split(text, ',')) {
    const size_t colon = pool.find(':');
    if (colon == std::string::npos)
      return error(StatusCode::invalid_argument, "--memPoolSize=" + text + " is not pool:size");
    HONE_ASSIGN(const double size, pool_bytes(pool.substr(colon + 1)));
    if (size < 0) return error(StatusCode::invalid_argument, "--memPoolSize=" + text + " is negative");
    if (pool.substr(0, colon) == "workspace") bytes = size;
  }
  return bytes;
}

struct Flag {
  const char* name;
  const char* help;
  std::function<Result<>(Options&, const std::string&)> set;
};

template <class T>
std::function<Result<>(Options&, const std::string&)> text_to(T Options::* field) {
  return [field](Options& o, const std::string& value) -> Result<> {
    o.*field = value;
    return {};
  };
}
std::function<Result<>(Options&, const std::string&)> on(bool Options::* field) {
  return [field](Options& o, const std::string&) -> Result<> {
    o.*field = true;
    return {};
  };
}
std::function<Result<>(Options&, const std::string&)> shapes_to(
    std::map<std::string, Shape> Options::* field) {
  return [field](Options& o, const std::string& value) -> Result<> {
    HONE_ASSIGN(o.*field, parse_shapes(value));
    return {};
  };
}
template <class T>
std::function<Result<>(Options&, const std::string&)> number_to(T Options::* field, const char* flag,
                                                                double least, double most) {
  return [=](Options& o, const std::string& text) -> Result<> {
    HONE_ASSIGN(const double value, number(flag, text));
    if (value < least || value > most)
      return error(StatusCode::invalid_argument, std::string(flag) + "=" + text + " is out of range");
    o.*field = static_cast<T>(value);
    return {};
  };
}
std::function<Result<>(Options&, const std::string&)> no_effect(const char* name) {
  return [name](Options& o, const std::string&) -> Result<> {
    o.without_effect.emplace_back(name);
    return {};
  };
}

const std::vector<Flag>& flags() {
  static const std::vector<Flag> kFlags = {
      {"--onnx", "=FILE  ONNX model (a .pt works too)", text_to(&Options::onnx)},
      {"--saveEngine", "=FILE  write the engine", text_to(&Options::save_engine)},
      {"--loadEngine", "=FILE  run an engine, no building", text_to(&Options::load_engine)},
      {"--minShapes", "=NAME:SHAPE,…  least shapes", shapes_to(&Options::min_shapes)},
      {"--optShapes", "=NAME:SHAPE,…  shapes to be fastest at", shapes_to(&Options::opt_shapes)},
      {"--maxShapes", "=NAME:SHAPE,…  largest shapes", shapes_to(&Options::max_shapes)},
      {"--shapes", "=NAME:SHAPE,…  shapes to run with", shapes_to(&Options::shapes)},
      {"--fp16", "  allow half precision", on(&Options::fp16)},
      {"--bf16", "  allow bfloat16", on(&Options::bf16)},
      {"--int8", "  allow int8", on(&Options::int8)},
      {"--best", "  allow every precision", on(&Options::best)},
      {"--iterations", "=N  at least this many runs (default 10)",
       number_to(&Options::iterations, "--iterations", 0, 1e9)},
      {"--warmUp", "=MS  run this long before measuring (default 200)",
       number_to(&Options::warm_up_ms, "--warmUp", 0, 1e9)},
      {"--duration", "=S  measure at least this long (default 3)",
       number_to(&Options::duration_s, "--duration", 0, 1e6)},
      {"--avgRuns", "=N  runs a line of averages (default 10)",
       number_to(&Options::average_runs, "--avgRuns", 1, 1e9)},
      {"--percentile", "=P,…  percentiles to report (default 90,95,99)",
       [](Options& o, const std::string& text) -> Result<> {
         o.percentiles.clear();
         for (const auto& part : split(text, ',')) {
           HONE_ASSIGN(const double p, number("--percentile", part));
           if (p < 0 || p > 100)
             return error(StatusCode::invalid_argument, "--percentile=" + text + " is not in 0..100");
           o.percentiles.push_back(p);
         }
         return {};
       }},
      {"--skipInference", "  build and save only", on(&Options::skip_inference)},
      {"--buildOnly", "  the same", on(&Options::skip_inference)},
      {"--timingCacheFile", "=FILE  remember kernel timings", text_to(&Options::timing_cache)},
      {"--builderOptimizationLevel", "=0..5  how much is measured (default 3)",
       number_to(&Options::level, "--builderOptimizationLevel", 0, 5)},
      {"--memPoolSize", "=workspace:SIZE  stay under this while building",
       [](Options& o, const std::string& text) -> Result<> {
         HONE_ASSIGN(o.memory_limit_bytes, workspace_bytes(text));
         return {};
       }},
      {"--workspace", "=MiB  the same, old form",
       [](Options& o, const std::string& text) -> Result<> {
         HONE_ASSIGN(const double mib, number("--workspace", text));
         o.memory_limit_bytes = mib * 1024 * 1024;
         return {};
       }},
      {"--verbose", "  everything that happens", on(&Options::verbose)},
      {"--help", "  this text", on(&Options::help)},
      {"-h", "  this text", on(&Options::help)},
      {"--explicitBatch", "", no_effect("--explicitBatch")},
      {"--useCudaGraph", "", no_effect("--useCudaGraph")},
      {"--useSpinWait", "", no_effect("--useSpinWait")},
      {"--noDataTransfers", "", no_effect("--noDataTransfers")},
      {"--noTF32", "", no_effect("--noTF32")},
      {"--profilingVerbosity", "", no_effect("--profilingVerbosity")},
      {"--separateProfileRun", "", no_effect("--separateProfileRun")},
      {"--stronglyTyped", "", no_effect("--stronglyTyped")},
      {"--device", "", no_effect("--device")},
  };
  return kFlags;
}

}  // namespace

Result<std::map<std::string, Shape>> parse_shapes(const std::string& text) {
  std::map<std::string, Shape> shapes;
  for (std::string part : split(text, ',')) {
    const size_t colon = part.rfind(':');
    if (colon == std::string::npos || colon == 0)
      return error(StatusCode::invalid_argument,
                   "conversion failure: failed to parse shapes: '" + part + "' is not name:1x3x640x640");
    std::string name = part.substr(0, colon);
    if (name.size() >= 2 && name.front() == '\'' && name.back() == '\'')
      name = name.substr(1, name.size() - 2);
    const std::string dims = part.substr(colon + 1);
    Shape shape;
    if (!dims.empty() && dims != "scalar") {
      HONE_ASSIGN(shape, parse_shape(dims));
    }
    shapes[name] = std::move(shape);
  }
  return shapes;
}

Result<Options> parse_options(const std::vector<std::string>& arguments) {
  Options options;
  std::map<std::string, int> seen;
  for (const auto& argument : arguments) {
    const size_t equals = argument.find('=');
    const std::string name = argument.substr(0, equals);
    const std::string value = equals == std::string::npos ? "" : argument.substr(equals + 1);
    const Flag* flag = nullptr;
    for (const auto& f : flags())
      if (name == f.name) flag = &f;
    if (!flag || seen[name]++ > 0) {  // a flag given twice is unknown the second time, as in trtexec
      options.unknown.push_back(value.empty() ? name : name + " " + value);
      continue;
    }
    HONE_TRY(flag->set(options, value));
  }
  return options;
}

std::string help_text() {
  std::string text = "=== trtexec options hone understands ===\n";
  for (const auto& flag : flags())
    if (*flag.help) text += std::string("  ") + flag.name + flag.help + "\n";
  return text +
         "\nexample:\n  trtexec --onnx=yolov8m.onnx --saveEngine=yolov8m.engine --fp16 "
         "--minShapes=images:1x3x640x640 "
         "--optShapes=images:4x3x736x1280 --maxShapes=images:4x3x736x1280\n";
}

}  // namespace hone::trtexec
