// Finds objects in one picture: detect ENGINE PICTURE
#include <hone/detector.h>
#include <hone/picture.h>

#include <cstdio>

int main(int argc, char** argv) {
  if (argc != 3) return std::fprintf(stderr, "usage: detect ENGINE PICTURE\n"), 2;
  const auto engine = hone::Engine::open(argv[1]);
  if (!engine) return std::fprintf(stderr, "%s\n", engine.error().message.c_str()), 1;
  const auto detector = hone::Detector::create(*engine, {.conf = 0.25f});
  if (!detector) return std::fprintf(stderr, "%s\n", detector.error().message.c_str()), 1;
  const auto picture = hone::read_picture(argv[2]);
  if (!picture) return std::fprintf(stderr, "%s\n", picture.error().message.c_str()), 1;
  const auto found = (*detector)->detect(picture->view());
  if (!found) return std::fprintf(stderr, "%s\n", found.error().message.c_str()), 1;
  const auto& names = (*detector)->class_names();
  for (const auto& box : found->boxes) {
    const auto& [x1, y1, x2, y2] = box.box_xyxy_px;
    const auto id = static_cast<size_t>(box.class_id);
    std::printf("%s %.3f  %.1f %.1f %.1f %.1f\n", id < names.size() ? names[id].c_str() : "?", box.score, x1,
                y1, x2, y2);
  }
}
