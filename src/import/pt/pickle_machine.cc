#include "import/pt/pickle_machine.h"

#include <fmt/format.h>

#include "import/pt/pickle_path.h"
#include "import/pt/pickle_state.h"

namespace hone {
namespace {

constexpr int kOldestProtocol = 2, kNewestProtocol = 5;

std::unexpected<Status> bad(std::string message) {
  return error(StatusCode::invalid_file, std::move(message));
}

}  // namespace

Result<> PickleMachine::step(Opcode opcode) {
  switch (opcode) {
    case Opcode::mark:
      if (marks_.size() >= kMaxPickleNesting)
        return bad(fmt::format("more than {} open marks", kMaxPickleNesting));
      marks_.push_back(stack_.size());
      return {};
    case Opcode::pop: {
      HONE_TRY(pop());
      return {};
    }
    case Opcode::pop_mark: {
      HONE_TRY(pop_to_mark());
      return {};
    }
    case Opcode::dup: {
      HONE_ASSIGN(const ObjectId id, top());
      return push(id);
    }
    case Opcode::none:
      return push(PickleObjects::kNone);
    case Opcode::new_true:
      return push(PickleObjects::kTrue);
    case Opcode::new_false:
      return push(PickleObjects::kFalse);
    case Opcode::frame: {
      HONE_ASSIGN(const uint64_t size, take<uint64_t>());
      if (size > bytes_.size() - at_)
        return bad(fmt::format("a frame of {} bytes passes the end of the pickle", size));
      return {};
    }
    case Opcode::binint:
    case Opcode::binint1:
    case Opcode::binint2:
    case Opcode::long1:
    case Opcode::long4:
    case Opcode::binfloat:
      return step_number(opcode);
    case Opcode::binstring:
    case Opcode::short_binstring:
    case Opcode::binunicode:
    case Opcode::short_binunicode:
    case Opcode::binunicode8:
    case Opcode::binbytes:
    case Opcode::short_binbytes:
    case Opcode::binbytes8:
    case Opcode::bytearray8:
      return step_text(opcode);
    case Opcode::empty_list:
    case Opcode::append:
    case Opcode::appends:
    case Opcode::list:
    case Opcode::empty_tuple:
    case Opcode::tuple:
    case Opcode::tuple1:
    case Opcode::tuple2:
    case Opcode::tuple3:
    case Opcode::empty_dict:
    case Opcode::dict:
    case Opcode::setitem:
    case Opcode::setitems:
    case Opcode::empty_set:
    case Opcode::additems:
    case Opcode::frozenset:
      return step_container(opcode);
    case Opcode::binput:
    case Opcode::long_binput:
    case Opcode::memoize:
    case Opcode::binget:
    case Opcode::long_binget:
      return step_memo(opcode);
    case Opcode::global:
    case Opcode::stack_global:
    case Opcode::reduce:
    case Opcode::build:
    case Opcode::newobj:
    case Opcode::newobj_ex:
    case Opcode::binpersid:
      return step_object(opcode);
    case Opcode::stop:
    case Opcode::proto:
      break;
  }
  return error(StatusCode::invalid_file,
               fmt::format("opcode 0x{:02x} has no place in a checkpoint", static_cast<unsigned>(opcode)));
}

Result<ObjectId> PickleMachine::run() {
  HONE_ASSIGN(const uint8_t first, take<uint8_t>());
  if (static_cast<Opcode>(first) != Opcode::proto) return bad("the pickle states no protocol");
  HONE_ASSIGN(const uint8_t protocol, take<uint8_t>());
  if (protocol < kOldestProtocol || protocol > kNewestProtocol)
    return error(StatusCode::unsupported, fmt::format("the pickle has protocol {}; {} to {} are read",
                                                      protocol, kOldestProtocol, kNewestProtocol));
  for (;;) {
    opcode_at_ = at_;
    HONE_ASSIGN(const uint8_t byte, take<uint8_t>());
    const auto opcode = static_cast<Opcode>(byte);
    if (opcode == Opcode::stop) break;
    if (++op_count_ > kMaxPickleOps)
      return error(StatusCode::resource, fmt::format("the pickle has more than {} opcodes", kMaxPickleOps));
    HONE_TRY(step(opcode));
    if (objects_.size() > kMaxPickleObjects)
      return error(StatusCode::resource,
                   fmt::format("the pickle makes more than {} objects", kMaxPickleObjects));
  }
  if (stack_.size() != 1 || !marks_.empty())
    return bad(
        fmt::format("the pickle ends with {} objects on its stack, where one is wanted", stack_.size()));
  return stack_[0];
}

Status PickleMachine::located(const Status& status) const {
  const std::string path = unfinished_path(objects_, stack_, marks_);
  return {status.code, path.empty()
                           ? fmt::format("{} (pickle byte {})", status.message, opcode_at_)
                           : fmt::format("{}: {} (pickle byte {})", path, status.message, opcode_at_)};
}

Result<Pickle> read_pickle(Bytes bytes) {
  if (bytes.view().size() > kMaxPickleBytes)
    return error(StatusCode::resource, fmt::format("a pickle of {} bytes passes the limit of {}",
                                                   bytes.view().size(), kMaxPickleBytes));
  PickleMachine machine(bytes.view());
  const Result<ObjectId> root = machine.run();
  if (!root) return std::unexpected(machine.located(root.error()));
  Pickle pickle{.objects = machine.take_objects(), .root = *root};
  pickle.objects.keep_alive(bytes.owner());
  return pickle;
}

}  // namespace hone
