#include "trtexec/log.h"

#include <cstdio>
#include <ctime>

namespace hone::trtexec {
namespace {

bool verbose_on = false;

void line(std::FILE* stream, char level, std::string_view text) {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char stamp[32];
  std::strftime(stamp, sizeof stamp, "%m/%d/%Y-%H:%M:%S", &local);
  std::fflush(stdout);
  std::fprintf(stream, "[%s] [%c] %.*s\n", stamp, level, static_cast<int>(text.size()), text.data());
}

}  // namespace

void info(std::string_view text) { line(stdout, 'I', text); }
void verbose(std::string_view text) {
  if (verbose_on) line(stdout, 'V', text);
}
void warning(std::string_view text) { line(stderr, 'W', text); }
void failure(std::string_view text) { line(stderr, 'E', text); }
void set_verbose(bool on) { verbose_on = on; }

}  // namespace hone::trtexec
