#include "import/pt/pickle_path.h"

#include "import/pt/shown_text.h"

namespace hone {
namespace {

class PathText {
 public:
  explicit PathText(const PickleObjects& objects) : objects_(objects) {}

  void add_key(ObjectId id) {
    const Object& key = objects_[id];
    if (key.kind == ObjectKind::integer) return add(std::to_string(key.integer));
    // torch.nn.Module keeps its children in these dicts; a module's path does not name them
    if (key.text != "_modules" && key.text != "_parameters" && key.text != "_buffers") add(shown(key.text));
  }
  void add(const std::string& step) {
    if (++steps_ > 40) return;
    if (!text_.empty()) text_ += '.';
    text_ += step;
  }
  std::string text() const { return text_; }

 private:
  const PickleObjects& objects_;
  std::string text_;
  int steps_ = 0;
};

bool is_key(const Object& object) {
  return object.kind == ObjectKind::text || object.kind == ObjectKind::integer;
}

}  // namespace

std::string unfinished_path(const PickleObjects& objects, std::span<const ObjectId> stack,
                            std::span<const size_t> marks) {
  PathText path(objects);
  for (size_t frame = 0; frame <= marks.size(); ++frame) {
    const size_t begin = frame == 0 ? 0 : marks[frame - 1];
    const size_t end = frame == marks.size() ? stack.size() : marks[frame];
    const Object* owner = begin > 0 ? &objects[stack[begin - 1]] : nullptr;
    size_t at = begin;
    if (owner && frame > 0 && owner->kind == ObjectKind::dict && at < end && is_key(objects[stack[at]])) {
      // Pairs that wait for SETITEMS; the last key is the one whose value is in the making.
      while (at + 2 < end && is_key(objects[stack[at + 2]])) at += 2;
      path.add_key(stack[at]);
      ++at;
    } else if (owner && frame > 0 && owner->kind == ObjectKind::list) {
      path.add(std::to_string(owner->items.size() + (end - begin) -
                              (end > begin && frame != marks.size() ? 1 : 0)));
    }
    // Dicts of one entry come without a mark: the key follows the dict.
    for (; at + 1 < end; ++at)
      if (objects[stack[at]].kind == ObjectKind::dict && is_key(objects[stack[at + 1]]))
        path.add_key(stack[at + 1]);
  }
  return path.text();
}

}  // namespace hone
