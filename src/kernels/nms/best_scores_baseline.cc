#include "kernels/nms/best_scores.h"

namespace hone {

const BestScores kBestScoresBaseline = HONE_ISA::best_scores;

}  // namespace hone
