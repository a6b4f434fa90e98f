"""What the tool promises, at a size that runs in seconds: python -m pytest tools/demo_model"""
import sys
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))

import checkpoint
from architecture import build, yolov8
from loss import assign, ciou, iou
from make_test_checkpoints import golden_input, randomise
from metrics import RECALLS, THRESHOLDS, iou_matrix, mean_average_precision, non_max_suppression
from scenes import scene


def small_model():
    return randomise(build(*yolov8((8, 8, 8, 8, 8), (1, 1, 1, 1)), nc=2, reg_max=4), 1, 3)


def test_a_written_model_gives_the_same_answer_when_read_back(tmp_path):
    model = small_model().half().float()  # so that storing as f16 loses nothing
    checkpoint.save(checkpoint.final_form(model, checkpoint.train_args(model)), tmp_path / "a.pt")
    x = golden_input((1, 3, 64, 96))
    with torch.no_grad():
        assert torch.equal(model(x), checkpoint.load_model(tmp_path / "a.pt")(x))


def test_fusing_the_batch_norms_changes_rounding_alone():
    model, x = small_model(), golden_input((1, 3, 64, 96))
    with torch.no_grad():
        before = model(x)
        assert torch.allclose(before, model.fuse()(x), atol=1e-3)


def test_the_format_paths_are_gone_after_writing(tmp_path):
    before = {name for name in sys.modules if name.startswith("ultralytics")}
    checkpoint.save({"model": small_model()}, tmp_path / "a.pt")
    assert {name for name in sys.modules if name.startswith("ultralytics")} == before


def average_precision_by_definition(detections, truths, c, threshold):
    rows, n_true = [], 0
    for found, truth in zip(detections, truths):
        real = truth[truth[:, 0] == c, 1:]
        n_true, free = n_true + len(real), set(range(len(real)))
        for row in sorted(found[found[:, 5] == c], key=lambda r: -r[4]):
            overlaps = {j: iou_matrix(row[None, :4], real[j][None])[0, 0] for j in free}
            best = max(overlaps, key=overlaps.get, default=None)
            hit = best is not None and overlaps[best] >= threshold
            free -= {best} if hit else set()
            rows.append((row[4], hit))
    hits = np.cumsum([hit for _, hit in sorted(rows, key=lambda r: -r[0])])
    curve = [(h / n_true, h / (k + 1)) for k, h in enumerate(hits)]
    return np.mean([max((p for r, p in curve if r >= recall), default=0) for recall in RECALLS])


def test_map_agrees_with_its_definition():
    rng, truths, detections = np.random.default_rng(0), [], []
    for _ in range(8):
        n = rng.integers(3, 12)
        low, size = rng.uniform(0, 300, (n, 2)), rng.uniform(10, 90, (n, 2))
        truth = np.concatenate((rng.integers(0, 3, (n, 1)), low, low + size), 1)
        found = np.concatenate((truth[:, 1:] + rng.normal(0, 3, (n, 4)), rng.random((n, 1)), truth[:, :1]), 1)
        wrong = found + (40, 40, 40, 40, 0, 0)
        found = np.concatenate((found, wrong[::2]))
        truths.append(truth)
        detections.append(found[np.argsort(-found[:, 4])])
    table = mean_average_precision(detections, truths, 3)
    for c in range(3):
        for t, threshold in enumerate(THRESHOLDS):
            assert abs(table[c, t] - average_precision_by_definition(detections, truths, c, threshold)) < 1e-12


def test_suppression_keeps_the_best_of_overlapping_boxes_of_a_class():
    output = np.array([(50, 50, 20, 20, 0.9, 0.0), (51, 50, 20, 20, 0.8, 0.0), (51, 50, 20, 20, 0.0, 0.7)]).T
    kept = non_max_suppression(output)
    assert kept[:, 4].tolist() == [0.9, 0.7] and kept[:, 5].tolist() == [0, 1]


def test_equal_boxes_have_no_loss_and_the_best_cell_answers():
    box = torch.tensor([[10.0, 10.0, 40.0, 30.0]])
    assert abs(float(ciou(box, box)) - 1) < 1e-5 and abs(float(iou(box, box)) - 1) < 1e-5
    points = torch.tensor([(12.0, 12.0), (25.0, 20.0)] + [(90.0, 90.0)] * 10)
    boxes = torch.tensor([[(5.0, 5.0, 30.0, 30.0), (11.0, 10.0, 40.0, 30.0)] + [(80.0, 80.0, 99.0, 99.0)] * 10])
    _, target = assign(torch.full((1, 12, 1), 0.5), boxes, points, torch.zeros(1, 1, dtype=torch.long), box[None],
                       torch.ones(1, 1, dtype=torch.bool))
    assert target[0, 1] > 0.9 > target[0, 0] and (target[0, 2:] == 0).all()


def test_a_scene_is_a_function_of_its_seed_and_its_boxes_lie_inside():
    (picture, boxes), (again, _) = scene(5, 320, 256), scene(5, 320, 256)
    assert (picture == again).all() and picture.shape == (256, 320, 3) and len(boxes)
    assert (boxes[:, 1:3] >= 0).all() and (boxes[:, 3] <= 320).all() and (boxes[:, 4] <= 256).all()
    assert (boxes[:, 3:] > boxes[:, 1:3]).all()
