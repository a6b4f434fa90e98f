"""The YOLOv8 family of detectors in plain PyTorch.

Written from the published descriptions: C2f and the anchor-free decoupled head as drawn in the
YOLOv8 architecture diagrams, SPPF as three chained 5x5 max pools, DFL from "Generalized Focal Loss"
(Li et al., 2020, arXiv:2006.04388). Attribute names are those of the checkpoint format that
checkpoint.py writes, because a checkpoint is the pickled modules themselves.
"""
import math

import torch
from torch import nn

BATCH_NORM_EPS = 1e-3
BATCH_NORM_MOMENTUM = 0.03


class Conv(nn.Module):
    """Convolution, batch norm, SiLU; padded so that stride 1 keeps the size."""

    def __init__(self, c_in, c_out, k=1, s=1):
        super().__init__()
        self.conv = nn.Conv2d(c_in, c_out, k, s, k // 2, bias=False)
        self.bn = nn.BatchNorm2d(c_out, eps=BATCH_NORM_EPS, momentum=BATCH_NORM_MOMENTUM)
        self.act = nn.SiLU()

    def forward(self, x):
        return self.act(self.bn(self.conv(x)))

    def forward_fuse(self, x):
        return self.act(self.conv(x))

    def fuse(self):
        """Folds the batch norm into the convolution, in the precision of the weights."""
        old, bn = self.conv, self.bn
        scale = bn.weight / torch.sqrt(bn.running_var + bn.eps)
        new = nn.Conv2d(old.in_channels, old.out_channels, old.kernel_size, old.stride, old.padding, bias=True)
        new.weight = nn.Parameter((old.weight * scale.view(-1, 1, 1, 1)).detach(), requires_grad=False)
        new.bias = nn.Parameter((bn.bias - bn.running_mean * scale).detach(), requires_grad=False)
        self.conv = new
        del self.bn
        self.forward = self.forward_fuse


class Bottleneck(nn.Module):
    """Two 3x3 convolutions, with a residual when `shortcut`."""

    def __init__(self, c, shortcut):
        super().__init__()
        self.cv1 = Conv(c, c, 3)
        self.cv2 = Conv(c, c, 3)
        self.add = shortcut

    def forward(self, x):
        y = self.cv2(self.cv1(x))
        return x + y if self.add else y


class C2f(nn.Module):
    """Half the channels go through n bottlenecks; every intermediate result is kept and concatenated."""

    def __init__(self, c_in, c_out, n=1, shortcut=False):
        super().__init__()
        self.c = c_out // 2
        self.cv1 = Conv(c_in, 2 * self.c)
        self.cv2 = Conv((2 + n) * self.c, c_out)
        self.m = nn.ModuleList(Bottleneck(self.c, shortcut) for _ in range(n))

    def forward(self, x):
        parts = list(self.cv1(x).chunk(2, 1))
        for block in self.m:
            parts.append(block(parts[-1]))
        return self.cv2(torch.cat(parts, 1))


class SPPF(nn.Module):
    """Max pools of growing reach (5, 9, 13) as one 5x5 pool applied three times."""

    def __init__(self, c_in, c_out, k=5):
        super().__init__()
        self.n = 3
        self.add = False
        self.cv1 = Conv(c_in, c_in // 2)
        self.cv2 = Conv(c_in // 2 * 4, c_out)
        self.m = nn.MaxPool2d(k, 1, k // 2)

    def forward(self, x):
        parts = [self.cv1(x)]
        for _ in range(3):
            parts.append(self.m(parts[-1]))
        return self.cv2(torch.cat(parts, 1))


class Concat(nn.Module):
    def __init__(self, dimension=1):
        super().__init__()
        self.d = dimension

    def forward(self, xs):
        return torch.cat(xs, self.d)


class DFL(nn.Module):
    """Expectation of a distribution over 0..c1-1, as a softmax and a fixed 1x1 convolution."""

    def __init__(self, c1):
        super().__init__()
        self.conv = nn.Conv2d(c1, 1, 1, bias=False).requires_grad_(False)
        self.conv.weight.data[:] = torch.arange(c1, dtype=torch.float32).view(1, c1, 1, 1)
        self.c1 = c1

    def forward(self, x):
        b, _, a = x.shape
        return self.conv(x.view(b, 4, self.c1, a).transpose(2, 1).softmax(1)).view(b, 4, a)


def anchor_points(shapes, strides, device=None, dtype=torch.float32):
    """Cell centres in grid units [A, 2] (x, y), y outer, level by level, and each one's stride [A, 1]."""
    points, scales = [], []
    for (h, w), stride in zip(shapes, strides):
        y, x = torch.meshgrid(torch.arange(h, device=device, dtype=dtype) + 0.5,
                              torch.arange(w, device=device, dtype=dtype) + 0.5, indexing="ij")
        points.append(torch.stack((x, y), -1).view(-1, 2))
        scales.append(torch.full((h * w, 1), float(stride), device=device, dtype=dtype))
    return torch.cat(points), torch.cat(scales)


class Detect(nn.Module):
    """Decoupled head. Training: a list of [B, 4*reg_max+nc, h, w]. Otherwise [B, 4+nc, A]:
    cx, cy, w, h in pixels of the input, then the class probabilities."""

    def __init__(self, nc, channels, strides, reg_max=16):
        super().__init__()
        self.nc, self.nl, self.reg_max = nc, len(channels), reg_max
        self.no = nc + reg_max * 4
        self.stride = torch.tensor([float(s) for s in strides])
        c_box = max(16, channels[0] // 4, reg_max * 4)
        c_cls = max(channels[0], min(nc, 100))
        self.cv2 = nn.ModuleList(
            nn.Sequential(Conv(c, c_box, 3), Conv(c_box, c_box, 3), nn.Conv2d(c_box, 4 * reg_max, 1)) for c in channels)
        self.cv3 = nn.ModuleList(
            nn.Sequential(Conv(c, c_cls, 3), Conv(c_cls, c_cls, 3), nn.Conv2d(c_cls, nc, 1)) for c in channels)
        self.dfl = DFL(reg_max) if reg_max > 1 else nn.Identity()

    def init_biases(self, image_size=640, objects=5):
        """Starts near the rate of true cells, so that the first steps are not spent on unlearning."""
        for box, cls, stride in zip(self.cv2, self.cv3, self.stride.tolist()):
            box[-1].bias.data[:] = 1.0
            cls[-1].bias.data[:] = math.log(objects / self.nc / (image_size / stride) ** 2)

    def forward(self, xs):
        levels = [torch.cat((box(x), cls(x)), 1) for x, box, cls in zip(xs, self.cv2, self.cv3)]
        if self.training:
            return levels
        flat = torch.cat([level.flatten(2) for level in levels], 2)
        distances, logits = flat.split((4 * self.reg_max, self.nc), 1)
        centres, strides = anchor_points([x.shape[2:] for x in levels], self.stride.tolist(), flat.device, flat.dtype)
        centres, strides = centres.t()[None], strides.t()[None]
        left_top, right_bottom = self.dfl(distances).chunk(2, 1)
        low, high = centres - left_top, centres + right_bottom
        return torch.cat((torch.cat(((low + high) / 2, high - low), 1) * strides, logits.sigmoid()), 1)


class DetectionModel(nn.Module):
    """A list of layers; layer i takes the output of layer `f` (or of several), -1 being the one before."""

    def __init__(self, layers, save, nc, names, strides, yaml):
        super().__init__()
        self.yaml = yaml
        self.model = nn.Sequential(*layers)
        self.save = save
        self.names = names
        self.inplace = True
        self.stride = torch.tensor([float(s) for s in strides])
        self.nc = nc

    def forward(self, x):
        kept = []
        for layer in self.model:
            if isinstance(layer.f, int):
                inputs = x if layer.f == -1 else kept[layer.f]
            else:
                inputs = [x if f == -1 else kept[f] for f in layer.f]
            x = layer(inputs)
            kept.append(x if layer.i in self.save else None)
        return x

    def fuse(self):
        for module in self.modules():
            if isinstance(module, Conv):
                module.fuse()
        return self
