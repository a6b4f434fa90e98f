// Which pictures a user means.
#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "hone/status.h"

namespace hone {

// Each source is a picture file, a folder (its pictures, not those of folders in it, sorted by name), a
// pattern with *, ?,
// [...] or ** (any depth), or a .txt file that lists sources, one a line, relative to the working folder or
// else to the list. A folder, pattern or list that holds no picture is an error, as is a file that is not
// there (StatusCode::not_found).
Result<std::vector<std::filesystem::path>> find_pictures(std::span<const std::string> sources);

// By its ending, in any case: those that read_picture() reads.
bool is_picture_name(const std::filesystem::path& path);

}  // namespace hone
