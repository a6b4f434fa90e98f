// One ONNX node on its way into a Graph: what a row of the operator table works with.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ir/graph.h"

namespace hone {

namespace onnx_proto {
class Attribute;
class Node;
}  // namespace onnx_proto

class GraphReader;

// Attributes that are absent have the given default. The first mistake found (an attribute of another type, a
// call of fail() or unsupported()) is kept; everything after it does nothing, so that a row reads without
// error handling.
class OnnxNode {
 public:
  OnnxNode(GraphReader& reader, const onnx_proto::Node& proto, int64_t opset);

  const std::string& name() const { return name_; }
  const std::string& op_type() const;
  int64_t opset() const { return opset_; }  // of the node's domain

  size_t input_count() const;
  size_t output_count() const;
  ValueId in(size_t index) const;  // kNoValue where absent
  bool has_in(size_t index) const { return in(index) != kNoValue; }
  std::vector<ValueId> ins() const;  // all, absent ones at the end left out
  bool wants_out(size_t index) const;

  // Known extents and type of a value, or null; its constant, or null.
  const TensorDesc* desc(ValueId id) const;
  DType type(ValueId id) const;
  std::optional<size_t> rank(ValueId id) const;
  ConstantPtr constant(ValueId id) const;
  // An input as integers or floats; nothing where it is absent or no constant.
  std::optional<Ints> const_ints(size_t index) const;
  std::optional<std::vector<float>> const_floats(size_t index) const;

  bool has(const char* attribute) const;
  int64_t integer(const char* attribute, int64_t otherwise);
  float real(const char* attribute, float otherwise);
  std::string text(const char* attribute, const char* otherwise);
  Ints integers(const char* attribute);
  std::vector<float> reals(const char* attribute);
  ConstantPtr tensor(const char* attribute);               // null where absent
  std::shared_ptr<Graph> subgraph(const char* attribute);  // null on a mistake

  // The op that makes the node's first `made` outputs; further outputs that somebody wants are unsupported.
  void emit(Op op, std::vector<ValueId> inputs, size_t made = 1);
  // Output `index` is that constant.
  void emit_constant(ConstantPtr constant, size_t index = 0);
  // A step on the way: a node with one new value, called after this node.
  ValueId add(const char* suffix, Op op, std::vector<ValueId> inputs);
  // The same with output `index` of this node as its value.
  void emit_at(size_t index, const char* suffix, Op op, std::vector<ValueId> inputs);
  ValueId add_constant(const char* suffix, ConstantPtr constant);
  ValueId add_ints(const char* suffix, const Ints& values);
  // A scalar of the type that `like` has (f32 where that is not known).
  ValueId add_scalar(const char* suffix, double value, ValueId like);

  void set_quantization(ValueId id, Quantization quantization);
  void quantize_output(Quantization quantization);  // of output 0

  void fail(std::string message);        // the file is wrong
  void unsupported(std::string reason);  // hone has no code for it
  bool failed() const { return failed_; }
  // After the row has run: an error for fail(); unsupported reasons go into the report.
  const std::optional<Status>& mistake() const { return mistake_; }
  const std::optional<std::string>& unsupported_reason() const { return unsupported_; }

 private:
  const onnx_proto::Attribute* find(const char* attribute, int type, const char* wanted);
  Graph& graph() const;
  void append(std::string node_name, Op op, std::vector<ValueId> inputs, std::vector<ValueId> outputs);

  GraphReader& reader_;
  const onnx_proto::Node& proto_;
  int64_t opset_;
  std::string name_;
  bool failed_ = false;
  std::optional<Status> mistake_;
  std::optional<std::string> unsupported_;
};

}  // namespace hone
