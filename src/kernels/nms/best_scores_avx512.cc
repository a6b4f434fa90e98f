#if defined(__x86_64__)
#include "kernels/nms/best_scores.h"

namespace hone {

const BestScores kBestScoresAvx512 = HONE_ISA::best_scores;

}  // namespace hone
#endif
