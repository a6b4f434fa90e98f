#include "import/pt/pickle_machine.h"

#include <fmt/format.h>

#include <bit>
#include <map>
#include <optional>

#include "import/pt/little_endian.h"
#include "import/pt/pickle_calls.h"
#include "import/pt/pickle_limits.h"
#include "import/pt/pickle_opcodes.h"
#include "import/pt/pickle_path.h"
#include "import/pt/shown_text.h"
#include "import/pt/utf8.h"

namespace hone {
namespace {

constexpr ObjectId kNoObject = ~ObjectId{0};
constexpr int kOldestProtocol = 2, kNewestProtocol = 5;

std::unexpected<Status> bad(std::string message) {
  return error(StatusCode::invalid_file, std::move(message));
}

class Machine {
 public:
  explicit Machine(std::span<const std::byte> bytes) : bytes_(bytes) {}

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
    if (bytes_.size() - at_ < sizeof(T)) return bad("the pickle is cut off");
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
  Result<> make_tuple(std::vector<ObjectId> items);
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

Result<std::string_view> Machine::take_bytes(uint64_t count) {
  if (count > bytes_.size() - at_)
    return bad(fmt::format("text of {} bytes passes the end of the pickle, which has {} left", count,
                           bytes_.size() - at_));
  const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + at_, count);
  at_ += count;
  return text;
}

Result<std::string_view> Machine::take_line() {
  const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + at_, bytes_.size() - at_);
  const size_t end = rest.substr(0, kMaxGlobalNameBytes + 1).find('\n');
  if (end == std::string_view::npos)
    return bad(fmt::format("a name is longer than {} bytes, or cut off", kMaxGlobalNameBytes));
  at_ += end + 1;
  return rest.substr(0, end);
}

Result<> Machine::push_text(ObjectKind kind, std::string_view text) {
  if (kind == ObjectKind::text && !is_utf8(text)) return bad("a text is not UTF-8");
  Object object;
  object.kind = kind;
  object.text = text;
  return push_new(std::move(object));
}

Result<> Machine::push_integer(int64_t value) {
  Object object;
  object.kind = ObjectKind::integer;
  object.integer = value;
  return push_new(std::move(object));
}

Result<ObjectId> Machine::pop() {
  if (loose() == 0) return bad("an opcode takes more from the stack than is there");
  const ObjectId id = stack_.back();
  stack_.pop_back();
  return id;
}

Result<ObjectId> Machine::top() const {
  if (loose() == 0) return bad("an opcode takes more from the stack than is there");
  return stack_.back();
}

Result<std::vector<ObjectId>> Machine::pop_to_mark() {
  if (marks_.empty()) return bad("an opcode wants a mark and there is none");
  std::vector<ObjectId> items(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
  stack_.resize(marks_.back());
  marks_.pop_back();
  return items;
}

Result<> Machine::collect(ObjectKind kind, std::vector<ObjectId> items) {
  if (kind == ObjectKind::tuple && items.empty()) return push(PickleObjects::kEmptyTuple);
  Object object;
  object.kind = kind;
  object.items = std::move(items);
  const ObjectId id = objects_.add(std::move(object));
  for (size_t i = 0; i < objects_[id].items.size(); ++i)
    HONE_TRY(note_child(objects_, id, objects_[id].items[i]));
  return push(id);
}

Result<> Machine::add_items(ObjectKind wanted, const std::vector<ObjectId>& items) {
  HONE_ASSIGN(const ObjectId target, top());
  if (!objects_.is(target, wanted))
    return bad(fmt::format("elements are added to a {}, not to a {}", kind_name(objects_[target].kind),
                           kind_name(wanted)));
  for (ObjectId item : items) HONE_TRY(add_item(objects_, target, item));
  return {};
}

Result<> Machine::set_items(const std::vector<ObjectId>& pairs) {
  HONE_ASSIGN(const ObjectId target, top());
  if (!objects_.is(target, ObjectKind::dict))
    return bad(fmt::format("entries are set in a {}, not in a dict", kind_name(objects_[target].kind)));
  if (pairs.size() % 2 != 0) return bad("a key of a dict has no value");
  for (size_t i = 0; i < pairs.size(); i += 2) HONE_TRY(set_item(objects_, target, pairs[i], pairs[i + 1]));
  return {};
}

Result<> Machine::remember(uint64_t index) {
  if (index >= kMaxPickleMemo)
    return bad(fmt::format("memo entry {} passes the limit of {}", index, kMaxPickleMemo));
  HONE_ASSIGN(const ObjectId id, top());
  if (index >= memo_.size()) memo_.resize(index + 1, kNoObject);
  memo_[index] = id;
  return {};
}

Result<> Machine::recall(uint64_t index) {
  if (index >= memo_.size() || memo_[index] == kNoObject)
    return bad(fmt::format("memo entry {} is used before it is set", index));
  return push(memo_[index]);
}

Result<> Machine::push_global(std::string_view module, std::string_view name) {
  if (module.size() + name.size() > kMaxGlobalNameBytes)
    return bad(fmt::format("a class name is longer than {} bytes", kMaxGlobalNameBytes));
  std::string path = fmt::format("{}.{}", module, name);
  if (const auto known = globals_.find(path); known != globals_.end()) return push(known->second);
  const std::optional<KnownGlobal> known = find_known_global(module, name);
  if (!known)
    return error(
        StatusCode::unsupported,
        fmt::format("unknown class {}; it is not among those that a checkpoint may hold", shown(path)));
  Object object;
  object.kind = ObjectKind::global;
  object.role = known->role;
  object.type = known->storage_type;
  object.text = objects_.keep(path);
  const ObjectId id = objects_.add(std::move(object));
  globals_.emplace(std::move(path), id);
  return push(id);
}

Result<> Machine::call(ObjectId callee, ObjectId arguments) {
  HONE_ASSIGN(const ObjectId made, call_global(objects_, callee, arguments, copies_));
  return push(made);
}

Result<> Machine::build(ObjectId state) {
  HONE_ASSIGN(const ObjectId target, top());
  if (objects_.is(target, ObjectKind::dict))
    return {};  // OrderedDict with attributes, as state_dict() makes them
  if (!objects_.is(target, ObjectKind::instance))
    return bad(fmt::format("a {} is given a state", kind_name(objects_[target].kind)));
  if (objects_[target].is_built) return bad("an object is given its state twice");
  objects_.at(target).is_built = true;
  objects_.at(target).items[2] = state;
  return note_child(objects_, target, state);
}

Result<> Machine::step_number(Opcode opcode) {
  switch (opcode) {
    case Opcode::binint: {
      HONE_ASSIGN(const int32_t value, take<int32_t>());
      return push_integer(value);
    }
    case Opcode::binint1: {
      HONE_ASSIGN(const uint8_t value, take<uint8_t>());
      return push_integer(value);
    }
    case Opcode::binint2: {
      HONE_ASSIGN(const uint16_t value, take<uint16_t>());
      return push_integer(value);
    }
    case Opcode::binfloat: {
      HONE_ASSIGN(const uint64_t bits, take<uint64_t>());
      Object object;
      object.kind = ObjectKind::real;
      object.real = std::bit_cast<double>(__builtin_bswap64(bits));  // the one big-endian field
      return push_new(std::move(object));
    }
    default:
      break;  // long1, long4: two's complement of any width; what passes 64 bits is kept as a float
  }
  uint32_t width = 0;
  if (opcode == Opcode::long1) {
    HONE_ASSIGN(width, take<uint8_t>());
  } else {
    HONE_ASSIGN(width, take<uint32_t>());
  }
  HONE_ASSIGN(const std::string_view digits, take_bytes(width));
  const bool negative = !digits.empty() && static_cast<int8_t>(digits.back()) < 0;
  if (width <= 8) {
    uint64_t value = negative ? ~uint64_t{0} : 0;
    for (size_t i = digits.size(); i-- > 0;) value = value << 8 | static_cast<uint8_t>(digits[i]);
    return push_integer(static_cast<int64_t>(value));
  }
  if (width > 255) return bad(fmt::format("an integer of {} bytes", width));
  Object object;
  object.kind = ObjectKind::real;
  for (size_t i = digits.size(); i-- > 0;)
    object.real = object.real * 256 +
                  (negative ? 255 - static_cast<uint8_t>(digits[i]) : static_cast<uint8_t>(digits[i]));
  if (negative) object.real = -object.real - 1;
  return push_new(std::move(object));
}

Result<> Machine::step_text(Opcode opcode) {
  uint64_t size = 0;
  switch (opcode) {
    case Opcode::short_binstring:
    case Opcode::short_binunicode:
    case Opcode::short_binbytes: {
      HONE_ASSIGN(size, take<uint8_t>());
      break;
    }
    case Opcode::binstring:
    case Opcode::binunicode:
    case Opcode::binbytes: {
      HONE_ASSIGN(size, take<uint32_t>());
      break;
    }
    default: {
      HONE_ASSIGN(size, take<uint64_t>());
      break;
    }
  }
  HONE_ASSIGN(const std::string_view text, take_bytes(size));
  const bool is_text = opcode == Opcode::binunicode || opcode == Opcode::short_binunicode ||
                       opcode == Opcode::binunicode8 ||
                       // Python 2's str: text when it is ASCII or UTF-8, else bytes
                       ((opcode == Opcode::binstring || opcode == Opcode::short_binstring) && is_utf8(text));
  return push_text(is_text ? ObjectKind::text : ObjectKind::bytes, text);
}

Result<> Machine::step_container(Opcode opcode) {
  switch (opcode) {
    case Opcode::empty_list:
      return collect(ObjectKind::list, {});
    case Opcode::empty_tuple:
      return push(PickleObjects::kEmptyTuple);
    case Opcode::empty_dict:
      return collect(ObjectKind::dict, {});
    case Opcode::empty_set:
      return collect(ObjectKind::set, {});
    case Opcode::append: {
      HONE_ASSIGN(const ObjectId item, pop());
      return add_items(ObjectKind::list, {item});
    }
    case Opcode::setitem: {
      HONE_ASSIGN(const ObjectId value, pop());
      HONE_ASSIGN(const ObjectId key, pop());
      return set_items({key, value});
    }
    case Opcode::tuple1:
    case Opcode::tuple2:
    case Opcode::tuple3: {
      std::vector<ObjectId> items(static_cast<size_t>(opcode) - static_cast<size_t>(Opcode::tuple1) + 1);
      for (size_t i = items.size(); i-- > 0;) {
        HONE_ASSIGN(items[i], pop());
      }
      return collect(ObjectKind::tuple, std::move(items));
    }
    default:
      break;
  }
  HONE_ASSIGN(std::vector<ObjectId> items, pop_to_mark());
  switch (opcode) {
    case Opcode::appends:
      return add_items(ObjectKind::list, items);
    case Opcode::additems:
      return add_items(ObjectKind::set, items);
    case Opcode::setitems:
      return set_items(items);
    case Opcode::list:
      return collect(ObjectKind::list, std::move(items));
    case Opcode::tuple:
      return collect(ObjectKind::tuple, std::move(items));
    case Opcode::frozenset:
      return collect(ObjectKind::set, std::move(items));
    default:
      HONE_TRY(collect(ObjectKind::dict, {}));
      return set_items(items);
  }
}

Result<> Machine::step_memo(Opcode opcode) {
  uint64_t index = memo_.size();
  if (opcode == Opcode::binput || opcode == Opcode::binget) {
    HONE_ASSIGN(index, take<uint8_t>());
  } else if (opcode != Opcode::memoize) {
    HONE_ASSIGN(index, take<uint32_t>());
  }
  return opcode == Opcode::binget || opcode == Opcode::long_binget ? recall(index) : remember(index);
}

Result<> Machine::step_object(Opcode opcode) {
  switch (opcode) {
    case Opcode::global: {
      HONE_ASSIGN(const std::string_view module, take_line());
      HONE_ASSIGN(const std::string_view name, take_line());
      return push_global(module, name);
    }
    case Opcode::stack_global: {
      HONE_ASSIGN(const ObjectId name, pop());
      HONE_ASSIGN(const ObjectId module, pop());
      if (!objects_.is(name, ObjectKind::text) || !objects_.is(module, ObjectKind::text))
        return bad("a class is named by something that is no text");
      return push_global(objects_[module].text, objects_[name].text);
    }
    case Opcode::build: {
      HONE_ASSIGN(const ObjectId state, pop());
      return build(state);
    }
    case Opcode::binpersid: {
      HONE_ASSIGN(const ObjectId id, pop());
      HONE_ASSIGN(const ObjectId storage, load_storage(objects_, id));
      return push(storage);
    }
    case Opcode::newobj_ex: {
      HONE_ASSIGN(const ObjectId keywords, pop());
      if (!objects_.is(keywords, ObjectKind::dict) || !objects_[keywords].items.empty())
        return bad("an object is made with keyword arguments, which no checkpoint needs");
      break;
    }
    default:
      break;
  }
  HONE_ASSIGN(const ObjectId arguments, pop());
  HONE_ASSIGN(const ObjectId callee, pop());
  return call(callee, arguments);
}

Result<> Machine::step(Opcode opcode) {
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

Result<ObjectId> Machine::run() {
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

Status Machine::located(const Status& status) const {
  const std::string path = unfinished_path(objects_, stack_, marks_);
  return {status.code, path.empty()
                           ? fmt::format("{} (pickle byte {})", status.message, opcode_at_)
                           : fmt::format("{}: {} (pickle byte {})", path, status.message, opcode_at_)};
}

}  // namespace

Result<Pickle> read_pickle(Bytes bytes) {
  if (bytes.view().size() > kMaxPickleBytes)
    return error(StatusCode::resource, fmt::format("a pickle of {} bytes passes the limit of {}",
                                                   bytes.view().size(), kMaxPickleBytes));
  Machine machine(bytes.view());
  const Result<ObjectId> root = machine.run();
  if (!root) return std::unexpected(machine.located(root.error()));
  Pickle pickle{.objects = machine.take_objects(), .root = *root};
  pickle.objects.keep_alive(bytes.owner());
  return pickle;
}

}  // namespace hone
