// `hone inspect --html`: one page that needs nothing else.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace hone {

// From what --json writes; every name in it is escaped.
std::string inspect_html(const nlohmann::ordered_json& report);

}  // namespace hone
