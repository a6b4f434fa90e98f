#include "import/pt/pickle_machine.h"

#include <gmock/gmock.h>

#include "import/pt/checkpoint_writer.h"
#include "import/pt/pickle_limits.h"

namespace hone {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::PickleText;

Result<Pickle> read(const PickleText& text) {
  return read_pickle(Bytes::of(
      std::vector<std::byte>(testing::bytes_of(text.bytes).begin(), testing::bytes_of(text.bytes).end())));
}

std::string error_of(const PickleText& text) {
  const Result<Pickle> pickle = read(text);
  return pickle ? "" : pickle.error().message;
}

// Objects as Python prints them, more or less.
std::string show(const PickleObjects& objects, ObjectId id) {
  const Object& o = objects[id];
  const auto list = [&](size_t step) {
    std::string out;
    for (size_t i = 0; i < o.items.size(); ++i)
      out += (i == 0 ? "" : i % step == 0 ? ", " : ": ") + show(objects, o.items[i]);
    return out;
  };
  switch (o.kind) {
    case ObjectKind::none:
      return "None";
    case ObjectKind::boolean:
      return o.integer ? "True" : "False";
    case ObjectKind::integer:
      return std::to_string(o.integer);
    case ObjectKind::real:
      return std::to_string(o.real);
    case ObjectKind::text:
      return "'" + std::string(o.text) + "'";
    case ObjectKind::bytes:
      return "b'" + std::string(o.text) + "'";
    case ObjectKind::list:
      return "[" + list(1) + "]";
    case ObjectKind::tuple:
      return "(" + list(1) + ")";
    case ObjectKind::dict:
      return "{" + list(2) + "}";
    case ObjectKind::set:
      return "{" + list(1) + "}";
    case ObjectKind::global:
      return std::string(o.text);
    case ObjectKind::instance:
      return show(objects, o.items[0]) + show(objects, o.items[1]) +
             (o.is_built ? show(objects, o.items[2]) : "");
    case ObjectKind::storage:
      return std::string(dtype_name(o.type)) + " storage " + std::string(o.text);
    case ObjectKind::tensor:
      return "tensor " + shape_text(objects.tensor(id).shape);
  }
  return "?";
}

std::string shown(const PickleText& text) {
  const Result<Pickle> pickle = read(text);
  return pickle ? show(pickle->objects, pickle->root) : pickle.error().message;
}

TEST(PickleMachine, NumbersTextsAndConstantsAreRead) {
  EXPECT_EQ(shown(PickleText().op("(NK\x05M\x02\x01").op({"J\xfe\xff\xff\xff", 5}).op("\x88\x89l.")),
            "[None, 5, 258, -2, True, False]");
  EXPECT_EQ(shown(PickleText().real(0.001).op(".")), "0.001000");
  EXPECT_EQ(shown(PickleText().text("猫").op(".")), "'猫'");
  EXPECT_EQ(shown(PickleText(5).op("(\x8c\x02hi").op("C\x02yo").op("U\x02py").op("t.")),
            "('hi', b'yo', 'py')");
}

TEST(PickleMachine, LongIntegersOfAnyWidthAreRead) {
  EXPECT_EQ(shown(PickleText().op({"\x8a\x00.", 3})), "0");
  EXPECT_EQ(shown(PickleText().op({"\x8a\x01\xff.", 4})), "-1");
  EXPECT_EQ(shown(PickleText().op({"\x8a\x02\xff\x00.", 5})), "255");
  EXPECT_EQ(shown(PickleText().op({"\x8a\x09\x00\x00\x00\x00\x00\x00\x00\x00\x01.", 12})),
            "18446744073709551616.000000");
}

TEST(PickleMachine, ContainersOfEveryOpcodeAreRead) {
  EXPECT_EQ(shown(PickleText().op("](K\x01K\x02").op("eK\x03").op("a.")), "[1, 2, 3]");
  EXPECT_EQ(shown(PickleText().op("}(").text("a").op("K\x01u").text("b").op("K\x02s.")), "{'a': 1, 'b': 2}");
  EXPECT_EQ(shown(PickleText().op("(").text("a").op("K\x01").op("d.")), "{'a': 1}");
  EXPECT_EQ(shown(PickleText().op("()K\x01\x85K\x01K\x02\x86K\x01K\x02K\x03\x87t.")),
            "((), (1), (1, 2), (1, 2, 3))");
  EXPECT_EQ(shown(PickleText(4).op("\x8f(K\x01\x90.")), "{1}");
  EXPECT_EQ(shown(PickleText(4).op("(K\x01\x91.")), "{1}");
  EXPECT_EQ(shown(PickleText().op("NK\x01").op("0(K\x02").op("12.")),
            "the pickle ends with 2 objects on its stack, where one is wanted (pickle byte 11)");
}

TEST(PickleMachine, TheMemoGivesTheSameObjectBack) {
  EXPECT_EQ(shown(PickleText().op({"(]q\x00K\x07"
                                   "ah\x00t.",
                                   11})),
            "([7], [7])");
  EXPECT_EQ(shown(PickleText().op({"(]r\x00\x01\x00\x00j\x00\x01\x00\x00t.", 14})), "([], [])");
  EXPECT_EQ(shown(PickleText(4).op({"(]\x94h\x00t.", 7})), "([], [])");
}

TEST(PickleMachine, KnownClassesBecomeInertObjects) {
  EXPECT_EQ(
      shown(
          PickleText().global("torch.nn.modules.conv", "Conv2d").op(")\x81}").text("groups").op("K\x01sb.")),
      "torch.nn.modules.conv.Conv2d(){'groups': 1}");
  EXPECT_EQ(shown(PickleText(4).text("ultralytics.nn.tasks").text("DetectionModel").op("\x93)\x81.")),
            "ultralytics.nn.tasks.DetectionModel()");
  EXPECT_EQ(shown(PickleText()
                      .global("__builtin__", "getattr")
                      .op("(")
                      .global("torch.nn", "ReLU")
                      .op(")\x81")
                      .text("forward")
                      .op("tR.")),
            "__builtin__.getattr(torch.nn.ReLU(), 'forward')");
}

TEST(PickleMachine, CallablesOfCheckpointsMakeTheirObjects) {
  EXPECT_EQ(shown(PickleText().global("collections", "OrderedDict").op(")R").text("a").op("K\x01s.")),
            "{'a': 1}");
  EXPECT_EQ(shown(PickleText()
                      .global("__builtin__", "set")
                      .op("](K\x01K\x02"
                          "e\x85R.")),
            "{1, 2}");
  EXPECT_EQ(shown(PickleText().global("torch", "Size").op("(K\x01K\x02t\x85R.")), "(1, 2)");
  EXPECT_EQ(shown(PickleText().global("_codecs", "encode").text("a\xc3\xa9").text("latin1").op("\x86R.")),
            "b'a\xe9'");
  const PickleText dtype =
      PickleText::fragment().global("numpy", "dtype").op("(").text("f8").op("\x89\x88tR");
  EXPECT_EQ(shown(PickleText(3)
                      .global("numpy.core.multiarray", "scalar")
                      .op(dtype.bytes)
                      .op({"C\x08\0\0\0\0\0\0\xe0\x3f\x86R.", 13})),
            "0.500000");
}

TEST(PickleMachine, TensorsAreRebuiltFromStorages) {
  const Result<Pickle> pickle = read(PickleText().tensor("HalfStorage", "7", 24, 4, {2, 5}, {10, 1}).op("."));
  ASSERT_TRUE(pickle) << pickle.error().message;
  const TensorRecord& tensor = pickle->objects.tensor(pickle->root);
  EXPECT_EQ(tensor.shape, (Shape{2, 5}));
  EXPECT_EQ(tensor.offset, 4);
  EXPECT_EQ(show(pickle->objects, tensor.storage), "f16 storage 7");
}

TEST(PickleMachine, ATensorOutsideItsStorageIsRefused) {
  const auto tensor = [](int64_t elements, int64_t offset, std::vector<int64_t> shape,
                         std::vector<int64_t> strides) {
    return error_of(PickleText().tensor("FloatStorage", "0", elements, offset, shape, strides).op("."));
  };
  EXPECT_EQ(tensor(10, 0, {2, 5}, {5, 1}), "");
  EXPECT_EQ(tensor(10, 10, {0, 5}, {5, 1}), "");
  EXPECT_THAT(tensor(10, 1, {2, 5}, {5, 1}), HasSubstr("passes the end of its storage"));
  EXPECT_THAT(tensor(10, -1, {1}, {1}), HasSubstr("starts at element -1"));
  EXPECT_THAT(tensor(10, 0, {-2, 5}, {5, 1}), HasSubstr("size of a tensor holds -2"));
  EXPECT_THAT(tensor(10, 0, {2, 5}, {-5, 1}), HasSubstr("strides of a tensor holds -5"));
  EXPECT_THAT(tensor(10, 0, {3, 3}, {int64_t{1} << 62, 1}), HasSubstr("passes the end of its storage"));
  EXPECT_THAT(tensor(10, 0, {int64_t{1} << 40, int64_t{1} << 40}, {0, 0}), HasSubstr("1099511627776"));
  EXPECT_THAT(tensor(10, 0, {2, 5}, {1}), HasSubstr("2 extents and 1 strides"));
  EXPECT_THAT(tensor(-1, 0, {0}, {1}), HasSubstr("-1 elements"));
}

TEST(PickleMachine, AnUnknownClassIsNamedWithThePathToIt) {
  PickleText text;
  text.op("}q").op({"\0", 1}).op("(").text("epoch").op("K\x01").text("model");
  text.global("ultralytics.nn.tasks", "DetectionModel")
      .op(")\x81}(")
      .text("training")
      .op("\x89")
      .text("_modules");
  text.op("}(").text("0").op("N").text("3").global("torch.nn", "ReLU").op(")\x81}").text("f");
  text.global("os", "system");
  EXPECT_THAT(error_of(text), AllOf(HasSubstr("model.3.f: "), HasSubstr("unknown class os.system")));
}

TEST(PickleMachine, NamesThatAreNotOnTheListAreRefused) {
  for (const auto& [module, name] :
       std::vector<std::pair<std::string, std::string>>{{"os", "system"},
                                                        {"posix", "system"},
                                                        {"builtins", "eval"},
                                                        {"builtins", "exec"},
                                                        {"__builtin__", "eval"},
                                                        {"subprocess", "Popen"},
                                                        {"ultralyticsx", "Conv"},
                                                        {"torchx.nn", "Conv"},
                                                        {"torch", "load"},
                                                        {"ultralytics.utils", "os.system"},
                                                        {"", ""},
                                                        {"torch._utils", "_rebuild_x"}}) {
    EXPECT_THAT(error_of(PickleText().global(module, name).op(")R.")), HasSubstr("unknown class"))
        << module << name;
  }
}

TEST(PickleMachine, WhatHasNoMeaningIsRefused) {
  EXPECT_THAT(error_of(PickleText().op("K\x01)R.")), HasSubstr("a int is called"));
  EXPECT_THAT(error_of(PickleText().global("torch", "HalfStorage").op(")R.")), HasSubstr("no meaning"));
  EXPECT_THAT(error_of(PickleText().global("torch.nn", "X").op("K\x01R.")), HasSubstr("no tuple"));
  EXPECT_THAT(error_of(PickleText().op("K\x01}b.")), HasSubstr("int is given a state"));
  EXPECT_THAT(error_of(PickleText().global("torch.nn", "X").op(")\x81}b}b.")), HasSubstr("twice"));
  EXPECT_THAT(error_of(PickleText().op("]K\x01K\x01s.")), HasSubstr("set in a list"));
  EXPECT_THAT(error_of(PickleText().op("}K\x01").op("a.")), HasSubstr("added to a dict"));
  EXPECT_THAT(error_of(PickleText().op("}]K\x01s.")), HasSubstr("a list is used as a key"));
  EXPECT_THAT(error_of(PickleText().op("}(K\x01u.")), HasSubstr("no value"));
  EXPECT_THAT(error_of(PickleText().op("h\x05.")), HasSubstr("memo entry 5"));
  EXPECT_THAT(error_of(PickleText().op("0.")), HasSubstr("more from the stack"));
  EXPECT_THAT(error_of(PickleText().op("K\x01(0.")), HasSubstr("more from the stack"));
  EXPECT_THAT(error_of(PickleText().op("t.")), HasSubstr("wants a mark"));
  EXPECT_THAT(error_of(PickleText().op("(t")), HasSubstr("cut off"));
  EXPECT_THAT(error_of(PickleText().op("K\x01Q.")), HasSubstr("persistent id"));
  EXPECT_THAT(error_of(PickleText(4).global("torch.nn", "X").op(")}K\x01K\x01s\x92.")), HasSubstr("keyword"));
  EXPECT_THAT(error_of(PickleText().text("\xff").op(".")), HasSubstr("UTF-8"));
  EXPECT_THAT(error_of(PickleText().op("(ios\nsystem\n.")), HasSubstr("opcode 0x69"));
  EXPECT_THAT(error_of(PickleText().op("(cos\nsystem\no.")), HasSubstr("unknown class"));
  EXPECT_THAT(error_of(PickleText(1).op("N.")), HasSubstr("protocol 1"));
  EXPECT_THAT(error_of(PickleText::fragment().op("N.")), HasSubstr("no protocol"));
}

TEST(PickleMachine, EveryCostHasALimit) {
  PickleText huge;
  huge.op({"\x8d\xff\xff\xff\xff\xff\xff\xff\x7f", 9});
  EXPECT_THAT(error_of(huge), HasSubstr("passes the end"));
  EXPECT_THAT(error_of(PickleText().op({"]r\xff\xff\xff\x7f", 6})), HasSubstr("memo entry 2147483647"));
  EXPECT_THAT(error_of(PickleText().op(std::string(kMaxPickleNesting + 1, '('))), HasSubstr("open marks"));
  EXPECT_THAT(error_of(PickleText().op(std::string(1000, ']') + std::string(999, 'a') + ".")),
              HasSubstr("nested"));
  EXPECT_THAT(error_of(PickleText().op("N" + std::string(kMaxPickleOps, '2'))), HasSubstr("opcodes"));
  EXPECT_THAT(error_of(PickleText().op(std::string(kMaxPickleObjects + 1, ']'))), HasSubstr("objects"));
  // a set copies its list: a memoized one over and over would grow without end
  PickleText flood;
  flood.op("](" + std::string(100'000, 'N') + "e").op({"q\0", 2});
  for (int i = 0; i < 1000; ++i) flood.global("builtins", "set").op({"h\0\x85R0", 5});
  EXPECT_THAT(error_of(flood), HasSubstr("copies too much"));
}

TEST(PickleMachine, ACycleIsJustAReference) {
  const Result<Pickle> pickle = read(PickleText().op({"]q\0h\0a.", 7}));
  ASSERT_TRUE(pickle) << pickle.error().message;
  EXPECT_EQ(pickle->objects[pickle->root].items[0], pickle->root);
}

}  // namespace
}  // namespace hone
