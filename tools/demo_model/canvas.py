"""A picture of the ground seen from straight above, drawn in metres, larger than asked for and scaled down.

Beside the picture stands a map of which object each pixel shows: true boxes are read off it, so that
what hides an object, a tree or another object, shrinks its box.
"""
import functools

import cv2
import numpy as np

SUPERSAMPLING = 2
FIXED_POINT_BITS = 4


def rectangle(x0, y0, x1, y1):
    return np.array([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], np.float64)


@functools.lru_cache(None)
def _circle(n):
    t = np.linspace(0, 2 * np.pi, n, endpoint=False)
    return np.stack((np.cos(t), np.sin(t)), 1)


@functools.lru_cache(None)
def _corners(n):
    """Four quarters of a circle, each with the signs of its corner; starting at (+, +), turning to (-, +)."""
    t = np.linspace(0, 1, n) * np.pi / 2
    return [np.stack((np.cos(t + k * np.pi / 2), np.sin(t + k * np.pi / 2)), 1) for k in range(4)]


def ellipse(x, y, rx, ry, n=20):
    return _circle(n) * (rx, ry) + (x, y)


def rounded(x0, y0, x1, y1, front, rear=None, n=5):
    """A rectangle with corner radii `front` at x1 and `rear` at x0."""
    rear = front if rear is None else rear
    places = ((x1 - front, y1 - front, front), (x0 + rear, y1 - rear, rear),
              (x0 + rear, y0 + rear, rear), (x1 - front, y0 + front, front))
    return np.concatenate([arc * r + (x, y) for arc, (x, y, r) in zip(_corners(n), places)])


def bar(x0, y0, x1, y1, width):
    """A line segment as a polygon."""
    d = np.array((x1 - x0, y1 - y0), np.float64)
    side = np.array((-d[1], d[0])) / max(np.hypot(*d), 1e-6) * width / 2
    a, b = np.array((x0, y0)), np.array((x1, y1))
    return np.stack((a + side, b + side, b - side, a - side))


def tint(colour, factor):
    return tuple(min(max(c * factor, 0.0), 255.0) for c in colour)


class Canvas:
    def __init__(self, width_px, height_px, px_per_m, angle, centre=(0.0, 0.0)):
        self.width_px, self.height_px, self.px_per_m = width_px, height_px, px_per_m
        s = SUPERSAMPLING
        self.picture = np.zeros((height_px * s, width_px * s, 3), np.uint8)
        self.ids = np.zeros((height_px * s, width_px * s), np.int16)
        self.shadows = np.zeros((height_px, width_px), np.uint8)
        self.high_shadows = np.zeros((height_px, width_px), np.uint8)
        self.to_px_turn = np.array([(np.cos(angle), np.sin(angle)), (-np.sin(angle), np.cos(angle))]) * px_per_m
        self.middle_px = np.array((width_px / 2, height_px / 2))
        self.centre = np.asarray(centre, np.float64)
        self.reach_m = 0.5 * np.hypot(width_px, height_px) / px_per_m  # from the centre to a corner

    def to_px(self, points):
        """Metres to pixels of the finished picture."""
        return (np.asarray(points, np.float64) - self.centre) @ self.to_px_turn + self.middle_px

    def _fixed(self, points):
        # Pixel k covers [k, k+1), while OpenCV puts the centre of pixel k at k.
        px = self.to_px(points) * SUPERSAMPLING - 0.5
        return np.round(px * 2**FIXED_POINT_BITS).astype(np.int32)

    def _outside(self, fixed):
        low, high = fixed.min(0), fixed.max(0)
        limit = np.array(self.ids.shape[::-1]) << FIXED_POINT_BITS
        return (high < 0).any() or (low > limit).any()

    def fill(self, points, colour, alpha=1.0, mark=None):
        """Fills a polygon; `mark` writes the object map too (0: something that only hides)."""
        fixed = self._fixed(points)
        if self._outside(fixed):
            return
        if alpha >= 1:
            cv2.fillPoly(self.picture, [fixed], colour, cv2.LINE_AA, FIXED_POINT_BITS)
        else:
            self._blend(fixed, colour, alpha)
        if mark is not None:
            cv2.fillPoly(self.ids, [fixed], int(mark), cv2.LINE_8, FIXED_POINT_BITS)

    def _blend(self, fixed, colour, alpha):
        low = np.maximum((fixed.min(0) >> FIXED_POINT_BITS) - 1, 0)
        high = np.minimum((fixed.max(0) >> FIXED_POINT_BITS) + 2, self.ids.shape[::-1])
        if (high <= low).any():
            return
        region = self.picture[low[1]:high[1], low[0]:high[0]]
        mask = np.zeros(region.shape[:2], np.uint8)
        cv2.fillPoly(mask, [fixed - (low << FIXED_POINT_BITS)], 255, cv2.LINE_8, FIXED_POINT_BITS)
        table = np.arange(256)[:, None] * (1 - alpha) + np.array(colour) * alpha
        cv2.copyTo(cv2.LUT(region, np.round(table).astype(np.uint8)[:, None]), mask, region)

    def shade(self, points, offset, high=False):
        """The shadow of an upright prism over `points` whose top is displaced by `offset` metres."""
        points = np.asarray(points)
        both = np.concatenate((points, points + offset)).astype(np.float32)
        px = np.round(self.to_px(cv2.convexHull(both)[:, 0]) * 2**FIXED_POINT_BITS).astype(np.int32)
        cv2.fillPoly(self.high_shadows if high else self.shadows, [px], 255, cv2.LINE_AA, FIXED_POINT_BITS)

    def apply_shadows(self, high, strength, softness_px):
        mask = self.high_shadows if high else self.shadows
        mask = cv2.GaussianBlur(mask, (0, 0), softness_px)
        mask = cv2.resize(mask, self.ids.shape[::-1], interpolation=cv2.INTER_LINEAR)
        # Shade is lit by the sky alone, and so a little blue.
        gains = [cv2.LUT(mask, np.round(255 - np.arange(256) * strength * tone).clip(0, 255).astype(np.uint8))
                 for tone in (1.05, 1.0, 0.88)]
        cv2.multiply(self.picture, cv2.merge(gains), self.picture, 1 / 255)

    def grain(self, rng, coarse, fine):
        """Uneven ground: blotches of a few sizes in brightness, and a fine grain."""
        h, w = self.ids.shape
        blotches = np.zeros((h // 8, w // 8), np.float32)
        for cells, amount in ((6, coarse), (24, coarse * 0.6), (100, coarse * 0.5)):
            small = rng.standard_normal((cells, cells), dtype=np.float32) * amount
            blotches += cv2.resize(small, blotches.shape[::-1], interpolation=cv2.INTER_CUBIC)
        field = cv2.resize(blotches, (w, h), interpolation=cv2.INTER_LINEAR)
        field += rng.standard_normal((h, w), dtype=np.float32) * fine
        field = np.round(field).astype(np.int16)
        cv2.add(self.picture, cv2.merge([field] * 3), self.picture, dtype=cv2.CV_8U)

    def finished(self):
        return cv2.resize(self.picture, (self.width_px, self.height_px), interpolation=cv2.INTER_AREA)


class Pen:
    """Draws in an object's own frame: x forward, y to its right, origin at its middle."""

    def __init__(self, canvas, x, y, heading, mark=None, scale=1.0):
        self.canvas, self.mark = canvas, mark
        self.origin = np.array((x, y), np.float64)
        c, s = np.cos(heading) * scale, np.sin(heading) * scale
        self.turn = np.array([(c, -s), (s, c)])

    def place(self, points):
        return np.asarray(points, np.float64) @ self.turn.T + self.origin

    def fill(self, points, colour, alpha=1.0, marked=True):
        self.canvas.fill(self.place(points), colour, alpha, self.mark if marked else None)

    def shade(self, points, offset, high=False):
        self.canvas.shade(self.place(points), offset, high)
