"""Scenes by the thousand: drawn by many processes into one array, varied on the device that trains."""
import mmap
import multiprocessing
import os

import cv2
import numpy as np
import torch

from scenes import scene

SIZE = 640
MAX_BOXES = 96
PAD_GREY = 114 / 255  # what letterboxing fills with
MIN_VISIBLE_FRACTION, MIN_SIDE_PX = 0.2, 4

_pictures = None


def _draw(job):
    row, seed = job
    picture, boxes = scene(seed, SIZE, SIZE)
    _pictures[row] = picture
    table = np.full((MAX_BOXES, 5), -1, np.float32)
    boxes = boxes[:MAX_BOXES]
    table[:len(boxes)] = boxes
    return row, table


def draw_scenes(first_seed, count, workers=None):
    """Pictures [n, 640, 640, 3] u8 RGB and boxes [n, MAX_BOXES, 5] (class or -1, x1, y1, x2, y2)."""
    global _pictures
    cv2.setNumThreads(1)
    shared = mmap.mmap(-1, count * SIZE * SIZE * 3)  # anonymous and shared: the forked workers write into it
    _pictures = np.frombuffer(shared, np.uint8).reshape(count, SIZE, SIZE, 3)
    boxes = np.empty((count, MAX_BOXES, 5), np.float32)
    with multiprocessing.get_context("fork").Pool(workers or os.cpu_count()) as pool:
        for row, table in pool.imap_unordered(_draw, [(i, first_seed + i) for i in range(count)], chunksize=4):
            boxes[row] = table
    return _pictures, boxes


def as_input(pictures):
    """[B, H, W, 3] u8 to [B, 3, H, W] f32 in 0..1."""
    return pictures.permute(0, 3, 1, 2).float() / 255


def vary(pictures, boxes, generator):
    """Mirrors, quarter turns, scale and shift, light and colour; boxes follow. pictures [B, 3, S, S] f32."""
    b, device = len(pictures), pictures.device

    def rand(*shape, low=0.0, high=1.0):
        return torch.rand(shape, device=device, generator=generator) * (high - low) + low

    classes, xy = boxes[..., 0], boxes[..., 1:]
    for axis, at in ((3, (0, 2)), (2, (1, 3))):  # mirror x, mirror y
        flip = rand(b) < 0.5
        pictures = torch.where(flip.view(b, 1, 1, 1), pictures.flip(axis), pictures)
        mirrored = xy.clone()
        mirrored[..., at[0]], mirrored[..., at[1]] = SIZE - xy[..., at[1]], SIZE - xy[..., at[0]]
        xy = torch.where(flip.view(b, 1, 1), mirrored, xy)
    turn = rand(b) < 0.5
    pictures = torch.where(turn.view(b, 1, 1, 1), pictures.transpose(2, 3), pictures)
    xy = torch.where(turn.view(b, 1, 1), xy[..., [1, 0, 3, 2]], xy)

    # new = (old - middle) * scale + middle + shift
    scale = torch.where(rand(b) < 0.6, rand(b, low=0.62, high=1.15), torch.ones(b, device=device))
    shift = rand(b, 2, low=-1, high=1) * SIZE * 0.5 * (1 - scale).abs()[:, None]
    middle = SIZE / 2
    theta = torch.zeros(b, 2, 3, device=device)
    theta[:, 0, 0] = theta[:, 1, 1] = 1 / scale
    theta[:, :, 2] = -shift / middle / scale[:, None]
    grid = torch.nn.functional.affine_grid(theta, pictures.shape, align_corners=False)
    pictures = torch.nn.functional.grid_sample(pictures - PAD_GREY, grid, align_corners=False) + PAD_GREY
    moved = (xy - middle) * scale.view(b, 1, 1) + middle + shift.repeat(1, 2)[:, None]
    xy = moved.clamp(0, SIZE)
    size, full = xy[..., 2:] - xy[..., :2], moved[..., 2:] - moved[..., :2]
    gone = (size.prod(-1) < MIN_VISIBLE_FRACTION * full.prod(-1)) | (size.amin(-1) < MIN_SIDE_PX)
    classes = torch.where(gone, torch.full_like(classes, -1), classes)

    gain = rand(b, 1, 1, 1, low=0.75, high=1.25) * rand(b, 3, 1, 1, low=0.92, high=1.08)
    contrast = rand(b, 1, 1, 1, low=0.8, high=1.2)
    grey = pictures.mean(1, keepdim=True)
    saturation = torch.where(rand(b, 1, 1, 1) < 0.05, 0.0, rand(b, 1, 1, 1, low=0.6, high=1.3))
    pictures = grey + (pictures - grey) * saturation
    pictures = ((pictures * gain - 0.45) * contrast + 0.45).clamp(0, 1)
    return pictures, torch.cat((classes[..., None], xy), 2)
