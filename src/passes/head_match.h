// Steps of the anchor-free YOLO head as exporters write it out in primitives (ultralytics_cli.md, section 7;
// decode: detection_math.md, section 2). Every step either fits exactly or the head is left alone.
#pragma once

#include <optional>
#include <vector>

#include "passes/rewrite.h"

namespace hone {

// A contiguous part of a value along one axis: what a Slice or an output of a Split is.
struct Part {
  ValueId source = kNoValue;
  int64_t start = 0, count = 0;
};
std::optional<Part> part_along(const Rewriter& rewriter, ValueId id, size_t axis);
// The values a Concat along `axis` joins; the value itself when there is no such Concat.
std::vector<ValueId> joined_along(const Rewriter& rewriter, ValueId id, size_t axis);

// The boxes of the head in grid units times stride.
struct BoxChain {
  ValueId distances = kNoValue;  // [N, 4, A]: left, top, right, bottom
  std::vector<float> anchors;    // [2, A]
  std::vector<float> strides;    // [A]
  bool xyxy = false;
};
std::optional<BoxChain> match_boxes(const Rewriter& rewriter, ValueId boxes);

// The softmax expectation: [N, 4*bins, A] in, [N, 4, A] out. Without one the distances are read as they are,
// bins 1.
struct Expectation {
  ValueId source = kNoValue;
  int64_t bins = 1;
};
Expectation match_expectation(const Rewriter& rewriter, ValueId distances);

// The maps [N, C, h, w] of each level behind the flat values.
struct Levels {
  std::vector<ValueId> boxes, classes;
};
std::optional<Levels> match_levels(const Rewriter& rewriter, ValueId boxes, ValueId classes);

}  // namespace hone
