"""Trains the demo model on scenes it draws itself, and writes a checkpoint.

    python train.py --out street.pt --minutes 9
"""
import argparse
import copy
import math
import time

import torch

import checkpoint
from architecture import build, yolov8
from data import MAX_BOXES, as_input, draw_scenes, vary
from evaluate import EVALUATION_SEED, evaluate, print_table
from loss import detection_loss
from objects import CLASSES

WIDTHS, DEPTHS, REG_MAX = (16, 32, 48, 80, 144), (1, 2, 2, 1), 16
PEAK_RATE, FINAL_FRACTION, WEIGHT_DECAY, WARMUP_STEPS = 2e-3, 0.01, 0.03, 300
EMA_DECAY, EMA_RAMP = 0.9995, 1000


def parameter_groups(model):
    """Weights decay; biases and batch norms do not."""
    decayed = [p for p in model.parameters() if p.requires_grad and p.ndim > 1]
    others = [p for p in model.parameters() if p.requires_grad and p.ndim <= 1]
    return [{"params": decayed, "weight_decay": WEIGHT_DECAY}, {"params": others, "weight_decay": 0.0}]


@torch.no_grad()
def follow(ema, model, step):
    """The averaged copy: parameters and batch norm statistics alike."""
    weight = 1 - EMA_DECAY * (1 - math.exp(-step / EMA_RAMP))
    mine = [t for t in ema.state_dict().values() if t.is_floating_point()]
    theirs = [t for t in model.state_dict().values() if t.is_floating_point()]
    torch._foreach_lerp_(mine, theirs, weight)


def train(model, pictures, boxes, args, device, budget):
    """Cosine schedule over wall-clock time, so that any machine ends with a finished schedule."""
    generator = torch.Generator(device).manual_seed(args.seed)
    ema = copy.deepcopy(model).eval()
    optimizer = torch.optim.AdamW(parameter_groups(model), lr=PEAK_RATE)
    head, begin, step, sums = model.model[-1], time.monotonic(), 0, torch.zeros(3, device=device)
    model.train()
    while True:
        order = torch.randperm(len(pictures), device=device, generator=generator)
        for rows in order.split(args.batch):
            if len(rows) < args.batch:
                break
            elapsed = time.monotonic() - begin
            progress = elapsed / budget
            if progress >= 1 or (args.steps and step >= args.steps):
                return ema, step
            cosine = FINAL_FRACTION + (1 - FINAL_FRACTION) * (1 + math.cos(math.pi * progress)) / 2
            for group in optimizer.param_groups:
                group["lr"] = PEAK_RATE * cosine * min(1, (step + 1) / WARMUP_STEPS)
            x, truth = vary(as_input(pictures[rows]), boxes[rows], generator)
            x = x.contiguous(memory_format=torch.channels_last)
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                levels = model(x)
            terms = detection_loss(levels, head, truth[..., 0].long(), truth[..., 1:])
            optimizer.zero_grad(set_to_none=True)
            sum(terms).backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 10.0)
            optimizer.step()
            step += 1
            follow(ema, model, step)
            sums += torch.stack(terms).detach()
            if step % args.log_every == 0:
                box, cls, dfl = (sums / args.log_every).tolist()
                sums.zero_()
                rate = step * args.batch / (time.monotonic() - begin)
                print(f"step {step:6}  {elapsed:5.0f} s  box {box:.4f}  class {cls:.4f}  dfl {dfl:.4f}  "
                      f"{rate:.0f} scenes/s", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", default="street.pt")
    parser.add_argument("--minutes", type=float, default=9, help="for drawing and training together")
    parser.add_argument("--scenes", type=int, default=6000)
    parser.add_argument("--evaluation-scenes", type=int, default=200)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--steps", type=int, default=0, help="stop after so many steps at the latest")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--log-every", type=int, default=100)
    args = parser.parse_args()

    begin = time.monotonic()
    pictures, boxes = draw_scenes(args.seed * 1_000_000, args.scenes, args.workers)
    print(f"{args.scenes} scenes, {int((boxes[..., 0] >= 0).sum())} boxes, most in one "
          f"{int((boxes[..., 0] >= 0).sum(1).max())} of {MAX_BOXES}, {time.monotonic() - begin:.0f} s", flush=True)
    fresh = draw_scenes(EVALUATION_SEED, args.evaluation_scenes, args.workers)
    boxes = boxes[:, :(boxes[..., 0] >= 0).sum(1).max()]  # no more room than the fullest scene needs
    torch.manual_seed(args.seed)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    torch.backends.cudnn.benchmark = True

    model = build(*yolov8(WIDTHS, DEPTHS), nc=len(CLASSES), names=dict(enumerate(CLASSES)), reg_max=REG_MAX,
                  yaml_file="yolov8-street.yaml")
    model.model[-1].init_biases()
    model = model.to(device, memory_format=torch.channels_last)
    print(f"{sum(p.numel() for p in model.parameters())} parameters", flush=True)
    ema, steps = train(model, torch.from_numpy(pictures).to(device), torch.from_numpy(boxes).to(device), args, device,
                       args.minutes * 60 - (time.monotonic() - begin))
    settings = checkpoint.train_args(ema, batch=args.batch, optimizer="AdamW", lr0=PEAK_RATE, lrf=FINAL_FRACTION,
                                     weight_decay=WEIGHT_DECAY, seed=args.seed, cos_lr=True,
                                     epochs=max(1, round(steps * args.batch / args.scenes)))
    checkpoint.save(checkpoint.final_form(ema, settings), args.out)  # safe before anything else can fail
    table = evaluate(checkpoint.load_model(args.out).to(device), *fresh)
    print_table(table)
    metrics = {"metrics/mAP50(B)": float(table[:, 0].mean()), "metrics/mAP50-95(B)": float(table.mean()),
               "fitness": float(table.mean())}
    checkpoint.save(checkpoint.final_form(ema, settings, metrics), args.out)
    print(f"{args.out}: {steps} steps, {time.monotonic() - begin:.0f} s in all", flush=True)


if __name__ == "__main__":
    main()
