"""Writes and reads the `.pt` layout that YOLO users have.

Such a file is a torch zip whose pickle holds the live modules: every class by its import path, every
attribute by its name. Our classes are pickled under the paths that readers of the format expect;
those packages are never imported, the paths exist only while a file is written or read.
"""
import contextlib
import copy
import datetime
import sys
import types

import torch

import modules

PATHS = {
    modules.Conv: "ultralytics.nn.modules.conv",
    modules.Concat: "ultralytics.nn.modules.conv",
    modules.Bottleneck: "ultralytics.nn.modules.block",
    modules.C2f: "ultralytics.nn.modules.block",
    modules.SPPF: "ultralytics.nn.modules.block",
    modules.DFL: "ultralytics.nn.modules.block",
    modules.Detect: "ultralytics.nn.modules.head",
    modules.DetectionModel: "ultralytics.nn.tasks",
}
LICENSE = "Apache-2.0"
AUTHOR = "hone"
FORMAT_VERSION = "8.3.0"


class IterableSimpleNamespace(types.SimpleNamespace):
    """A running checkpoint keeps the model's `args` as this; a final one as a dict."""


def class_path(cls):
    return f"{PATHS.get(cls, cls.__module__)}.{cls.__qualname__}"


@contextlib.contextmanager
def format_paths():
    """Lets pickle see our classes under the paths of the format."""
    places = {**PATHS, IterableSimpleNamespace: "ultralytics.utils"}
    names = {"ultralytics", *places.values()}
    names |= {name.rsplit(".", 1)[0] for name in set(names) if "." in name}
    saved_modules = {name: sys.modules.get(name) for name in names}
    saved_paths = {cls: cls.__module__ for cls in places}
    try:
        for name in names:
            sys.modules[name] = types.ModuleType(name)
        for cls, path in places.items():
            cls.__module__ = path
            setattr(sys.modules[path], cls.__name__, cls)
        yield
    finally:
        for cls, path in saved_paths.items():
            cls.__module__ = path
        for name, module in saved_modules.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def frozen(model, dtype):
    """A copy as trainers store it: evaluation mode, no gradients, weights and the head's stride in `dtype`."""
    copied = copy.deepcopy(model).to("cpu").eval().to(dtype)
    for p in copied.parameters():
        p.requires_grad_(False)
    head = copied.model[-1]
    head.stride = head.stride.to("cpu", dtype)
    copied.stride = copied.stride.to("cpu", torch.float32)
    return copied


def train_args(model, image_size=640, **more):
    return {"task": "detect", "mode": "train", "model": model.yaml["yaml_file"], "data": "street.yaml",
            "imgsz": image_size, "single_cls": False, "rect": False, "amp": True, **more}


def stamp(date):
    return {"date": date or datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
            "version": FORMAT_VERSION, "license": LICENSE, "author": AUTHOR, "docs": "hone: tools/demo_model/README.md"}


def final_form(model, args, metrics=None, results=None, dtype=torch.float16, date=None):
    """What remains when training is over: `model` set, all that only a resumed run needs is None."""
    stored = frozen(model, dtype)
    stored.args = dict(args)
    return {**stamp(date), "epoch": -1, "best_fitness": None, "stopper": None, "model": stored, "ema": None,
            "updates": None, "modelopt": None, "optimizer": None, "scaler": None, "train_args": dict(args),
            "train_metrics": metrics or {}, "train_results": results or {},
            "git": {"root": None, "branch": None, "commit": None, "origin": None}}


def running_form(ema, args, optimizer, model=None, epoch=0, updates=0, fitness=0.0, dtype=torch.float16, date=None):
    """What a trainer writes after each epoch: the averaged weights in `ema`, and the optimizer."""
    stored = frozen(ema, dtype)
    stored.args = IterableSimpleNamespace(**args)
    raw = None
    if model is not None:
        raw = frozen(model, dtype)
        raw.args = IterableSimpleNamespace(**args)
    return {"epoch": epoch, "best_fitness": fitness, "stopper": {"best_fitness": fitness, "best_epoch": epoch},
            "model": raw, "ema": stored, "updates": updates, "modelopt": None, "optimizer": optimizer, "scaler": {},
            "train_args": dict(args), "train_metrics": {"fitness": fitness}, "train_results": {"epoch": [epoch]},
            **stamp(date)}


class _Location:
    """Tags storages with a device that this machine need not have."""
    wanted = None


torch.serialization.register_package(0, lambda storage: _Location.wanted, lambda storage, location: None)


def save(checkpoint, path, location=None):
    """`location` is the device the storages claim to lie on, as in a file written on a GPU machine."""
    _Location.wanted = location
    try:
        with format_paths():
            torch.save(checkpoint, path)
    finally:
        _Location.wanted = None


def load(path):
    with format_paths():
        return torch.load(path, map_location="cpu", weights_only=False)


def load_model(path):
    """The model that counts (ema before model), in f32, ready to run."""
    checkpoint = load(path)
    model = (checkpoint.get("ema") or checkpoint["model"]).float().eval()
    head = model.model[-1]
    head.stride = head.stride.float()
    return model
