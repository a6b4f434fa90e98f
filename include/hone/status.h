// Errors are values: every call that meets a file, a user or a device returns Result<T>.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace hone {

enum class StatusCode {
  invalid_argument,  // the caller asked for something that cannot be
  invalid_file,      // a file is damaged, truncated, hostile or of another format
  not_found,         // a file, tensor, device or plug-in is not there
  unsupported,       // well-formed, but hone has no code for it
  out_of_range,      // a shape outside the engine's profile
  resource,          // memory, disk or a limit ran out
  device,            // a driver or device reported an error
  internal,          // hone's own mistake
};

// What went wrong: one clear sentence that names the thing, what was found and what was wanted.
struct Status {
  StatusCode code = StatusCode::internal;
  std::string message;
};

template <class T = void>
using Result = std::expected<T, Status>;

[[nodiscard]] inline std::unexpected<Status> error(StatusCode code, std::string message) {
  return std::unexpected<Status>(Status{code, std::move(message)});
}

// Puts "context: " before the message of a failed result, so that the sentence names the file or node.
template <class T>
[[nodiscard]] std::unexpected<Status> error_in(const std::string& context,
                                               const std::expected<T, Status>& failed) {
  return error(failed.error().code, context + ": " + failed.error().message);
}

}  // namespace hone

#define HONE_CONCAT_INNER(a, b) a##b
#define HONE_CONCAT(a, b) HONE_CONCAT_INNER(a, b)

// HONE_TRY(expression): returns the error of a Result<void>, or goes on.
#define HONE_TRY(...)                                                                 \
  do {                                                                                \
    auto&& hone_try_result = (__VA_ARGS__);                                           \
    if (!hone_try_result) return std::unexpected(std::move(hone_try_result.error())); \
  } while (0)

// HONE_ASSIGN(auto x, expression): x is the value of a Result<T>, or the error is returned.
#define HONE_ASSIGN(declaration, ...) \
  HONE_ASSIGN_INNER(HONE_CONCAT(hone_result_, __LINE__), declaration, __VA_ARGS__)
#define HONE_ASSIGN_INNER(name, declaration, ...)             \
  auto name = (__VA_ARGS__);                                  \
  if (!name) return std::unexpected(std::move(name.error())); \
  declaration = std::move(*name)
