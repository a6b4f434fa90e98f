// Every older form of an operator becomes the newest one's.
#include <gmock/gmock.h>

#include "import/onnx/test_model.h"

namespace hone {
namespace {

// What a model of one node x [1, 4, 6, 6] → y becomes.
class OldForm {
 public:
  OldForm(int64_t opset, std::vector<int64_t> x_shape = {1, 4, 6, 6}) : model(opset) {
    model.input("x", x_shape);
    model.output("y");
  }
  std::string text() const {
    const auto graph = model.import();
    return graph ? shown(*graph) : graph.error().message;
  }
  TestModel model;
};

TEST(OldForms, SliceOfOpset1HasItsBoundsAsInputs) {
  OldForm form(9);
  form.model.node("Slice", {"x"}, {"y"})
      .set("starts", std::vector<int64_t>{1, 2})
      .set("ends", std::vector<int64_t>{3, -1})
      .set("axes", std::vector<int64_t>{1, 2});
  EXPECT_EQ(form.text(), "Slice: x [1,2] [3,-1] [1,2] -> y\n");
}

TEST(OldForms, SqueezeAndUnsqueezeHaveTheirAxesAsInputs) {
  OldForm form(11);
  form.model.node("Squeeze", {"x"}, {"s"}).set("axes", std::vector<int64_t>{0});
  form.model.node("Unsqueeze", {"s"}, {"y"}).set("axes", std::vector<int64_t>{3});
  EXPECT_EQ(form.text(), "Squeeze: x [0] -> s\nUnsqueeze: s [3] -> y\n");
}

TEST(OldForms, SqueezeWithoutAxesStaysSo) {
  OldForm form(9);
  form.model.node("Squeeze", {"x"}, {"y"});
  EXPECT_EQ(form.text(), "Squeeze: x -> y\n");
}

TEST(OldForms, ClipOfOpset6AndClipWithConstantBoundsAreTheSame) {
  OldForm old_form(10), new_form(13);
  old_form.model.node("Clip", {"x"}, {"y"}).set_float("min", 0).set_float("max", 6);
  new_form.model.floats("low", {}, {0});
  new_form.model.floats("high", {}, {6});
  new_form.model.node("Clip", {"x", "low", "high"}, {"y"});
  EXPECT_EQ(old_form.text(), new_form.text());
  EXPECT_THAT(old_form.text(), testing::HasSubstr("clip"));
}

TEST(OldForms, ClipWithOneComputedBoundIsABinary) {
  OldForm form(13);
  form.model.input("low", {});
  form.model.node("Clip", {"x", "low"}, {"y"});
  EXPECT_EQ(form.text(), "Binary(kind=max): x low -> y\n");
}

TEST(OldForms, PadOfOpset2HasItsPadsAsInput) {
  OldForm form(10);
  form.model.node("Pad", {"x"}, {"y"})
      .set("pads", std::vector<int64_t>{0, 0, 1, 1, 0, 0, 1, 1})
      .set_float("value", 0.5f)
      .set("mode", "constant");
  EXPECT_EQ(form.text(), "Pad: x [0,0,1,1,0,0,1,1] [0.5] -> y\n");
}

TEST(OldForms, UpsampleOfOpset7And9AndResizeOfOpset10AreOneResize) {
  OldForm attribute(8), input(9), resize(10);
  attribute.model.node("Upsample", {"x"}, {"y"}).set_floats("scales", {1, 1, 2, 2}).set("mode", "nearest");
  for (OldForm* form : {&input, &resize}) form->model.floats("scales", {4}, {1, 1, 2, 2});
  input.model.node("Upsample", {"x", "scales"}, {"y"}).set("mode", "nearest");
  resize.model.node("Resize", {"x", "scales"}, {"y"}).set("mode", "nearest");
  EXPECT_EQ(input.text(), "Resize(coordinates=asymmetric, nearest=floor): x - [1.,1.,2.,2.] -> y\n");
  EXPECT_EQ(attribute.text(), input.text());
  EXPECT_EQ(resize.text(), input.text());
}

TEST(OldForms, ShrinkingByNearestInOpset10TakesTheCeiling) {
  OldForm form(10);
  form.model.floats("scales", {4}, {1, 1, 0.5f, 0.5f});
  form.model.node("Resize", {"x", "scales"}, {"y"}).set("mode", "nearest");
  EXPECT_THAT(form.text(), testing::HasSubstr("nearest=ceil"));
}

TEST(OldForms, EmptyRoiAndScalesOfOpset11AreAbsent) {
  OldForm form(11);
  form.model.floats("none", {0}, {});
  form.model.ints("sizes", {1, 4, 12, 12});
  form.model.node("Resize", {"x", "none", "none", "sizes"}, {"y"}).set("mode", "linear");
  EXPECT_EQ(form.text(), "Resize(mode=linear): x - - [1,4,12,12] -> y\n");
}

TEST(OldForms, SoftmaxBeforeOpset13FlattensUnlessItsAxisIsTheLast) {
  OldForm inner(11), last(11), counted(11);
  inner.model.node("Softmax", {"x"}, {"y"}).set("axis", int64_t{1});
  last.model.node("Softmax", {"x"}, {"y"}).set("axis", int64_t{3});
  counted.model.node("LogSoftmax", {"x"}, {"y"}).set("axis", int64_t{-1});
  EXPECT_EQ(last.text(), "Softmax: x -> y\n");
  EXPECT_EQ(counted.text(), "Softmax(log=true): x -> y\n");
  EXPECT_EQ(inner.text(),
            "ShapeOf: x -> /Softmax/shape_output\n"
            "Flatten: x -> /Softmax/flatten_output\n"
            "Softmax: /Softmax/flatten_output -> /Softmax/softmax_output\n"
            "Reshape: /Softmax/softmax_output /Softmax/shape_output -> y\n");
}

TEST(OldForms, SoftmaxSinceOpset13KeepsItsAxis) {
  OldForm form(13);
  form.model.node("Softmax", {"x"}, {"y"}).set("axis", int64_t{1});
  EXPECT_EQ(form.text(), "Softmax(axis=1): x -> y\n");
}

TEST(OldForms, SplitHasItsSizesAsInput) {
  OldForm form(11);
  form.model.output("z");
  form.model.node("Split", {"x"}, {"y", "z"})
      .set("split", std::vector<int64_t>{1, 3})
      .set("axis", int64_t{1});
  EXPECT_EQ(form.text(), "Split(axis=1): x [1,3] -> y z\n");
}

TEST(OldForms, ReductionsHaveTheirAxesAsInputs) {
  OldForm old_form(13), new_form(18);
  old_form.model.node("ReduceMean", {"x"}, {"y"})
      .set("axes", std::vector<int64_t>{2, 3})
      .set("keepdims", int64_t{0});
  new_form.model.ints("axes", {2, 3});
  new_form.model.node("ReduceMean", {"x", "axes"}, {"y"}).set("keepdims", int64_t{0});
  EXPECT_EQ(old_form.text(), "Reduce(kind=mean, keep_dims=false): x [2,3] -> y\n");
  EXPECT_EQ(old_form.text(), new_form.text());
}

TEST(OldForms, ReduceSumChangedFiveOpsetsEarlier) {
  OldForm form(13);
  form.model.ints("axes", {1});
  form.model.node("ReduceSum", {"x", "axes"}, {"y"});
  EXPECT_EQ(form.text(), "Reduce: x [1] -> y\n");
}

TEST(OldForms, TopKOfOpset1HasItsCountAsInput) {
  OldForm form(9);
  form.model.node("TopK", {"x"}, {"y", "indices"}).set("k", int64_t{3}).set("axis", int64_t{1});
  EXPECT_EQ(form.text(), "TopK(axis=1): x [3] -> y indices\n");
}

TEST(OldForms, ReshapeOfOpset1HasItsShapeAsInput) {
  OldForm form(4);
  form.model.node("Reshape", {"x"}, {"y"}).set("shape", std::vector<int64_t>{4, -1});
  EXPECT_EQ(form.text(), "Reshape: x [4,-1] -> y\n");
}

TEST(OldForms, BatchNormalizationAndDropoutOfInferenceArePlain) {
  OldForm form(8);
  for (const char* name : {"scale", "bias", "mean", "variance"}) form.model.floats(name, {4}, {1, 1, 1, 1});
  form.model.node("BatchNormalization", {"x", "scale", "bias", "mean", "variance"}, {"n"})
      .set("spatial", int64_t{1})
      .set_float("epsilon", 0.5f);
  form.model.node("Dropout", {"n"}, {"y"}).set_float("ratio", 0.5f);
  EXPECT_EQ(form.text(),
            "BatchNorm(epsilon=0.5): x [1.,1.,1.,1.] [1.,1.,1.,1.] [1.,1.,1.,1.] [1.,1.,1.,1.] -> n\nUnary: "
            "n -> y\n");
}

TEST(OldForms, BroadcastOfOpset6StandsAtItsAxis) {
  OldForm form(6);
  form.model.floats("bias", {4}, {1, 2, 3, 4});
  form.model.node("Add", {"x", "bias"}, {"y"}).set("broadcast", int64_t{1}).set("axis", int64_t{1});
  EXPECT_EQ(
      form.text(),
      "Unsqueeze: [1.,2.,3.,4.] [1,2] -> /Add/unsqueeze_output\nBinary: x /Add/unsqueeze_output -> y\n");
}

TEST(OldForms, AutoPadBecomesPads) {
  OldForm upper(13, {1, 4, 5, 6}), lower(13, {1, 4, 5, 6});
  for (OldForm* form : {&upper, &lower}) {
    form->model.floats("w", {2, 4, 3, 3}, std::vector<float>(72));
    form->model.node("Conv", {"x", "w"}, {"y"})
        .set("auto_pad", form == &upper ? "SAME_UPPER" : "SAME_LOWER")
        .set("strides", std::vector<int64_t>{2, 2});
  }
  // 5 → 3 needs 2 rows, 6 → 3 one column: at the end for UPPER, at the beginning for LOWER.
  EXPECT_THAT(upper.text(), testing::HasSubstr("pads=[1,0,1,1]"));
  EXPECT_THAT(lower.text(), testing::HasSubstr("pads=[1,1,1,0]"));
}

TEST(OldForms, AutoPadWithStrideOneNeedsNoExtents) {
  OldForm form(13, {1, 4, -1, -1});
  form.model.floats("w", {2, 4, 3, 3}, std::vector<float>(72));
  form.model.node("Conv", {"x", "w"}, {"y"}).set("auto_pad", "SAME_UPPER");
  EXPECT_THAT(form.text(), testing::HasSubstr("pads=[1,1,1,1]"));
}

TEST(OldForms, AutoPadWithAStrideAndOpenExtentsIsReported) {
  OldForm form(13, {1, 4, -1, -1});
  form.model.floats("w", {2, 4, 3, 3}, std::vector<float>(72));
  form.model.node("Conv", {"x", "w"}, {"y"})
      .set("auto_pad", "SAME_UPPER")
      .set("strides", std::vector<int64_t>{2, 2});
  EXPECT_THAT(form.text(), testing::HasSubstr(
                               "Conv with auto_pad SAME, a stride over 1 and an input whose extents are not "
                               "fixed (opset 13) at node '/Conv'"));
}

TEST(OldForms, OutputShapeOfConvTransposeBecomesPads) {
  OldForm form(11, {1, 4, 6, 6});
  form.model.floats("w", {4, 2, 3, 3}, std::vector<float>(72));
  form.model.node("ConvTranspose", {"x", "w"}, {"y"})
      .set("strides", std::vector<int64_t>{2, 2})
      .set("output_shape", std::vector<int64_t>{12, 12});
  // 2 * 5 + 3 - 12 = 1
  EXPECT_THAT(form.text(), testing::HasSubstr("pads=[1,1,0,0]"));
}

TEST(OldForms, ManyInputsAreAddedOneByOne) {
  OldForm form(13);
  form.model.node("Sum", {"x", "x", "x"}, {"y"});
  EXPECT_EQ(form.text(), "Binary: x x -> /Sum/step_output\nBinary: /Sum/step_output x -> y\n");
}

}  // namespace
}  // namespace hone
