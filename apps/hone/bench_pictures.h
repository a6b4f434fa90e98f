// `hone bench --end-to-end`: the way from a picture to boxes, beside the network alone.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "hone/detector.h"
#include "hone/engine.h"

namespace hone {

struct PictureBench {
  std::string picture;
  size_t batch = 1, runs = 200;
  DetectorOptions options;
};

// Prints medians of detect() with the picture in memory of Detector::host_memory (on a GPU page-locked) and
// in any other, beside the network alone at the same shape.
Result<> bench_pictures(const std::shared_ptr<const Engine>& engine, const PictureBench& bench);

}  // namespace hone
