// The subcommands of hone. Each adds itself to the command line and does its work when it is chosen.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "hone/engine.h"
#include "hone/status.h"

namespace CLI {
class App;
}

namespace hone {

int hone_main(int argc, char** argv);

// Set by the chosen subcommand's callback; main turns it into the exit code.
struct CommandLine {
  bool quiet = false, verbose = false;
  std::function<Result<>()> work;
};

void add_detect(CLI::App& app, CommandLine& line);
void add_build(CLI::App& app, CommandLine& line);
void add_export(CLI::App& app, CommandLine& line);
void add_run(CLI::App& app, CommandLine& line);
void add_bench(CLI::App& app, CommandLine& line);
void add_inspect(CLI::App& app, CommandLine& line);
void add_doctor(CLI::App& app, CommandLine& line);
void add_demo(CLI::App& app, CommandLine& line);

}  // namespace hone
