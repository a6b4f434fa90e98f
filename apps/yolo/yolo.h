// The `yolo` command line people already have: `yolo export model=… format=onnx`, `yolo predict model=…
// source=…`.
#pragma once

namespace hone {
int yolo_main(int argc, char** argv);
}
