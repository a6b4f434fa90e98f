#include "ir/infer.h"

#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "ir/infer_text.h"
#include "ir/op_visit.h"

namespace hone {
namespace {

// Sets an attribute from its text.
struct Setter {
  std::string wanted, text;
  bool found = false;
  bool mine(const char* name) { return wanted == name && (found = true); }
  void operator()(const char* name, bool& v) {
    if (mine(name)) v = text == "1";
  }
  void operator()(const char* name, int64_t& v) {
    if (mine(name)) v = std::stoll(text);
  }
  void operator()(const char* name, float& v) {
    if (mine(name)) v = std::stof(text);
  }
  void operator()(const char* name, double& v) {
    if (mine(name)) v = std::stod(text);
  }
  void operator()(const char* name, Ints& v) {
    if (!mine(name)) return;
    for (const auto& part : split(text, ',')) v.push_back(std::stoll(part));
  }
  template <AttributeEnum E>
  void operator()(const char* name, E& v) {
    if (!mine(name)) return;
    for (int64_t i = 0; i < enum_count<E>(); ++i)
      if (E e{}; enum_from_int(i, e) && enum_name(e) == text) v = e;
  }
  template <class T>
  void operator()(const char*, T&) {}
};

TEST(Infer, AgreesWithOnnxOnRandomNodes) {
  std::ifstream file(HONE_SOURCE_DIR "/src/ir/infer_cases.txt");
  ASSERT_TRUE(file);
  int cases = 0;
  for (std::string line; std::getline(file, line);) {
    if (line.starts_with('#')) continue;
    const auto fields = split(line, '|');
    ASSERT_EQ(fields.size(), 3u) << line;
    const auto words = split(fields[0], ' ');
    Op op = make_op(words[0]).value();
    for (size_t i = 1; i < words.size(); ++i) {
      const auto equals = words[i].find('=');
      Setter setter{words[i].substr(0, equals), words[i].substr(equals + 1)};
      visit_attributes(op, setter);
      ASSERT_TRUE(setter.found) << line;
    }
    const auto wanted = split(fields[2], ' ');
    const auto inferred = infer_text(op, fields[1], wanted.size());
    ASSERT_TRUE(inferred) << line << "\n" << inferred.error().message;
    for (size_t i = 0; i < wanted.size(); ++i) EXPECT_EQ(desc_text((*inferred)[i]), wanted[i]) << line;
    ++cases;
  }
  EXPECT_GT(cases, 300);
}

template <size_t... I>
std::vector<Op> all_ops(std::index_sequence<I...>) {
  return {Op(std::variant_alternative_t<I, Op>{})...};
}

struct Shake {
  std::mt19937& random;
  int64_t number() {
    static constexpr int64_t kAbsurd[] = {0, -1, INT64_MAX, INT64_MIN, 1LL << 31, 1LL << 40, -(1LL << 40)};
    const auto pick = random();
    return pick % 4 == 0 ? kAbsurd[pick / 4 % 7] : static_cast<int64_t>(pick % 9) - 2;
  }
  void operator()(const char*, bool& v) { v = random() % 2 != 0; }
  void operator()(const char*, int64_t& v) {
    if (random() % 2) v = number();
  }
  void operator()(const char*, float& v) {
    if (random() % 2) v = static_cast<float>(number());
  }
  void operator()(const char*, double& v) {
    if (random() % 2) v = static_cast<double>(number());
  }
  void operator()(const char*, Ints& v) {
    for (auto n = random() % 5; n-- > 0;) v.push_back(number());
  }
  void operator()(const char*, std::vector<float>& v) { v.resize(random() % 5); }
  void operator()(const char*, Activation&) {}
  void operator()(const char*, std::shared_ptr<Graph>&) {}
  template <AttributeEnum E>
  void operator()(const char*, E& v) {
    ASSERT_TRUE(enum_from_int(static_cast<int64_t>(random()) % enum_count<E>(), v));
  }
};

// Attributes and inputs at random, many of them absurd: an answer or an error, never a fall.
TEST(Infer, SurvivesRandomNodes) {
  std::mt19937 random(3);
  Shake shake{random};
  size_t answers = 0;
  const auto ops = all_ops(std::make_index_sequence<std::variant_size_v<Op>>{});
  for (int round = 0; round < 40000; ++round) {
    Op op = ops[random() % ops.size()];
    visit_attributes(op, shake);
    std::vector<TensorDesc> descs(1 + random() % 5);
    std::vector<ConstantPtr> constants(descs.size());
    for (size_t i = 0; i < descs.size(); ++i) {
      const auto kind = random() % 6;
      if (kind == 0) continue;
      if (kind < 4) {
        Ints values;
        for (auto n = random() % 5; n-- > 0;) values.push_back(shake.number());
        constants[i] = Constant::ints(values);
        descs[i] = constants[i]->desc();
      }
      if (kind < 3 && i > 0) continue;
      constants[i] = nullptr;
      descs[i] = TensorDesc(random() % 4 ? DType::f32 : DType::i64, {});
      for (auto n = random() % 5; n-- > 0;)
        descs[i].shape.push_back(random() % 40 ? static_cast<int64_t>(random() % 9) : shake.number());
    }
    const auto inferred = infer(op, descs, constants, 1 + random() % 3);
    if (!inferred) {
      EXPECT_FALSE(inferred.error().message.empty());
      continue;
    }
    ++answers;
    for (const TensorDesc& desc : *inferred)
      EXPECT_TRUE(desc.concrete() && element_count(desc.shape)) << op_text(op);
  }
  EXPECT_GT(answers, 500u);
}

}  // namespace
}  // namespace hone
