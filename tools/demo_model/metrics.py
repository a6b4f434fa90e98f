"""Non-maximum suppression and the mean average precision of COCO (101 points, IoU 0.50 to 0.95)."""
import numpy as np

THRESHOLDS = np.linspace(0.5, 0.95, 10)
RECALLS = np.linspace(0, 1, 101)
MAX_CANDIDATES = 3000


def iou_matrix(a, b):
    low = np.maximum(a[:, None, :2], b[None, :, :2])
    high = np.minimum(a[:, None, 2:], b[None, :, 2:])
    inter = np.clip(high - low, 0, None).prod(2)
    area_a, area_b = (a[:, 2:] - a[:, :2]).prod(1), (b[:, 2:] - b[:, :2]).prod(1)
    return inter / np.maximum(area_a[:, None] + area_b[None] - inter, 1e-9)


def non_max_suppression(output, conf=0.001, iou=0.7, max_det=300, multi_label=True):
    """output [4 + nc, A] of one picture to rows of x1, y1, x2, y2, score, class, best first.
    multi_label: a cell may answer for several classes, as is usual where mAP is measured."""
    centre, half, scores = output[:2].T, output[2:4].T / 2, output[4:].T
    if multi_label:
        cells, classes = np.nonzero(scores > conf)
    else:
        classes = scores.argmax(1)
        cells = np.nonzero(scores.max(1) > conf)[0]
        classes = classes[cells]
    score = scores[cells, classes]
    order = np.argsort(-score, kind="stable")[:MAX_CANDIDATES]
    cells, classes, score = cells[order], classes[order], score[order]
    boxes = np.concatenate((centre - half, centre + half), 1)[cells]
    keep = []
    for c in np.unique(classes):
        mine = np.nonzero(classes == c)[0]
        overlaps = iou_matrix(boxes[mine], boxes[mine]) > iou
        alive = np.ones(len(mine), bool)
        for k in range(len(mine)):
            if alive[k]:
                alive[k + 1:] &= ~overlaps[k, k + 1:]
        keep.append(mine[alive])
    keep = np.sort(np.concatenate(keep))[:max_det] if keep else np.zeros(0, int)
    return np.concatenate((boxes[keep], score[keep, None], classes[keep, None]), 1)


def match(detections, truth):
    """True positives [n, thresholds] of one class in one picture: best first, each detection takes the free
    true box that it overlaps most, if that is enough."""
    hits = np.zeros((len(detections), len(THRESHOLDS)), bool)
    if not len(truth) or not len(detections):
        return hits
    overlap = iou_matrix(detections, truth)
    for t, threshold in enumerate(THRESHOLDS):
        free = np.ones(len(truth), bool)
        for k in range(len(detections)):
            candidate = np.where(free, overlap[k], -1)
            best = candidate.argmax()
            if candidate[best] >= threshold:
                hits[k, t], free[best] = True, False
    return hits


def average_precision(hits, scores, n_true):
    """Area under the precision envelope, sampled at 101 recalls, for each threshold."""
    order = np.argsort(-scores, kind="stable")
    true_positives = np.cumsum(hits[order], 0)
    result = np.zeros(hits.shape[1])
    ranks = np.arange(1, len(order) + 1)
    for t in range(hits.shape[1]):
        recall, precision = true_positives[:, t] / n_true, true_positives[:, t] / ranks
        envelope = np.maximum.accumulate(precision[::-1])[::-1]
        at = np.searchsorted(recall, RECALLS, side="left")
        result[t] = np.where(at < len(envelope), np.append(envelope, 0)[np.minimum(at, len(envelope))], 0).mean()
    return result


def mean_average_precision(detections, truths, nc):
    """detections: per picture rows x1, y1, x2, y2, score, class. truths: per picture rows class, x1, y1, x2, y2.
    Returns [nc, thresholds]; a class that never occurs is nan."""
    table = np.full((nc, len(THRESHOLDS)), np.nan)
    for c in range(nc):
        hits, scores, n_true = [], [], 0
        for found, truth in zip(detections, truths):
            mine, real = found[found[:, 5] == c], truth[truth[:, 0] == c]
            hits.append(match(mine[:, :4], real[:, 1:]))
            scores.append(mine[:, 4])
            n_true += len(real)
        if n_true:
            table[c] = average_precision(np.concatenate(hits), np.concatenate(scores), n_true)
    return table
