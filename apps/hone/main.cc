#include <CLI/CLI.hpp>
#include <cstdio>

#include "base/log.h"
#include "hone/commands.h"

namespace hone {
namespace {

constexpr const char* kExamples = R"(examples:
  hone detect yolov8n.pt bus.jpg --save out --json out/boxes.json
  hone build yolov8m.pt -o yolov8m.engine --imgsz 640 --timing-cache tune.cache
  hone detect yolov8m.engine pictures/ --save out
  hone bench yolov8m.engine --shape images:1x3x640x640
  hone inspect yolov8m.engine

MODEL is a .pt, an .onnx or an .engine everywhere. `hone COMMAND --help` says more of each.)";

bool is_command(const CLI::App& app, const std::string& word) {
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; }))
    if (command->check_name(word)) return true;
  return false;
}

}  // namespace

int hone_main(int argc, char** argv) {
  CLI::App app("hone makes trained vision networks run as fast as the hardware allows.", "hone");
  app.footer(kExamples);
  app.require_subcommand(1);
  app.set_version_flag("--version", "hone " HONE_VERSION);
  CommandLine line;
  for (const auto add :
       {add_detect, add_build, add_export, add_run, add_bench, add_inspect, add_doctor, add_demo})
    add(app, line);
  for (CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    command->add_flag("-q,--quiet", line.quiet, "Results and errors only")->group("Common");
    command->add_flag("-v,--verbose", line.verbose, "Everything that happens")->group("Common");
  }
  if (argc > 1 && argv[1][0] != '-' && !is_command(app, argv[1])) {
    std::fprintf(stderr, "hone: there is no command '%s'; `hone --help` lists them\n", argv[1]);
    return 2;
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& failed) {
    return app.exit(failed) == 0 ? 0 : 2;
  }
  set_log_level(line.quiet ? LogLevel::quiet : line.verbose ? LogLevel::verbose : LogLevel::info);
  const Result<> done = line.work();
  if (done) return 0;
  std::fprintf(stderr, "hone: %s\n", done.error().message.c_str());
  return 1;
}

}  // namespace hone
