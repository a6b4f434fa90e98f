#!/usr/bin/env python3
"""Random nodes and the shapes that ONNX's own inference gives them, for src/ir/infer_test.cc.

    python3 tools/make_infer_cases.py > src/ir/infer_cases.txt        (needs the onnx package)

A line: OP attribute=value… | input… | output…   An input is a desc (f32[1x3x8x8]), a constant (i64{1,-1}) or - (absent).
Nodes that ONNX refuses are left out: what hone refuses is in the handwritten tests.
"""
import random

import onnx
from onnx import TensorProto, checker, helper, shape_inference

random.seed(20240607)
TYPES = {"f32": TensorProto.FLOAT, "i64": TensorProto.INT64, "bool": TensorProto.BOOL, "u8": TensorProto.UINT8}
NAMES = {v: k for k, v in TYPES.items()}


class Const:
    def __init__(self, type_, values, scalar=False):
        self.type, self.values, self.scalar = type_, values, scalar

    def __str__(self):
        body = "{" + ",".join(str(v) for v in self.values) + "}"
        return self.type + ("s" if self.scalar else "") + body


class Desc:
    def __init__(self, type_, shape):
        self.type, self.shape = type_, shape

    def __str__(self):
        return self.type + "[" + "x".join(map(str, self.shape)) + "]"


def infer(onnx_op, attributes, inputs, output_count):
    names, graph_inputs, initializers = [], [], []
    for i, value in enumerate(inputs):
        if value is None:
            names.append("")
            continue
        names.append(f"x{i}")
        if isinstance(value, Const):
            dims = [] if value.scalar else [len(value.values)]
            initializers.append(helper.make_tensor(f"x{i}", TYPES[value.type], dims, value.values))
        else:
            graph_inputs.append(helper.make_tensor_value_info(f"x{i}", TYPES[value.type], value.shape))
    outputs = [f"y{i}" for i in range(output_count)]
    node = helper.make_node(onnx_op, names, outputs, **attributes)
    graph = helper.make_graph([node], "g", graph_inputs, [helper.make_empty_tensor_value_info(o) for o in outputs],
                              initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 22)])
    inferred = shape_inference.infer_shapes(model, check_type=True, strict_mode=True, data_prop=True)
    descs = []
    for value in inferred.graph.output:
        tensor = value.type.tensor_type
        dims = [d.dim_value if d.HasField("dim_value") else None for d in tensor.shape.dim]
        if not tensor.HasField("shape") or None in dims:
            raise ValueError("not inferred")
        descs.append(Desc(NAMES[tensor.elem_type], dims))
    return descs


def text(value):
    if isinstance(value, bool):
        return str(int(value))
    return ",".join(map(str, value)) if isinstance(value, list) else str(value)


def emit(hone_op, hone_attributes, onnx_op, onnx_attributes, inputs, output_count=1):
    try:
        outputs = infer(onnx_op, onnx_attributes, inputs, output_count)
    except Exception:  # an illegal random node
        return False
    if any(d < 0 for o in outputs for d in o.shape):
        return False  # ONNX's inference does not refuse windows that do not fit
    attributes = "".join(f" {k}={text(v)}" for k, v in hone_attributes.items() if v is not None and v != [])
    print(f"{hone_op}{attributes} | {' '.join('-' if i is None else str(i) for i in inputs)} | {' '.join(map(str, outputs))}")
    return True


def r(low, high):
    return random.randint(low, high)


def shape(low_rank=1, high_rank=4, high=6):
    return [r(1, high) for _ in range(r(low_rank, high_rank))]


def f32(dims):
    return Desc("f32", dims)


def ints(values):
    return Const("i64", list(values))


def broadcastable(dims):
    dims = [d if r(0, 2) else 1 for d in dims]
    return dims[r(0, len(dims)):] if r(0, 1) else dims


def conv():
    rank, group = r(1, 3), r(1, 3)
    kernel = [r(1, 4) for _ in range(rank)]
    a = {"strides": [r(1, 3) for _ in range(rank)], "pads": [r(0, 2) for _ in range(2 * rank)],
         "dilations": [r(1, 2) for _ in range(rank)], "group": group}
    c, m = group * r(1, 3), group * r(1, 3)
    x = f32([r(1, 2), c] + [r(6, 14) for _ in range(rank)])
    return emit("Conv", a, "Conv", a, [x, f32([m, c // group] + kernel)])


def conv_transpose():
    rank, group = r(1, 3), r(1, 2)
    a = {"strides": [r(1, 3) for _ in range(rank)], "pads": [r(0, 1) for _ in range(2 * rank)],
         "dilations": [r(1, 2) for _ in range(rank)], "group": group}
    a["output_padding"] = [r(0, s - 1) for s in a["strides"]]
    c = group * r(1, 3)
    x = f32([r(1, 2), c] + [r(2, 9) for _ in range(rank)])
    return emit("ConvTranspose", a, "ConvTranspose", a, [x, f32([c, r(1, 3)] + [r(2, 4) for _ in range(rank)])])


def pool():
    rank, ceil = r(1, 3), r(0, 1)
    kernel = [r(1, 4) for _ in range(rank)]
    a = {"strides": [r(1, 3) for _ in range(rank)], "pads": [r(0, k - 1) for k in kernel + kernel]}
    a["dilations"] = [r(1, 2) for _ in range(rank)]
    kind = random.choice([("max", "MaxPool"), ("average", "AveragePool")])
    x = f32([1, r(1, 3)] + [r(7, 15) for _ in range(rank)])
    return emit("Pool", {"kind": kind[0], "kernel": kernel, **a, "ceil_mode": ceil}, kind[1],
                {"kernel_shape": kernel, **a, "ceil_mode": ceil}, [x])


def matmul():
    m, k, n = r(1, 5), r(1, 5), r(1, 5)
    batch = shape(0, 2)
    a, b = batch + [m, k], broadcastable(batch) + [k, n] if batch else [k, n]
    a, b = random.choice([(a, b), (a, b), (a, [k]), ([k], b)])
    return emit("MatMul", {}, "MatMul", {}, [f32(a), f32(b)])


def gemm():
    m, k, n, ta, tb = r(1, 5), r(1, 5), r(1, 5), r(0, 1), r(0, 1)
    c = random.choice([None, [n], [m, 1], [m, n], [1]])
    return emit("Gemm", {"transpose_a": ta, "transpose_b": tb}, "Gemm", {"transA": ta, "transB": tb},
                [f32([k, m] if ta else [m, k]), f32([n, k] if tb else [k, n])] + ([f32(c)] if c else []))


def binary():
    kind, name = random.choice([("add", "Add"), ("sub", "Sub"), ("less", "Less"), ("pow", "Pow"), ("equal", "Equal")])
    x = shape()
    pair = [x, broadcastable(x)]
    random.shuffle(pair)
    return emit("Binary", {"kind": kind}, name, {}, [f32(p) for p in pair])


def where():
    x = shape()
    return emit("Where", {}, "Where", {}, [Desc("bool", broadcastable(x)), f32(x), f32(broadcastable(x))])


def reduce():
    kind, name = random.choice([("sum", "ReduceSum"), ("mean", "ReduceMean"), ("max", "ReduceMax"), ("l2", "ReduceL2")])
    x, keep, noop = shape(), r(0, 1), r(0, 1)
    axes = random.sample(range(-len(x), 0), r(0, len(x)))
    name = {"mean": "ReduceMean", "max": "ReduceMax"}.get(kind, name)
    return emit("Reduce", {"kind": kind, "keep_dims": keep, "noop_with_empty_axes": noop}, name,
                {"keepdims": keep, "noop_with_empty_axes": noop}, [f32(x), ints(axes)] if axes else [f32(x)])


def arg_reduce():
    x, keep = shape(), r(0, 1)
    axis = r(-len(x), len(x) - 1)
    return emit("ArgReduce", {"axis": axis, "keep_dims": keep}, "ArgMax", {"axis": axis, "keepdims": keep}, [f32(x)])


def top_k():
    x = shape()
    axis = r(-len(x), len(x) - 1)
    return emit("TopK", {"axis": axis}, "TopK", {"axis": axis}, [f32(x), ints([r(1, x[axis])])], 2)


def concat():
    x = shape()
    axis = r(-len(x), len(x) - 1)
    parts = []
    for _ in range(r(1, 3)):
        part = list(x)
        part[axis] = r(1, 5)
        parts.append(f32(part))
    return emit("Concat", {"axis": axis}, "Concat", {"axis": axis}, parts)


def split():
    x = shape(1, 4, 9)
    axis, count = r(-len(x), len(x) - 1), r(1, 3)
    if r(0, 1):
        sizes = [r(0, 3) for _ in range(count)]
        x[axis] = sum(sizes)
        return emit("Split", {"axis": axis}, "Split", {"axis": axis}, [f32(x), ints(sizes)], count)
    x[axis] = max(x[axis], count * count)
    return emit("Split", {"axis": axis}, "Split", {"axis": axis, "num_outputs": count}, [f32(x)], count)


def slice_():
    x = shape(1, 4, 9)
    axes = random.sample(range(len(x)), r(1, len(x)))
    starts = [r(-12, 12) for _ in axes]
    ends = [random.choice([r(-12, 12), 2**63 - 1, -(2**63)]) for _ in axes]
    steps = [random.choice([1, 1, 2, 3, -1, -2]) for _ in axes]
    if r(0, 3) == 0 and len(axes) == len(x):
        return emit("Slice", {}, "Slice", {}, [f32(x), ints(starts), ints(ends)])
    return emit("Slice", {}, "Slice", {}, [f32(x), ints(starts), ints(ends), ints(axes), ints(steps)])


def reshape():
    x = shape(1, 4)
    wanted = list(x)
    random.shuffle(wanted)
    if len(wanted) > 1 and r(0, 1):
        wanted[:2] = [wanted[0] * wanted[1]]
    if r(0, 1):
        wanted[r(0, len(wanted) - 1)] = -1
    elif wanted == x:
        wanted[r(0, len(wanted) - 1)] = 0
    return emit("Reshape", {}, "Reshape", {}, [f32(x), ints(wanted)])


def flatten():
    x = shape()
    axis = r(-len(x), len(x))
    return emit("Flatten", {"axis": axis}, "Flatten", {"axis": axis}, [f32(x)])


def squeeze():
    x = [random.choice([1, 1, 3]) for _ in range(r(2, 5))]
    ones = [i - (len(x) if r(0, 1) else 0) for i, d in enumerate(x) if d == 1]
    return emit("Squeeze", {}, "Squeeze", {}, [f32(x), ints(ones)] if ones and r(0, 1) else [f32(x)])


def unsqueeze():
    x, count = shape(), r(1, 2)
    axes = random.sample(range(-len(x) - count, len(x) + count), count)
    return emit("Unsqueeze", {}, "Unsqueeze", {}, [f32(x), ints(axes)])


def transpose():
    x = shape()
    perm = random.sample(range(len(x)), len(x)) if r(0, 3) else []
    return emit("Transpose", {"perm": perm}, "Transpose", {"perm": perm} if perm else {}, [f32(x)])


def expand():
    x = shape()
    wanted = [d if d > 1 else r(1, 4) for d in x]
    return emit("Expand", {}, "Expand", {}, [f32(x), ints(random.choice([wanted, [2] + wanted, wanted[1:] or [1]]))])


def tile():
    x = shape()
    return emit("Tile", {}, "Tile", {}, [f32(x), ints(r(0, 3) for _ in x)])


def pad():
    x = shape()
    return emit("Pad", {}, "Pad", {}, [f32(x), ints(r(-1, 3) for _ in x + x)])


def gather():
    x = shape()
    axis = r(-len(x), len(x) - 1)
    return emit("Gather", {"axis": axis}, "Gather", {"axis": axis}, [f32(x), Desc("i64", shape(0, 2))])


def gather_nd():
    x = shape(2, 4)
    batch = r(0, 1)
    return emit("GatherNd", {"batch_dims": batch}, "GatherND", {"batch_dims": batch},
                [f32(x), Desc("i64", x[:batch] + shape(0, 2) + [r(1, len(x) - batch)])])


def shape_of():
    x, start, end = shape(), r(-5, 5), r(-5, 5)
    return emit("ShapeOf", {"start": start, "end": end}, "Shape", {"start": start, "end": end}, [f32(x)])


def range_():
    numbers = [Const("i64", [v], True) for v in (r(-9, 9), r(-9, 9), random.choice([-3, -1, 1, 2]))]
    return emit("Range", {}, "Range", {}, numbers)


def resize():
    x = shape(4, 4, 9)
    if r(0, 1):
        return emit("Resize", {}, "Resize", {}, [f32(x), None, None, ints(r(1, 12) for _ in x)])
    scales = Const("f32", [random.choice([0.5, 1.0, 1.3, 2.0, 0.7, 2.5]) for _ in x])
    return emit("Resize", {"mode": "linear"}, "Resize", {"mode": "linear"}, [f32(x), None, scales])


MAKERS = [conv, conv_transpose, pool, matmul, gemm, binary, where, reduce, arg_reduce, top_k, concat, split, slice_, reshape,
          flatten, squeeze, unsqueeze, transpose, expand, tile, pad, gather, gather_nd, shape_of, range_, resize]

print(f"# By tools/make_infer_cases.py with onnx {onnx.__version__}, opset 22.")
for maker in MAKERS:
    made = 0
    for _ in range(400):
        made += maker()
        if made == (30 if maker in (conv, pool, slice_) else 12):
            break
