// The pickle machine's stack, marks, memo and containers.
#include <fmt/format.h>

#include <optional>

#include "import/pt/pickle_calls.h"
#include "import/pt/pickle_state.h"
#include "import/pt/shown_text.h"
#include "import/pt/utf8.h"

namespace hone {
namespace {

constexpr ObjectId kNoObject = ~ObjectId{0};

std::unexpected<Status> bad(std::string message) {
  return error(StatusCode::invalid_file, std::move(message));
}

}  // namespace

Result<std::string_view> PickleMachine::take_bytes(uint64_t count) {
  if (count > bytes_.size() - at_)
    return bad(fmt::format("text of {} bytes passes the end of the pickle, which has {} left", count,
                           bytes_.size() - at_));
  const std::string_view text(reinterpret_cast<const char*>(bytes_.data()) + at_, count);
  at_ += count;
  return text;
}

Result<std::string_view> PickleMachine::take_line() {
  const std::string_view rest(reinterpret_cast<const char*>(bytes_.data()) + at_, bytes_.size() - at_);
  const size_t end = rest.substr(0, kMaxGlobalNameBytes + 1).find('\n');
  if (end == std::string_view::npos)
    return bad(fmt::format("a name is longer than {} bytes, or cut off", kMaxGlobalNameBytes));
  at_ += end + 1;
  return rest.substr(0, end);
}

Result<> PickleMachine::push_text(ObjectKind kind, std::string_view text) {
  if (kind == ObjectKind::text && !is_utf8(text)) return bad("a text is not UTF-8");
  Object object;
  object.kind = kind;
  object.text = text;
  return push_new(std::move(object));
}

Result<> PickleMachine::push_integer(int64_t value) {
  Object object;
  object.kind = ObjectKind::integer;
  object.integer = value;
  return push_new(std::move(object));
}

Result<ObjectId> PickleMachine::pop() {
  if (loose() == 0) return bad("an opcode takes more from the stack than is there");
  const ObjectId id = stack_.back();
  stack_.pop_back();
  return id;
}

Result<ObjectId> PickleMachine::top() const {
  if (loose() == 0) return bad("an opcode takes more from the stack than is there");
  return stack_.back();
}

Result<std::vector<ObjectId>> PickleMachine::pop_to_mark() {
  if (marks_.empty()) return bad("an opcode wants a mark and there is none");
  std::vector<ObjectId> items(stack_.begin() + static_cast<std::ptrdiff_t>(marks_.back()), stack_.end());
  stack_.resize(marks_.back());
  marks_.pop_back();
  return items;
}

Result<> PickleMachine::collect(ObjectKind kind, std::vector<ObjectId> items) {
  if (kind == ObjectKind::tuple && items.empty()) return push(PickleObjects::kEmptyTuple);
  Object object;
  object.kind = kind;
  object.items = std::move(items);
  const ObjectId id = objects_.add(std::move(object));
  for (size_t i = 0; i < objects_[id].items.size(); ++i)
    HONE_TRY(note_child(objects_, id, objects_[id].items[i]));
  return push(id);
}

Result<> PickleMachine::add_items(ObjectKind wanted, const std::vector<ObjectId>& items) {
  HONE_ASSIGN(const ObjectId target, top());
  if (!objects_.is(target, wanted))
    return bad(fmt::format("elements are added to a {}, not to a {}", kind_name(objects_[target].kind),
                           kind_name(wanted)));
  for (ObjectId item : items) HONE_TRY(add_item(objects_, target, item));
  return {};
}

Result<> PickleMachine::set_items(const std::vector<ObjectId>& pairs) {
  HONE_ASSIGN(const ObjectId target, top());
  if (!objects_.is(target, ObjectKind::dict))
    return bad(fmt::format("entries are set in a {}, not in a dict", kind_name(objects_[target].kind)));
  if (pairs.size() % 2 != 0) return bad("a key of a dict has no value");
  for (size_t i = 0; i < pairs.size(); i += 2) HONE_TRY(set_item(objects_, target, pairs[i], pairs[i + 1]));
  return {};
}

Result<> PickleMachine::remember(uint64_t index) {
  if (index >= kMaxPickleMemo)
    return bad(fmt::format("memo entry {} passes the limit of {}", index, kMaxPickleMemo));
  HONE_ASSIGN(const ObjectId id, top());
  if (index >= memo_.size()) memo_.resize(index + 1, kNoObject);
  memo_[index] = id;
  return {};
}

Result<> PickleMachine::recall(uint64_t index) {
  if (index >= memo_.size() || memo_[index] == kNoObject)
    return bad(fmt::format("memo entry {} is used before it is set", index));
  return push(memo_[index]);
}

Result<> PickleMachine::push_global(std::string_view module, std::string_view name) {
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

Result<> PickleMachine::call(ObjectId callee, ObjectId arguments) {
  HONE_ASSIGN(const ObjectId made, call_global(objects_, callee, arguments, copies_));
  return push(made);
}

Result<> PickleMachine::build(ObjectId state) {
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

}  // namespace hone
