"""What the detector is trained on: task-aligned assignment (TOOD, Feng et al., 2021, arXiv:2108.07755),
CIoU (Zheng et al., 2020, arXiv:1911.08287) and distribution focal loss (Li et al., 2020, arXiv:2006.04388).

All in f32 and in pixels; boxes are x1, y1, x2, y2.
"""
import math

import torch
import torch.nn.functional as F

from modules import anchor_points

EPS = 1e-7
SCORE_POWER, IOU_POWER, CANDIDATES = 0.5, 6.0, 10
BOX_GAIN, CLASS_GAIN, DFL_GAIN = 7.5, 0.5, 1.5


def iou(a, b):
    """IoU of boxes that broadcast against each other."""
    low, high = torch.maximum(a[..., :2], b[..., :2]), torch.minimum(a[..., 2:], b[..., 2:])
    inter = (high - low).clamp(min=0).prod(-1)
    union = (a[..., 2:] - a[..., :2]).prod(-1) + (b[..., 2:] - b[..., :2]).prod(-1) - inter
    return inter / (union + EPS)


def ciou(a, b):
    """IoU less the squared distance of the centres over the enclosing diagonal, less the difference in aspect."""
    overlap = iou(a, b)
    enclosing = torch.maximum(a[..., 2:], b[..., 2:]) - torch.minimum(a[..., :2], b[..., :2])
    between = (a[..., :2] + a[..., 2:] - b[..., :2] - b[..., 2:]) / 2
    distance = between.square().sum(-1) / (enclosing.square().sum(-1) + EPS)
    size_a, size_b = a[..., 2:] - a[..., :2], b[..., 2:] - b[..., :2]
    angle_a = torch.atan2(size_a[..., 0], size_a[..., 1].clamp(min=EPS))
    angle_b = torch.atan2(size_b[..., 0], size_b[..., 1].clamp(min=EPS))
    aspect = (angle_a - angle_b).square() * (4 / math.pi**2)
    with torch.no_grad():
        weight = aspect / (1 - overlap + aspect + EPS)
    return overlap - distance - weight * aspect


@torch.no_grad()
def assign(scores, boxes, points, true_class, true_box, valid):
    """Which cells answer for which true box.

    scores [B, A, C] probabilities, boxes [B, A, 4], points [A, 2]; true_class [B, M], true_box [B, M, 4],
    valid [B, M]. Returns the true box's index [B, A], its target score [B, A], 0 for background.
    """
    overlap = iou(true_box[:, :, None], boxes[:, None])  # [B, M, A]
    score = scores.gather(2, true_class[:, None].expand(-1, scores.shape[1], -1)).transpose(1, 2)
    low, high = points - true_box[..., None, :2], true_box[..., None, 2:] - points
    inside = (torch.minimum(low, high).amin(-1) > 0) & valid[..., None]
    metric = score.pow(SCORE_POWER) * overlap.pow(IOU_POWER) * inside
    best = metric.topk(CANDIDATES, 2)
    chosen = torch.zeros_like(inside).scatter_(2, best.indices, best.values > 0)
    # Of several true boxes that want a cell, the one it overlaps most has it.
    owner = torch.where(chosen, overlap, torch.full_like(overlap, -1)).max(1)
    owned = chosen & F.one_hot(owner.indices, chosen.shape[1]).transpose(1, 2).bool()
    metric, overlap = metric * owned, overlap * owned
    # The best cell of a true box gets its IoU as target, the others in proportion to their metric.
    target = metric * (overlap.amax(2, keepdim=True) / (metric.amax(2, keepdim=True) + EPS))
    return owner.indices, target.amax(1)


def detection_loss(levels, head, true_class, true_box):
    """levels: the head's training output. true_class [B, M], -1 where there is none. Returns box, class and
    DFL terms (already weighted), to be summed."""
    strides = head.stride.tolist()
    points, stride = anchor_points([x.shape[2:] for x in levels], strides, levels[0].device)
    flat = torch.cat([x.flatten(2) for x in levels], 2).float().transpose(1, 2)
    bins, logits = flat.split((4 * head.reg_max, head.nc), 2)
    bins = bins.unflatten(2, (4, head.reg_max))
    distance = bins.softmax(3) @ torch.arange(head.reg_max, device=flat.device, dtype=torch.float32)
    boxes = torch.cat((points - distance[..., :2], points + distance[..., 2:]), 2) * stride

    valid = true_class >= 0
    true_class = true_class.clamp(min=0)
    index, target = assign(logits.detach().sigmoid(), boxes.detach(), points * stride, true_class, true_box, valid)
    total = target.sum().clamp(min=1)

    wanted = torch.zeros_like(logits).scatter_(2, true_class.gather(1, index)[..., None], target[..., None])
    class_loss = F.binary_cross_entropy_with_logits(logits, wanted, reduction="sum") / total

    rows, cells = torch.nonzero(target > 0, as_tuple=True)
    if not len(rows):
        zero = flat.sum() * 0
        return zero, class_loss * CLASS_GAIN, zero
    weight = target[rows, cells]
    goal = true_box[rows, index[rows, cells]]
    box_loss = ((1 - ciou(boxes[rows, cells], goal)) * weight).sum() / total

    goal = goal / stride[cells]
    sides = torch.cat((points[cells] - goal[:, :2], goal[:, 2:] - points[cells]), 1)
    sides = sides.clamp(0, head.reg_max - 1 - 0.01)
    left = sides.floor()
    upper = sides - left
    log_p = bins[rows, cells].log_softmax(2)
    at = left.long()[..., None]
    nll = -(log_p.gather(2, at)[..., 0] * (1 - upper) + log_p.gather(2, at + 1)[..., 0] * upper)
    dfl_loss = (nll.mean(1) * weight).sum() / total
    return box_loss * BOX_GAIN, class_loss * CLASS_GAIN, dfl_loss * DFL_GAIN
