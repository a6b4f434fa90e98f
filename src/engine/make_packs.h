// Packs made on several threads, taken one after the other.
#pragma once

#include <functional>
#include <span>

#include "engine/engine_data.h"

namespace hone {

// Calls take(key, bytes) for each pack, in order, on the calling thread; other threads make the next ones
// meanwhile, no more than a few ahead. Stops at the first error.
Result<> make_packs(std::span<const PackToMake> packs,
                    const std::function<Result<>(uint64_t key, std::span<const std::byte> bytes)>& take);

}  // namespace hone
