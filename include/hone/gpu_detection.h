// Pictures in, boxes out on a GPU, for those who run an ExecutionContext themselves; Detector uses it by
// itself.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <vector>

#include "hone/engine.h"
#include "hone/picture.h"
#include "hone/preprocess.h"

namespace hone {

// Letterbox, network, threshold and non-maximum suppression as one launch: u8 pictures go to the GPU, boxes
// come back. Numbers are those of Letterboxer and DetectionSelector around the same network. Belongs to one
// thread at a time, with its context.
class GpuDetection {
 public:
  // The engine has one f32 or f16 input N x 3 x height x width. `context` runs it on a GPU and outlives this.
  // An error says what is missing: a GPU (StatusCode::unsupported), machine code and NVRTC (not_found).
  // `thread_count` threads copy pictures that lie in pageable memory; 0: every usable core.
  static Result<std::unique_ptr<GpuDetection>> create(const Engine& engine, ExecutionContext& context,
                                                      size_t thread_count = 1);
  ~GpuDetection();

  // For the first images of the context's input in its current shape; the rest of the batch is zeros.
  // Pictures may differ in size and format; geometry[i] places picture i in the input. A picture's memory may
  // be of the GPU (it is read there), page-locked (ExecutionContext::host_memory; the GPU copies it) or any
  // other (copied by way of page-locked memory). Output 0 is [N, 4 + classes, anchors]. Boxes are in pixels
  // of the input, best first, a vector a picture. Returns when they are there.
  Result<std::vector<std::vector<Detection>>> run(std::span<const ImageView> images,
                                                  std::span<const LetterboxGeometry> geometry,
                                                  const SelectionOptions& options);
  // Output 0 itself, for engines that select boxes on their own: dense, valid until the next call.
  Result<std::span<const std::byte>> run_raw(std::span<const ImageView> images,
                                             std::span<const LetterboxGeometry> geometry);

 private:
  struct State;
  explicit GpuDetection(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace hone
