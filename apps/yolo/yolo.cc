#include "yolo/yolo.h"

#include <cstdio>

#include "base/log.h"
#include "yolo/arguments.h"
#include "yolo/export.h"
#include "yolo/predict.h"

namespace hone {
namespace {

constexpr const char* kHelp =
    R"(yolo TASK MODE key=value …        (hone's front door for Ultralytics' command lines)

  yolo export model=yolov8m.pt format=onnx simplify=True dynamic=True batch=4 imgsz=1280 half=True
  yolo export model=yolov8m.pt format=engine imgsz=736,1280 batch=4 dynamic=True
  yolo predict model=yolov8n.pt source=bus.jpg conf=0.25 save_txt=True

  TASK   detect (read from the model; a typed one is believed for exported files)
  MODE   export, predict
  export   model format(onnx, engine) imgsz batch half dynamic simplify opset device workspace
  predict  model source imgsz conf iou max_det classes agnostic_nms rect save save_txt save_conf project name exist_ok
)";

}  // namespace

int yolo_main(int argc, char** argv) {
  auto arguments = yolo::parse_arguments({argv + 1, argv + argc});
  if (arguments && arguments->version) return std::printf("hone %s\n", HONE_VERSION), 0;
  if (argc <= 1 || (arguments && arguments->help)) return std::printf("%s", kHelp), 0;
  Result<> done;
  if (!arguments) {
    std::printf("%s\n", kHelp);
    done = std::unexpected(arguments.error());
  } else {
    for (const auto& line : arguments->warnings) std::printf("WARNING ⚠️ %s\n", line.c_str());
    if (!arguments->flag("verbose", true)) set_log_level(LogLevel::warning);
    if (arguments->mode == "export")
      done = yolo::run_export(*arguments);
    else if (arguments->mode == "predict")
      done = yolo::run_predict(*arguments);
    else if (arguments->mode.empty())
      done = error(StatusCode::invalid_argument, "'mode' is missing: hone has the modes export and predict");
    else
      done = error(StatusCode::unsupported,
                   "mode '" + arguments->mode + "' is not available in this hone: use export or predict");
  }
  if (done) return 0;
  std::fflush(stdout);
  std::fprintf(stderr, "%s\n", done.error().message.c_str());
  return 1;
}

}  // namespace hone
