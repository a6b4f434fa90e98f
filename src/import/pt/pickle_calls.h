// What the few callables of a checkpoint mean: no code is run, each makes an object.
#pragma once

#include "import/pt/pickle_objects.h"
#include "import/pt/zip_archive.h"

namespace hone {

// The result of `callee(*arguments)`. Containers that are copied are paid for out of `copies`.
Result<ObjectId> call_global(PickleObjects& objects, ObjectId callee, ObjectId arguments, ByteBudget& copies);
// The storage that a persistent id ("storage", class, key, location, elements) names.
Result<ObjectId> load_storage(PickleObjects& objects, ObjectId persistent_id);
// Adds one entry to a dict.
Result<> set_item(PickleObjects& objects, ObjectId dict, ObjectId key, ObjectId value);
// Adds one element to a list, tuple or set.
Result<> add_item(PickleObjects& objects, ObjectId container, ObjectId item);
// `parent` is now one deeper than `child`; an error past the limit on nesting.
Result<> note_child(PickleObjects& objects, ObjectId parent, ObjectId child);

}  // namespace hone
