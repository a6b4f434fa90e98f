// trtexec's log lines: "[mm/dd/yyyy-hh:mm:ss] [I] text"; I and V on stdout, W and E on stderr.
#pragma once

#include <string_view>

namespace hone::trtexec {

void info(std::string_view text);
void verbose(std::string_view text);
void warning(std::string_view text);
void failure(std::string_view text);
void set_verbose(bool on);

}  // namespace hone::trtexec
