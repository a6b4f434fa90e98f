// What each opcode does. Meanings: Python's pickletools.
#include <fmt/format.h>

#include <bit>

#include "import/pt/pickle_calls.h"
#include "import/pt/pickle_state.h"
#include "import/pt/utf8.h"

namespace hone {
namespace {

std::unexpected<Status> bad(std::string message) {
  return error(StatusCode::invalid_file, std::move(message));
}

}  // namespace

Result<> PickleMachine::step_number(Opcode opcode) {
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

Result<> PickleMachine::step_text(Opcode opcode) {
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

Result<> PickleMachine::step_container(Opcode opcode) {
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

Result<> PickleMachine::step_memo(Opcode opcode) {
  uint64_t index = memo_.size();
  if (opcode == Opcode::binput || opcode == Opcode::binget) {
    HONE_ASSIGN(index, take<uint8_t>());
  } else if (opcode != Opcode::memoize) {
    HONE_ASSIGN(index, take<uint32_t>());
  }
  return opcode == Opcode::binget || opcode == Opcode::long_binget ? recall(index) : remember(index);
}

Result<> PickleMachine::step_object(Opcode opcode) {
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

}  // namespace hone
