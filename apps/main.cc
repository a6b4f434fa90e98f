// One program behind three names.
#include <filesystem>
#include <string_view>

#include "hone/commands.h"
#include "trtexec/trtexec.h"
#include "yolo/yolo.h"

int main(int argc, char** argv) {
  const std::string called = argc > 0 ? std::filesystem::path(argv[0]).filename().string() : "hone";
  if (called == "yolo") return hone::yolo_main(argc, argv);
  if (called == "trtexec") return hone::trtexec_main(argc, argv);
  return hone::hone_main(argc, argv);
}
