"""Writes the held-back scenes and their true boxes: those that the repository shows and tests with.

    python make_scenes.py OUT_DIR
"""
import argparse
import json
from pathlib import Path

import cv2

from objects import CLASSES
from scenes import scene

WIDTH_PX, HEIGHT_PX, PX_PER_M = 960, 640, 28
SEEDS = tuple(800_000_000 + n for n in (3, 4, 5, 9, 10, 14))  # outside the ranges that train.py and evaluate.py draw


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out_dir", type=Path)
    parser.add_argument("--seeds", type=int, nargs="*", default=SEEDS)
    args = parser.parse_args()
    args.out_dir.mkdir(parents=True, exist_ok=True)
    table = []
    for number, seed in enumerate(args.seeds, 1):
        picture, boxes = scene(seed, WIDTH_PX, HEIGHT_PX, PX_PER_M, clean=True)
        name = f"street{number}.png"
        cv2.imwrite(str(args.out_dir / name), picture[..., ::-1], [cv2.IMWRITE_PNG_COMPRESSION, 9])
        table.append({"image": name, "width": WIDTH_PX, "height": HEIGHT_PX,
                      "boxes": [{"class_id": int(row[0]), "class": CLASSES[int(row[0])],
                                 "xyxy": [float(v) for v in row[1:]]} for row in boxes]})
    rows = ",\n".join(json.dumps(entry) for entry in table)
    (args.out_dir / "boxes.json").write_text(f"[{rows}]\n")


if __name__ == "__main__":
    main()
