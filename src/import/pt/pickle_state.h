// The state of the pickle machine and its opcodes: what pickle_machine.cc runs. Opcodes are grouped by what
// they touch: pickle_stack.cc has the stack, pickle_steps.cc the opcodes.
#pragma once

#include <map>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "import/pt/little_endian.h"
#include "import/pt/pickle_limits.h"
#include "import/pt/pickle_objects.h"
#include "import/pt/pickle_opcodes.h"
#include "import/pt/zip_archive.h"

namespace hone {

class PickleMachine {
 public:
  explicit PickleMachine(std::span<const std::byte> bytes) : bytes_(bytes) {}

  Result<ObjectId> run();
  PickleObjects take_objects() { return std::move(objects_); }
  // Where the machine stopped, for messages: "model.model.22: … (opcode at byte 120)".
  Status located(const Status& status) const;

 private:
  Result<> step(Opcode opcode);
  Result<> step_number(Opcode opcode);
  Result<> step_text(Opcode opcode);
  Result<> step_container(Opcode opcode);
  Result<> step_memo(Opcode opcode);
  Result<> step_object(Opcode opcode);

  template <class T>
  Result<T> take() {
    if (bytes_.size() - at_ < sizeof(T)) return error(StatusCode::invalid_file, "the pickle is cut off");
    at_ += sizeof(T);
    return load_le<T>(bytes_, at_ - sizeof(T));
  }
  Result<std::string_view> take_bytes(uint64_t count);
  Result<std::string_view> take_line();

  Result<> push(ObjectId id) {
    stack_.push_back(id);
    return {};
  }
  Result<> push_new(Object object) { return push(objects_.add(std::move(object))); }
  Result<> push_text(ObjectKind kind, std::string_view text);
  Result<> push_integer(int64_t value);
  // How many of the stack's objects lie above the last mark.
  size_t loose() const { return stack_.size() - (marks_.empty() ? 0 : marks_.back()); }
  Result<ObjectId> pop();
  Result<ObjectId> top() const;
  Result<std::vector<ObjectId>> pop_to_mark();
  Result<> collect(ObjectKind kind, std::vector<ObjectId> items);
  Result<> add_items(ObjectKind wanted, const std::vector<ObjectId>& items);
  Result<> set_items(const std::vector<ObjectId>& pairs);
  Result<> remember(uint64_t index);
  Result<> recall(uint64_t index);
  Result<> push_global(std::string_view module, std::string_view name);
  Result<> call(ObjectId callee, ObjectId arguments);
  Result<> build(ObjectId state);

  std::span<const std::byte> bytes_;
  size_t at_ = 0, opcode_at_ = 0, op_count_ = 0;
  PickleObjects objects_;
  std::vector<ObjectId> stack_, memo_;
  std::vector<size_t> marks_;
  std::map<std::string, ObjectId, std::less<>> globals_;
  ByteBudget copies_{kMaxPickleCopyBytes};
};

}  // namespace hone
