// Content of ops and subgraphs as bytes, the same on every machine: equality and hashes come from it.
#include <bit>

#include "base/hash.h"
#include "ir/graph.h"
#include "ir/op_visit.h"

namespace hone {
namespace {

// Subgraphs deeper than this are not told apart; verify() refuses them.
constexpr int kMaxDepth = 16;

struct ContentVisitor {
  std::vector<std::byte>& out;
  int depth = 0;

  void number(uint64_t v) {
    for (int i = 0; i < 8; ++i) out.push_back(static_cast<std::byte>(v >> (8 * i) & 0xff));
  }
  void text(std::string_view s) {
    number(s.size());
    for (char c : s) out.push_back(static_cast<std::byte>(c));
  }

  void operator()(const char*, bool v) { out.push_back(static_cast<std::byte>(v)); }
  void operator()(const char*, int64_t v) { number(static_cast<uint64_t>(v)); }
  void operator()(const char*, float v) { number(std::bit_cast<uint32_t>(v)); }
  void operator()(const char*, double v) { number(std::bit_cast<uint64_t>(v)); }
  void operator()(const char*, const Ints& v) {
    number(v.size());
    for (int64_t i : v) number(static_cast<uint64_t>(i));
  }
  void operator()(const char*, const std::vector<float>& v) {
    number(v.size());
    for (float f : v) number(std::bit_cast<uint32_t>(f));
  }
  void operator()(const char*, const Activation& v) {
    number(static_cast<uint64_t>(v.kind));
    number(std::bit_cast<uint32_t>(v.alpha));
    number(std::bit_cast<uint32_t>(v.beta));
  }
  template <AttributeEnum E>
  void operator()(const char*, E v) {
    number(static_cast<uint64_t>(enum_to_int(v)));
  }
  void operator()(const char*, const std::shared_ptr<Graph>& v) {
    out.push_back(static_cast<std::byte>(v != nullptr));
    if (v && depth < kMaxDepth) graph(*v);
  }

  void desc(const TensorDesc& d) {
    number(static_cast<uint64_t>(d.type));
    number(d.has_shape ? d.shape.size() : ~uint64_t{0});
    if (d.has_shape)
      for (int64_t extent : d.shape) number(static_cast<uint64_t>(extent));
  }
  void ids(const std::vector<ValueId>& list) {
    number(list.size());
    for (ValueId id : list) number(static_cast<uint64_t>(int64_t{id}));
  }
  // Names of values and nodes do not matter, but for captures, which are found by name.
  void graph(const Graph& g) {
    number(g.values.size());
    for (const Value& v : g.values) {
      desc(v.desc);
      number(v.constant ? v.constant->key() : 0);
    }
    number(g.nodes.size());
    for (const Node& n : g.nodes) {
      ContentVisitor inner{out, depth + 1};
      inner.text(op_name(n.op));
      visit_attributes(n.op, inner);
      ids(n.inputs);
      ids(n.outputs);
    }
    ids(g.inputs);
    ids(g.outputs);
    number(g.captures.size());
    for (const std::string& name : g.captures) text(name);
  }
};

std::vector<std::byte> content(const Op& op) {
  std::vector<std::byte> bytes;
  bytes.reserve(256);
  ContentVisitor visitor{bytes};
  visitor.text(op_name(op));
  visitor.number(static_cast<uint64_t>(op_version(op)));
  visit_attributes(op, visitor);
  return bytes;
}

}  // namespace

uint64_t op_hash(const Op& op) { return hash_bytes(content(op)); }

bool op_equal(const Op& a, const Op& b) { return a.index() == b.index() && content(a) == content(b); }

}  // namespace hone
