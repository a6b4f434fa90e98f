"""YOLOv8 (detect) in plain PyTorch: what hone is compared with. BatchNorm is fused into the convolutions beforehand, as
Ultralytics does at inference, so that Conv here is convolution, bias and SiLU. load_onnx() takes the weights of an ONNX
export of the same network."""
import torch, torch.nn as nn

class Conv(nn.Module):
    def __init__(s, c1, c2, k=1, st=1):
        super().__init__(); s.conv = nn.Conv2d(c1, c2, k, st, k // 2, bias=True); s.act = nn.SiLU(inplace=True)
    def forward(s, x): return s.act(s.conv(x))
class Bottleneck(nn.Module):
    def __init__(s, c, add): super().__init__(); s.cv1 = Conv(c, c, 3); s.cv2 = Conv(c, c, 3); s.add = add
    def forward(s, x): y = s.cv2(s.cv1(x)); return x + y if s.add else y
class C2f(nn.Module):
    def __init__(s, c1, c2, n, add):
        super().__init__(); s.c = c2 // 2; s.cv1 = Conv(c1, c2); s.cv2 = Conv((2 + n) * s.c, c2)
        s.m = nn.ModuleList(Bottleneck(s.c, add) for _ in range(n))
    def forward(s, x):
        y = list(s.cv1(x).chunk(2, 1)); y.extend(m(y[-1]) for m in s.m); return s.cv2(torch.cat(y, 1))
class SPPF(nn.Module):
    def __init__(s, c): super().__init__(); s.cv1 = Conv(c, c // 2); s.cv2 = Conv(c * 2, c); s.m = nn.MaxPool2d(5, 1, 2)
    def forward(s, x):
        y = [s.cv1(x)]; y.extend(s.m(y[-1]) for _ in range(3)); return s.cv2(torch.cat(y, 1))
class DFL(nn.Module):
    def __init__(s, n=16): super().__init__(); s.n = n; s.conv = nn.Conv2d(n, 1, 1, bias=False); s.conv.weight.data[:] = torch.arange(n).view(1, n, 1, 1).float()
    def forward(s, x): b, _, a = x.shape; return s.conv(x.view(b, 4, s.n, a).transpose(2, 1).softmax(1)).view(b, 4, a)
class Detect(nn.Module):
    def __init__(s, nc, ch):
        super().__init__(); c2, c3 = max(16, ch[0] // 4, 64), max(ch[0], min(nc, 100)); s.nc = nc
        s.cv2 = nn.ModuleList(nn.Sequential(Conv(x, c2, 3), Conv(c2, c2, 3), nn.Conv2d(c2, 64, 1)) for x in ch)
        s.cv3 = nn.ModuleList(nn.Sequential(Conv(x, c3, 3), Conv(c3, c3, 3), nn.Conv2d(c3, nc, 1)) for x in ch)
        s.dfl = DFL(); s.cache = {}
    def anchors(s, xs):
        key = tuple(x.shape[2:] for x in xs) + (xs[0].dtype, xs[0].device)
        if key not in s.cache:
            pts, st = [], []
            for i, x in enumerate(xs):
                h, w = x.shape[2:]; sy, sx = torch.meshgrid(torch.arange(h, device=x.device) + .5, torch.arange(w, device=x.device) + .5, indexing='ij')
                pts.append(torch.stack((sx, sy), -1).view(-1, 2)); st.append(torch.full((h * w, 1), 8 * 2 ** i, device=x.device))
            s.cache[key] = (torch.cat(pts).T.to(xs[0].dtype), torch.cat(st).T.to(xs[0].dtype))
        return s.cache[key]
    def forward(s, xs):
        a, st = s.anchors(xs)
        y = torch.cat([torch.cat((s.cv2[i](x), s.cv3[i](x)), 1).flatten(2) for i, x in enumerate(xs)], 2)
        box, cls = y.split((64, s.nc), 1); d = s.dfl(box); lt, rb = d.chunk(2, 1)
        x1, x2 = a - lt, a + rb
        return torch.cat((torch.cat(((x1 + x2) / 2, x2 - x1), 1) * st, cls.sigmoid()), 1)

class YOLOv8(nn.Module):
    def __init__(s, d=.67, w=.75, mc=768, nc=80):
        super().__init__(); c = lambda x: int(-(-min(x, mc) * w // 8) * 8); n = lambda x: max(round(x * d), 1)
        s.b = nn.ModuleList([Conv(3, c(64), 3, 2), Conv(c(64), c(128), 3, 2), C2f(c(128), c(128), n(3), True), Conv(c(128), c(256), 3, 2),
            C2f(c(256), c(256), n(6), True), Conv(c(256), c(512), 3, 2), C2f(c(512), c(512), n(6), True), Conv(c(512), c(1024), 3, 2),
            C2f(c(1024), c(1024), n(3), True), SPPF(c(1024))])
        s.up = nn.Upsample(scale_factor=2)
        s.h12 = C2f(c(1024) + c(512), c(512), n(3), False); s.h15 = C2f(c(512) + c(256), c(256), n(3), False)
        s.h16 = Conv(c(256), c(256), 3, 2); s.h18 = C2f(c(256) + c(512), c(512), n(3), False)
        s.h19 = Conv(c(512), c(512), 3, 2); s.h21 = C2f(c(512) + c(1024), c(1024), n(3), False)
        s.det = Detect(nc, [c(256), c(512), c(1024)])
    def forward(s, x):
        f = []
        for i, m in enumerate(s.b):
            x = m(x); f.append(x)
        p4 = s.h12(torch.cat((s.up(x), f[6]), 1)); p3 = s.h15(torch.cat((s.up(p4), f[4]), 1))
        n4 = s.h18(torch.cat((s.h16(p3), p4), 1)); n5 = s.h21(torch.cat((s.h19(n4), x), 1))
        return s.det([p3, n4, n5])

# Which of Ultralytics' numbered layers each module is.
LAYERS = {'b.%d' % i: i for i in range(10)} | {'h12': 12, 'h15': 15, 'h16': 16, 'h18': 18, 'h19': 19, 'h21': 21, 'det': 22}

def load_onnx(model, path):
    """Weights and biases by Ultralytics' names (model.0.conv.weight …), which exports keep."""
    import onnx
    from onnx import numpy_helper
    graph, clean = onnx.load(path).graph, lambda name: name.removesuffix('/Cast_output')
    tensors = {clean(t.name): t for t in graph.initializer}
    for node in graph.node:  # equal biases are stored once, under the first one's name
        if node.op_type == 'Conv' and len(node.input) > 2:
            tensors[clean(node.input[1]).removesuffix('weight') + 'bias'] = tensors[clean(node.input[2])]
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if '.dfl.' in name: continue
            module = max((m for m in LAYERS if name.startswith(m + '.')), key=len)
            wanted = 'model.%d.%s' % (LAYERS[module], name[len(module) + 1:])
            parameter.copy_(torch.from_numpy(numpy_helper.to_array(tensors[wanted]).copy()).float().view_as(parameter))
    return model

SCALES = dict(n=(.33, .25, 1024), s=(.33, .5, 1024), m=(.67, .75, 768), l=(1., 1., 512), x=(1., 1.25, 512))
def build(scale='m'): return YOLOv8(*SCALES[scale]).eval()
if __name__ == '__main__':
    m = build('m'); print(sum(p.numel() for p in m.parameters()) / 1e6, 'M params')
