"""Small checkpoints with golden outputs, for the tests of hone's checkpoint reader.

    python make_test_checkpoints.py OUT_DIR [--also MODEL.pt]

Weights are random numbers; the files differ in what a reader has to cope with.
"""
import argparse
import json
import os
from pathlib import Path

import numpy as np
import torch

import checkpoint
from architecture import build, one_level, pyramid, two_level

DATE = "2025-01-01T00:00:00+00:00"
RELATIVE_TOLERANCE = 1e-5


def golden_input(shape):
    """x[i] = ((i * 2654435761 mod 2^32) >> 8) / 2^24 over the flat index: exact in f32, in any language."""
    i = np.arange(np.prod(shape), dtype=np.uint64)
    bits = (i * np.uint64(2654435761)) & np.uint64(0xFFFFFFFF)
    return torch.from_numpy(((bits >> np.uint64(8)).astype(np.float64) / 2**24).astype(np.float32).reshape(shape))


def randomise(model, seed, channels):
    """Weights that keep the signal's size from layer to layer, batch norm statistics that are those of the
    data plus a disturbance, and a head whose answers spread over the whole range."""
    generator = torch.Generator().manual_seed(seed)

    def uniform(like, low, high):
        return torch.rand(like.shape, generator=generator) * (high - low) + low

    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    head = model.model[-1]
    with torch.no_grad():
        for module in model.modules():
            if isinstance(module, torch.nn.Conv2d) and module is not getattr(head.dfl, "conv", None):
                fan_in = module.weight[0].numel()
                module.weight.copy_(torch.randn(module.weight.shape, generator=generator) * (2.0 / fan_in) ** 0.5)
                if module.bias is not None:
                    # The last layers of the head: half the spread keeps the sigmoid and the softmax unsaturated.
                    module.weight.mul_(0.5)
                    module.bias.copy_(uniform(module.bias, -1, 1))
        for norm in norms:
            norm.weight.copy_(uniform(norm.weight, 0.6, 1.8))
            norm.bias.copy_(uniform(norm.bias, -0.5, 0.5))
            norm.momentum = None  # a plain average over all the batches seen
        model.train()
        for _ in range(4):
            model(torch.rand((4, channels, 64, 96), generator=generator))
        for norm in norms:
            norm.momentum = 0.03
            norm.running_mean.add_(uniform(norm.running_mean, -0.2, 0.2))
            norm.running_var.mul_(uniform(norm.running_var, 0.7, 1.4))
    return model.eval()


def sgd_state(model):
    """An optimizer's state as a running checkpoint carries it: one momentum a parameter, in half precision."""
    parameters = list(model.parameters())
    # The fixed weights of the DFL have no gradient, and so no state.
    momenta = {i: {"momentum_buffer": torch.full_like(p, 0.25, dtype=torch.float16)}
               for i, p in enumerate(parameters) if p.requires_grad}
    group = {"lr": 0.01, "momentum": 0.9, "nesterov": True, "weight_decay": 0.0005, "dampening": 0, "maximize": False,
             "foreach": None, "differentiable": False, "fused": None, "params": list(range(len(parameters)))}
    return {"state": momenta, "param_groups": [group]}


def fused_form(model):
    """Fused before saving, after a run: no batch norms, bound methods, the head's cached anchors (one a
    transposed view), and only the two keys."""
    from modules import anchor_points
    stored = checkpoint.frozen(model, torch.float32).fuse()
    stored = stored.half()
    head = stored.model[-1]
    head.stride = head.stride.half()
    head.inplace = True
    shapes = [(int(64 / s), int(96 / s)) for s in head.stride.tolist()]
    centres, strides = anchor_points(shapes, head.stride.tolist(), dtype=torch.float16)
    head.anchors, head.strides = centres.t(), strides.t()
    head.shape = torch.Size((1, 16, 8, 12))
    stored.task = "detect"
    stored.args = checkpoint.train_args(stored)
    return {"ema": None, "model": stored, **checkpoint.stamp(DATE)}


def cases():
    """(name, what it is there for, model, checkpoint dict, input shape)"""
    tiny = one_level((8, 8, 8))

    model = randomise(build(*two_level((8, 8, 8, 16)), nc=3, names={0: "car", 1: "lorry", 2: "person"}, reg_max=4), 1, 3)
    yield ("final", "a finished training: model set, ema None, f16 storages, batch norms unfused",
           checkpoint.final_form(model, checkpoint.train_args(model), {"fitness": 0.5}, {"epoch": [1, 2]}, date=DATE),
           (2, 3, 64, 96))

    model = randomise(build(*tiny, nc=2, names={0: "猫", 1: "собака"}, reg_max=5), 2, 3)
    yield ("running", "a running training: model None, ema set, optimizer, numpy scalars, args as a namespace, "
           "storages tagged cuda:0",
           checkpoint.running_form(model, checkpoint.train_args(model), sgd_state(model), epoch=7, updates=42,
                                   fitness=np.float64(0.5), date=DATE), (1, 3, 64, 64))

    model = randomise(build(*tiny, nc=3, reg_max=4), 3, 3)
    other = randomise(build(*tiny, nc=3, reg_max=4), 33, 3)
    yield ("both", "model and ema set and different: ema counts",
           checkpoint.running_form(model, checkpoint.train_args(model), None, model=other, epoch=1, updates=9,
                                   date=DATE), (1, 3, 64, 96))

    model = randomise(build(*tiny, nc=7, names=[f"class {i}" for i in range(7)], reg_max=2), 4, 3)
    stored = checkpoint.frozen(model, torch.float32).to(memory_format=torch.channels_last)
    stored.args, stored.task = checkpoint.train_args(stored), "detect"
    yield ("bare_f32", "one key, f32 storages in channels-last strides, names as a list", {"model": stored},
           (1, 3, 96, 64))

    model = randomise(build(*pyramid((8, 8, 8, 8, 16)), nc=1, names={0: "item"}, reg_max=4), 5, 3)
    yield ("fused", "no batch norms, convolution biases, bound methods in the pickle; three levels", fused_form(model),
           (1, 3, 64, 96))

    model = randomise(build(*one_level((8, 8, 16), depth=2), nc=20, channels=1, reg_max=8), 6, 1)
    yield ("gray", "one input channel, many classes, two bottlenecks in a C2f",
           checkpoint.final_form(model, checkpoint.train_args(model), date=DATE), (1, 1, 64, 96))


def groups_of(output):
    """Boxes and scores differ in size by orders of magnitude, so each has its own tolerance."""
    def group(name, first, count):
        largest = float(output[:, first:first + count].abs().max())
        return {"name": name, "first_channel": first, "count": count, "max_abs": largest,
                "tolerance": RELATIVE_TOLERANCE * max(1.0, largest)}
    return [group("box", 0, 4), group("score", 4, output.shape[1] - 4)]


def golden(name, file, path, shape, out):
    model = checkpoint.load_model(path)
    fused = model if not hasattr(model.model[0], "bn") else model.fuse()
    with torch.no_grad():
        output = fused(golden_input(shape))
    output.numpy().astype("<f4").tofile(out / f"{name}.bin")
    return {"name": name, "file": file, "bytes": path.stat().st_size, "input_shape": list(shape),
            "output": f"{name}.bin", "output_shape": list(output.shape), "nc": fused.model[-1].nc,
            "names": [fused.names[i] for i in range(fused.model[-1].nc)], "reg_max": fused.model[-1].reg_max,
            "strides": fused.stride.tolist(), "groups": groups_of(output)}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out_dir", type=Path)
    parser.add_argument("--also", type=Path, help="a checkpoint that stands elsewhere, to be given a golden output")
    args = parser.parse_args()
    torch.set_num_threads(1)
    out = args.out_dir
    out.mkdir(parents=True, exist_ok=True)
    rows = []
    for name, purpose, content, shape in cases():
        path = out / f"{name}.pt"
        checkpoint.save(content, path, location="cuda:0" if name == "running" else None)
        rows.append({**golden(name, path.name, path, shape, out), "covers": purpose})
    if args.also:
        path = args.also.resolve()
        relative = os.path.relpath(path, out.resolve())
        rows.append({**golden(path.stem, relative, path, (1, 3, 128, 160), out), "covers": "the demo model"})
    manifest = {"made_by": "tools/demo_model/make_test_checkpoints.py",
                "input": "x[i] = ((i * 2654435761 mod 2^32) >> 8) / 2^24, f32, i the flat NCHW index",
                "output": "raw little-endian f32, [B, 4 + nc, A]: cx, cy, w, h in pixels, then class scores",
                "tolerance": "|a - b| <= tolerance of the channel group", "models": rows}
    (out / "manifest.json").write_text(json.dumps(manifest, indent=1, ensure_ascii=False) + "\n")
    for row in rows:
        print(f"{row['name']:12} {row['bytes']:8} bytes  {row['input_shape']} -> {row['output_shape']}  "
              + "  ".join(f"{g['name']} max {g['max_abs']:.4g}" for g in row["groups"]))


if __name__ == "__main__":
    main()
