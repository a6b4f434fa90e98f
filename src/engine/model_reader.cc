#include <flatbuffers/flatbuffers.h>

#include <map>

#include "engine/model_format.h"
#include "engine_generated.h"
#include "ir/op_visit.h"

namespace hone {
namespace {

constexpr size_t kMaxRank = 16;
constexpr size_t kPackAlignment = 64;

std::unexpected<Status> bad(const std::string& what) {
  return error(StatusCode::invalid_file, "the engine is damaged: " + what);
}

template <class Table>
Result<const Table*> root(std::span<const std::byte> section) {
  const auto* data = reinterpret_cast<const uint8_t*>(section.data());
  flatbuffers::Verifier verifier(data, section.size(), 32, 50'000'000);
  if (section.size() < 8 || !verifier.VerifyBuffer<Table>(nullptr))
    return bad("a section is no valid FlatBuffer");
  return flatbuffers::GetRoot<Table>(data);
}

std::string text(const flatbuffers::String* string) { return string ? string->str() : std::string(); }

template <class T, class Field>
std::vector<T> list(const Field* field) {
  std::vector<T> out;
  if (field) out.assign(field->begin(), field->end());
  return out;
}

template <class Table, class Vector>
std::vector<const Table*> tables(const Vector* field) {
  std::vector<const Table*> out;
  if (field)
    for (const Table* item : *field) out.push_back(item);
  return out;
}

Result<TensorDesc> read_desc(uint8_t type, std::vector<int64_t> shape) {
  DType dtype;
  if (!enum_from_int(type, dtype)) return bad("an unknown element type");
  if (shape.size() > kMaxRank) return bad("a tensor of more than 16 dimensions");
  for (int64_t& d : shape)
    if (d < kUnknownDim) return bad("a negative extent");
  return TensorDesc(dtype, std::move(shape));
}

// Sets the fields of an op from the attributes that are there; a missing one keeps its default, an unknown
// one is skipped.
struct AttributeReader {
  std::map<std::string, const format::Attribute*> attributes;
  std::span<const std::shared_ptr<Graph>> graphs;
  std::string wrong;  // name of the first attribute that could not be set

  const format::Attribute* find(const char* name) {
    const auto found = attributes.find(name);
    return found == attributes.end() ? nullptr : found->second;
  }
  bool integers(const char* name, size_t count, Ints& out) {
    const auto* a = find(name);
    if (!a) return false;
    out = list<int64_t>(a->integers());
    if (out.size() < count) wrong = name;
    return out.size() >= count;
  }
  bool reals(const char* name, size_t count, std::vector<double>& out) {
    const auto* a = find(name);
    if (!a) return false;
    out = list<double>(a->reals());
    if (out.size() < count) wrong = name;
    return out.size() >= count;
  }
  void operator()(const char* name, bool& v) {
    if (Ints i; integers(name, 1, i)) v = i[0] != 0;
  }
  void operator()(const char* name, int64_t& v) {
    if (Ints i; integers(name, 1, i)) v = i[0];
  }
  void operator()(const char* name, float& v) {
    if (std::vector<double> r; reals(name, 1, r)) v = static_cast<float>(r[0]);
  }
  void operator()(const char* name, double& v) {
    if (std::vector<double> r; reals(name, 1, r)) v = r[0];
  }
  void operator()(const char* name, Ints& v) {
    if (Ints i; integers(name, 0, i)) v = std::move(i);
  }
  void operator()(const char* name, std::vector<float>& v) {
    std::vector<double> r;
    if (!reals(name, 0, r)) return;
    v.clear();
    for (const double x : r) v.push_back(static_cast<float>(x));
  }
  void operator()(const char* name, Activation& v) {
    Ints i;
    std::vector<double> r;
    if (!integers(name, 1, i) || !reals(name, 2, r)) return;
    if (!enum_from_int(i[0], v.kind)) wrong = name;
    v.alpha = static_cast<float>(r[0]);
    v.beta = static_cast<float>(r[1]);
  }
  template <AttributeEnum E>
  void operator()(const char* name, E& v) {
    if (Ints i; integers(name, 1, i) && !enum_from_int(i[0], v)) wrong = name;
  }
  void operator()(const char* name, std::shared_ptr<Graph>& v) {
    const auto* a = find(name);
    if (!a || a->graph() < 0) return;
    if (static_cast<size_t>(a->graph()) >= graphs.size() || !graphs[static_cast<size_t>(a->graph())])
      wrong = name;
    else
      v = graphs[static_cast<size_t>(a->graph())];
  }
};

Result<Op> read_op(const format::Node& node, std::span<const std::shared_ptr<Graph>> graphs) {
  HONE_ASSIGN(Op op, make_op(text(node.op())));
  if (node.version() > op_version(op))
    return error(StatusCode::unsupported,
                 "operator " + text(node.op()) + " of node '" + text(node.name()) +
                     "' is newer than this hone: update hone, or build the engine again");
  AttributeReader reader{{}, graphs, {}};
  for (const auto* a : tables<format::Attribute>(node.attributes()))
    reader.attributes.emplace(text(a->name()), a);
  visit_attributes(op, reader);
  if (!reader.wrong.empty()) return bad("attribute " + reader.wrong + " of node '" + text(node.name()) + "'");
  return op;
}

Result<> read_graph(const format::Graph& table, std::span<const std::shared_ptr<Graph>> graphs,
                    std::span<const ConstantPtr> constants, Graph& graph) {
  graph.name = text(table.name());
  for (const auto* v : tables<format::Value>(table.values())) {
    Value value;
    value.name = text(v->name());
    HONE_ASSIGN(value.desc, read_desc(v->type(), list<int64_t>(v->shape())));
    value.desc.has_shape = v->has_shape();
    if (const auto* q = v->quantization())
      value.desc.quantization =
          Quantization{list<float>(q->scale()), list<int64_t>(q->zero_point()), q->axis()};
    if (v->dim_names())
      for (const auto* name : *v->dim_names()) value.dim_names.push_back(text(name));
    if (v->constant() >= 0) {
      if (static_cast<size_t>(v->constant()) >= constants.size()) return bad("a constant out of range");
      value.constant = constants[static_cast<size_t>(v->constant())];
    }
    graph.values.push_back(std::move(value));
  }
  for (const auto* n : tables<format::Node>(table.nodes())) {
    HONE_ASSIGN(Op op, read_op(*n, graphs));
    graph.nodes.push_back(
        {text(n->name()), std::move(op), list<ValueId>(n->inputs()), list<ValueId>(n->outputs()), n->id()});
  }
  graph.inputs = list<ValueId>(table.inputs());
  graph.outputs = list<ValueId>(table.outputs());
  if (table.captures())
    for (const auto* name : *table.captures()) graph.captures.push_back(text(name));
  for (const auto* pair : tables<format::Pair>(table.metadata()))
    graph.metadata[text(pair->key())] = text(pair->value());
  return {};
}

Result<ConstantPtr> read_constant(const format::Constant& table, std::span<const std::byte> weights,
                                  const std::shared_ptr<const void>& storage) {
  HONE_ASSIGN(TensorDesc desc, read_desc(table.type(), list<int64_t>(table.shape())));
  HONE_ASSIGN(const size_t size, byte_count(desc.type, desc.shape));
  if (table.stripped())
    return Constant::lazy(desc, table.key(), [size]() -> Result<Bytes> {
      return error(StatusCode::not_found,
                   "the engine was built with --strip-source and no longer has a weight of " +
                       std::to_string(size) + " bytes: build it again from the model");
    });
  if (table.size() != size || table.offset() > weights.size() || size > weights.size() - table.offset() ||
      table.offset() % 64 != 0)
    return bad("a weight lies out of bounds");
  return Constant::of(std::move(desc), Bytes(weights.subspan(table.offset(), size), storage), table.key());
}

}  // namespace

Result<> read_model(std::span<const std::byte> section, std::span<const std::byte> weights,
                    const std::shared_ptr<const void>& storage, EngineData& engine) {
  HONE_ASSIGN(const format::Model* model, root<format::Model>(section));
  std::vector<ConstantPtr> constants;
  for (const auto* c : tables<format::Constant>(model->constants())) {
    HONE_ASSIGN(ConstantPtr constant, read_constant(*c, weights, storage));
    constants.push_back(std::move(constant));
  }
  // Subgraphs stand behind the graph that holds them, so reading backwards meets them first, and none can
  // hold itself.
  const auto graph_tables = tables<format::Graph>(model->graphs());
  if (graph_tables.empty()) return bad("it holds no graph");
  std::vector<std::shared_ptr<Graph>> graphs(graph_tables.size());
  for (size_t i = graphs.size(); i-- > 0;) {
    auto graph = std::make_shared<Graph>();
    HONE_TRY(read_graph(*graph_tables[i], graphs, constants, *graph));
    graphs[i] = std::move(graph);
  }
  engine.source = std::move(*graphs[0]);
  if (auto valid = verify(engine.source); !valid) return bad(valid.error().message);
  for (const auto* p : tables<format::Profile>(model->profiles())) {
    Profile profile;
    for (const auto* r : tables<format::Range>(p->ranges()))
      profile[text(r->name())] = {list<int64_t>(r->min()), list<int64_t>(r->opt()), list<int64_t>(r->max())};
    engine.profiles.push_back(std::move(profile));
  }
  return {};
}

Result<> read_tunings(std::span<const std::byte> section, std::span<const std::byte> packs,
                      std::span<const std::byte> binaries, EngineData& engine) {
  HONE_ASSIGN(const format::Tunings* all, root<format::Tunings>(section));
  for (const auto* pack : tables<format::Pack>(all->packs())) {
    if (pack->offset() > packs.size() || pack->size() > packs.size() - pack->offset() ||
        pack->offset() % kPackAlignment != 0)
      return bad("a packed weight lies out of bounds");
    engine.packs.add_mapped(pack->key(), packs.subspan(pack->offset(), pack->size()));
  }
  for (const auto* b : tables<format::Binary>(all->binaries())) {
    if (b->offset() > binaries.size() || b->size() > binaries.size() - b->offset() || b->size() == 0)
      return bad("machine code lies out of bounds");
    engine.binaries.push_back({.key = b->key(),
                               .target = text(b->target()),
                               .nvrtc_version = b->nvrtc(),
                               .owner = engine.storage,
                               .code = binaries.subspan(b->offset(), b->size())});
  }
  for (const auto* t : tables<format::Tuning>(all->tunings())) {
    DeviceTuning tuning{text(t->fingerprint()), text(t->precision()), {}};
    for (const auto* s : tables<format::Choices>(t->choices())) {
      Choices choices;
      choices.shapes = text(s->shapes());
      choices.timed = s->timed();
      for (const auto* c : tables<format::Choice>(s->choices())) {
        Choice choice{text(c->kernel()), c->version(), c->ms(), {}, {}, {}};
        for (const uint8_t layout : list<uint8_t>(c->inputs()))
          choice.inputs.push_back(static_cast<Layout>(layout & 3));
        for (const uint8_t layout : list<uint8_t>(c->outputs()))
          choice.outputs.push_back(static_cast<Layout>(layout & 3));
        choices.by_node[c->node()] = std::move(choice);
      }
      tuning.choices.push_back(std::move(choices));
    }
    engine.tunings.push_back(std::move(tuning));
  }
  return {};
}

}  // namespace hone
