"""From a table of layers to a DetectionModel."""
from torch import nn

from checkpoint import class_path
from modules import C2f, Concat, Conv, Detect, DetectionModel, SPPF

# The YOLOv8 topology: [from, repeats, module, arguments], channels already at their final width.
def yolov8(widths, depths=(1, 2, 2, 1), head_depth=1):
    """The three-level network. `widths` are the channels at strides 2, 4, 8, 16, 32."""
    c1, c2, c3, c4, c5 = widths
    backbone = [
        [-1, 1, "Conv", [c1, 3, 2]],
        [-1, 1, "Conv", [c2, 3, 2]],
        [-1, depths[0], "C2f", [c2, True]],
        [-1, 1, "Conv", [c3, 3, 2]],
        [-1, depths[1], "C2f", [c3, True]],
        [-1, 1, "Conv", [c4, 3, 2]],
        [-1, depths[2], "C2f", [c4, True]],
        [-1, 1, "Conv", [c5, 3, 2]],
        [-1, depths[3], "C2f", [c5, True]],
        [-1, 1, "SPPF", [c5, 5]],
    ]
    head = [
        [-1, 1, "nn.Upsample", ["None", 2, "nearest"]],
        [[-1, 6], 1, "Concat", [1]],
        [-1, head_depth, "C2f", [c4]],
        [-1, 1, "nn.Upsample", ["None", 2, "nearest"]],
        [[-1, 4], 1, "Concat", [1]],
        [-1, head_depth, "C2f", [c3]],
        [-1, 1, "Conv", [c3, 3, 2]],
        [[-1, 12], 1, "Concat", [1]],
        [-1, head_depth, "C2f", [c4]],
        [-1, 1, "Conv", [c4, 3, 2]],
        [[-1, 9], 1, "Concat", [1]],
        [-1, head_depth, "C2f", [c5]],
        [[15, 18, 21], 1, "Detect", ["nc"]],
    ]
    return backbone, head


def two_level(widths):
    """A short network of the same parts with strides 8 and 16, for files of a few kilobytes."""
    c1, c2, c3, c4 = widths
    backbone = [
        [-1, 1, "Conv", [c1, 3, 2]],
        [-1, 1, "Conv", [c2, 3, 2]],
        [-1, 1, "Conv", [c3, 3, 2]],
        [-1, 1, "Conv", [c4, 3, 2]],
        [-1, 1, "SPPF", [c4, 5]],
    ]
    head = [
        [-1, 1, "nn.Upsample", ["None", 2, "nearest"]],
        [[-1, 2], 1, "Concat", [1]],
        [-1, 1, "C2f", [c3]],
        [[7, 4], 1, "Detect", ["nc"]],
    ]
    return backbone, head


def one_level(widths, depth=1):
    """Stride 8 alone."""
    backbone = [[-1, 1, "Conv", [c, 3, 2]] for c in widths] + [[-1, depth, "C2f", [widths[-1], True]]]
    return backbone, [[[-1], 1, "Detect", ["nc"]]]


def pyramid(widths):
    """Three levels straight off the backbone: strides 8, 16, 32 with nothing between them."""
    backbone = [[-1, 1, "Conv", [c, 3, 2]] for c in widths] + [[-1, 1, "SPPF", [widths[-1], 5]]]
    return backbone, [[[2, 3, 5], 1, "Detect", ["nc"]]]


def build(backbone, head, nc, names=None, channels=3, reg_max=16, yaml_file="yolov8n.yaml"):
    """Layers with the bookkeeping that the checkpoint format carries: index, inputs, class path, size."""
    table = backbone + head
    layers, save, out_channels, out_strides = [], [], [channels], [1]
    strides = []
    for i, (source, repeats, kind, args) in enumerate(table):
        sources = [source] if isinstance(source, int) else source
        # Entry 0 of both lists is the picture, so layer j stands at j + 1 and -1 is the last one.
        at = [s if s < 0 else s + 1 for s in sources]
        c_in, stride = out_channels[at[0]], out_strides[at[0]]
        if kind == "Conv":
            layer, c_out, stride = Conv(c_in, *args), args[0], stride * args[2]
        elif kind == "C2f":
            layer, c_out = C2f(c_in, args[0], repeats, *args[1:]), args[0]
        elif kind == "SPPF":
            layer, c_out = SPPF(c_in, *args), args[0]
        elif kind == "nn.Upsample":
            layer, c_out, stride = nn.Upsample(None, args[1], args[2]), c_in, stride // args[1]
        elif kind == "Concat":
            layer, c_out = Concat(*args), sum(out_channels[a] for a in at)
        elif kind == "Detect":
            strides = [out_strides[a] for a in at]
            layer, c_out = Detect(nc, [out_channels[a] for a in at], strides, reg_max), None
        else:
            raise ValueError(f"layer {i}: unknown module {kind}")
        layer.np = sum(p.numel() for p in layer.parameters())
        layer.i, layer.f = i, source
        layer.type = class_path(type(layer))
        layers.append(layer)
        save += [s for s in sources if s != -1]
        out_channels.append(c_out)
        out_strides.append(stride)
    yaml = {"nc": nc, "scales": {"n": [1.0, 1.0, 1024]}, "backbone": backbone, "head": head,
            "scale": "n", "yaml_file": yaml_file, "channels": channels}
    if reg_max != 16:
        yaml["reg_max"] = reg_max
    names = names if names is not None else {i: str(i) for i in range(nc)}
    return DetectionModel(layers, sorted(set(save)), nc, names, strides, yaml)
