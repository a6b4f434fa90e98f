// The pickle machine: protocols 2 to 5, as far as torch.save writes them. Nothing is run; names that are not
// on the list of known_globals.h are an error, and every cost has a limit (pickle_limits.h).
#pragma once

#include "import/pt/pickle_objects.h"
#include "ir/constant.h"

namespace hone {

struct Pickle {
  PickleObjects objects;
  ObjectId root = 0;
};

// Text and bytes objects are views of `bytes`, which the objects keep alive.
Result<Pickle> read_pickle(Bytes bytes);

}  // namespace hone
