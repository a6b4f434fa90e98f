"""Mean average precision of a checkpoint on scenes that training never saw.

    python evaluate.py street.pt [--scenes 200]
"""
import argparse

import torch

import checkpoint
from data import as_input, draw_scenes
from metrics import mean_average_precision, non_max_suppression
from objects import CLASSES

EVALUATION_SEED = 900_000_000


@torch.no_grad()
def detect(model, pictures, batch=8):
    """Rows of x1, y1, x2, y2, score, class for each picture."""
    device, found = next(model.parameters()).device, []
    for start in range(0, len(pictures), batch):
        outputs = model(as_input(torch.from_numpy(pictures[start:start + batch]).to(device)))
        found += [non_max_suppression(o) for o in outputs.float().cpu().numpy()]
    return found


def evaluate(model, pictures, boxes):
    """AP [class, threshold]. The model runs in f32, from the weights as the checkpoint stores them."""
    truths = [b[b[:, 0] >= 0] for b in boxes]
    return mean_average_precision(detect(model.eval(), pictures), truths, len(CLASSES))


def print_table(table):
    print(f"{'class':10} {'mAP50':>8} {'mAP50-95':>9}")
    for name, row in zip(CLASSES, table):
        print(f"{name:10} {row[0]:8.4f} {row.mean():9.4f}")
    print(f"{'all':10} {table[:, 0].mean():8.4f} {table.mean():9.4f}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("checkpoint")
    parser.add_argument("--scenes", type=int, default=200)
    parser.add_argument("--workers", type=int, default=None)
    args = parser.parse_args()
    pictures, boxes = draw_scenes(EVALUATION_SEED, args.scenes, args.workers)
    print_table(evaluate(checkpoint.load_model(args.checkpoint), pictures, boxes))


if __name__ == "__main__":
    main()
