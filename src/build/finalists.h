// The tuner's best candidates once more, where they will run: in the whole network's captured graph.
#pragma once

#include <memory>

#include "device/cuda/cuda_device.h"
#include "plan/plan.h"
#include "tactics/tactics.h"

namespace hone {

// A kernel timed alone reads dense tensors that nothing else has touched; in the network its operands are
// slices of wider buffers, partly in L2, and its launch overlaps its neighbours'. So each group of nodes with
// one problem tries its runners-up in turn, the whole network running alternately with and without, and keeps
// what makes the whole faster. `choices` are those of `bound`, measured by choose() under the same options,
// whose deadline is `deadline`. Nothing is compared under a memory limit. The number of networks compared, or
// an error of the device.
Result<size_t> time_finalists(const Graph& bound, const PlanOptions& plan_options,
                              std::shared_ptr<CudaDevice> device, const TacticOptions& tactics,
                              std::chrono::steady_clock::time_point deadline, Choices& choices);

}  // namespace hone
