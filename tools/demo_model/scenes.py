"""A whole scene: a street, who is on it, and the light and the camera it is seen with.

`scene(seed, ...)` is a function of its arguments alone, so a data set is a range of seeds.
"""
import cv2
import numpy as np

import objects
import street as ground
from canvas import Canvas, Pen, SUPERSAMPLING, ellipse, rectangle
from objects import BICYCLE, BUS, CAR, LORRY, PERSON

MIN_VISIBLE_FRACTION = 0.2
MIN_SIDE_PX = 4
DRAWING_ORDER = (BICYCLE, PERSON, CAR, LORRY, BUS)  # low before high
TRAFFIC = ((CAR, LORRY, BUS, BICYCLE), (0.56, 0.19, 0.15, 0.10))


class Crowd:
    """Objects with room kept between them: each is a row of discs along its length."""

    def __init__(self):
        self.discs = np.zeros((0, 3))
        self.members = []

    def add(self, kind, x, y, heading, size, gap, ridden=False):
        length, width = size
        n = max(1, int(np.ceil(length / width)))
        along = (np.arange(n) - (n - 1) / 2) * (length / n)
        discs = np.stack((x + along * np.cos(heading), y + along * np.sin(heading), np.full(n, width / 2 + gap)), 1)
        if len(self.discs):
            apart = np.hypot(discs[:, None, 0] - self.discs[None, :, 0], discs[:, None, 1] - self.discs[None, :, 1])
            if (apart < discs[:, None, 2] + self.discs[None, :, 2]).any():
                return False
        self.discs = np.concatenate((self.discs, discs))
        self.members.append((kind, x, y, heading, size, ridden))
        return True


def populate(rng, street):
    crowd, r = Crowd(), street.reach
    busy = rng.uniform(0.35, 1.0)
    _traffic(rng, street, crowd, busy)
    _parked(rng, street, crowd)
    _bicycles(rng, street, crowd)
    people = int(rng.uniform(4, 32))
    for _ in range(people * 3):
        if sum(m[0] == PERSON for m in crowd.members) >= people:
            break
        side = rng.choice((-1, 1))
        y = side * rng.uniform(street.curb[side] + 0.4, street.walk[side] + 0.2)
        x, heading = rng.uniform(-r, r), rng.choice((0, np.pi)) + rng.normal(0, 0.35)
        where = rng.random()
        if where < 0.2 and (street.crossing is not None or street.junction is not None):
            x = (street.crossing + rng.uniform(0.3, 2.5) if street.crossing is not None else
                 street.junction + rng.choice((-1, 1)) * (street.cross_half + rng.uniform(1.3, 3.5)))
            y = rng.uniform(-street.curb[-1], street.curb[1])
            heading += np.pi / 2
        elif where < 0.45 and street.beyond[side] in ("plaza", "grass", "car_park"):
            y = side * (street.walk[side] + rng.uniform(0, 10))
            heading = rng.uniform(0, 2 * np.pi)
        elif where < 0.5:
            y = rng.uniform(-street.road_half, street.road_half)
        if crowd.add(PERSON, x, y, heading, objects.size(PERSON, rng), 0.0) and rng.random() < 0.25:
            crowd.add(PERSON, x + 0.85 * np.sin(heading), y - 0.85 * np.cos(heading), heading, (0.7, 0.8), 0.0)
    return crowd.members


def _traffic(rng, street, crowd, busy):
    r = street.reach
    lanes = [(side, (k + 0.5) * street.lane_width) for side in (-1, 1) for k in range(street.lanes)]
    for side, y in lanes:
        x = -r + rng.uniform(0, 8)
        while x < r:
            kind = int(rng.choice(TRAFFIC[0], p=TRAFFIC[1]))
            size = objects.size(kind, rng)
            x += size[0] / 2
            heading = (0 if side > 0 else np.pi) + rng.normal(0, 0.02)
            if rng.random() < 0.06:
                heading += rng.normal(0, 0.2)  # changes lane
            crowd.add(kind, x, side * y + rng.normal(0, 0.15), heading, size, 0.1, ridden=kind == BICYCLE)
            x += size[0] / 2 + rng.exponential(7.0) * (1.3 - busy) + rng.uniform(0.8, 2.5)
    if street.junction is not None:
        for way in (-1, 1):
            y = -2 * r
            while y < 2 * r:
                kind = int(rng.choice(TRAFFIC[0], p=TRAFFIC[1]))
                size = objects.size(kind, rng)
                y += size[0] / 2 + rng.exponential(9.0) + 1
                x = street.junction - way * street.cross_half / 2
                crowd.add(kind, x, y, way * np.pi / 2 + rng.normal(0, 0.03), size, 0.25, ridden=kind == BICYCLE)
                y += size[0] / 2


def _parked(rng, street, crowd):
    for side in (-1, 1):
        if street.parking[side]:
            full = rng.uniform(0.3, 0.95)
            y = side * (street.road_half + 1.12)
            for a, b in street.spans(street.cross_walk + 4):
                for x in np.arange(a + 3, b - 2, 6.0):
                    if rng.random() < full and (street.crossing is None or not -3 < x - street.crossing < 6):
                        kind = CAR if rng.random() < 0.93 else LORRY
                        size = objects.size(CAR, rng) if kind == CAR else (rng.uniform(5.4, 5.8), 2.2)
                        crowd.add(kind, x + rng.normal(0, 0.15), y, (0 if rng.random() < 0.8 else np.pi)
                                  + (0 if side > 0 else np.pi) + rng.normal(0, 0.03), size, 0.05)
        if street.beyond[side] == "car_park":
            full = rng.uniform(0.2, 0.9)
            y = side * (street.walk[side] + 3.3)
            for x in np.arange(-street.reach, street.reach, 2.6) + 1.3:
                if street.junction is not None and abs(x - street.junction) < street.cross_walk + 1.5:
                    continue
                if rng.random() < full:
                    crowd.add(CAR, x, y + rng.normal(0, 0.15), rng.choice((-1, 1)) * np.pi / 2 + rng.normal(0, 0.04),
                              objects.size(CAR, rng), 0.02)


def _bicycles(rng, street, crowd):
    r = street.reach
    if street.bike_lane:
        for side in (-1, 1):
            for _ in range(rng.integers(1, 5)):
                y = side * (street.road_half - street.bike_lane / 2 + rng.normal(0, 0.15))
                crowd.add(BICYCLE, rng.uniform(-r, r), y, (0 if side > 0 else np.pi) + rng.normal(0, 0.06),
                          objects.size(BICYCLE, rng), 0.05, ridden=True)
    for _ in range(rng.integers(1, 4)):  # stands
        side, x = rng.choice((-1, 1)), rng.uniform(-0.9, 0.9) * r
        y = side * (street.curb[side] + rng.uniform(1.1, 1.6))
        lean = rng.choice((-1, 1)) * np.pi / 2 + rng.normal(0, 0.2)
        for k in range(rng.integers(1, 6)):
            crowd.add(BICYCLE, x + k * rng.uniform(0.7, 1.0), y + rng.normal(0, 0.06), lean + rng.normal(0, 0.06),
                      objects.size(BICYCLE, rng), -0.1)
    for _ in range(rng.integers(0, 3)):  # about
        side = rng.choice((-1, 1))
        crowd.add(BICYCLE, rng.uniform(-r, r), side * rng.uniform(street.curb[side], street.walk[side]),
                  rng.uniform(0, 2 * np.pi), objects.size(BICYCLE, rng), 0.05, ridden=rng.random() < 0.4)


def scene(seed, width_px=640, height_px=640, px_per_m=None, clean=False):
    """(RGB picture, boxes [n, 5]: class, x1, y1, x2, y2 in pixels). `clean` keeps the camera good."""
    rng = np.random.default_rng(seed)
    px_per_m = px_per_m or rng.uniform(18, 32)
    reach = 0.5 * np.hypot(width_px, height_px) / px_per_m
    canvas = Canvas(width_px, height_px, px_per_m, rng.uniform(0, 2 * np.pi), (0, rng.uniform(-0.35, 0.35) * reach))
    street = ground.Street(rng, reach + abs(canvas.centre[1]))
    mood = "sun" if clean and rng.random() < 0.6 else str(rng.choice(("sun", "cloud", "evening"), p=(0.55, 0.32, 0.13)))
    direction = rng.uniform(0, 2 * np.pi)
    length = {"sun": rng.uniform(0.25, 1.0), "cloud": 0.12, "evening": 0.1}[mood]
    sun = np.array((np.cos(direction), np.sin(direction))) * length

    street.paint(canvas)
    canvas.grain(rng, coarse=rng.uniform(1.5, 5), fine=0.8 if clean else rng.uniform(0.5, 4))
    members = populate(rng, street)
    tops, lamps = _draw_objects(canvas, rng, street, members, sun, mood)
    boxes = _boxes(canvas, tops)
    picture = _light(canvas.finished(), canvas, rng, mood, lamps)
    return (picture if clean else _camera(picture, rng)), boxes


def _draw_objects(canvas, rng, street, members, sun, mood):
    """Shadows before what throws them, low before high. Returns [(class, mark, drawn pixels)] and light sources."""
    strength = {"sun": rng.uniform(0.35, 0.6), "cloud": rng.uniform(0.15, 0.3), "evening": 0.25}[mood]
    soft = {"sun": 0.8, "cloud": 3.0, "evening": 3.0}[mood]
    _furniture(canvas, rng, street, sun)
    for kind, x, y, heading, size, ridden in members:
        objects.shadow(kind, Pen(canvas, x, y, heading), *size, sun)
        if ridden:
            objects.shadow(PERSON, Pen(canvas, x, y, heading), *size, sun)
    canvas.apply_shadows(high=False, strength=strength, softness_px=soft)
    tops = []
    for kind, x, y, heading, size, ridden in sorted(members, key=lambda m: DRAWING_ORDER.index(m[0])):
        tops.append((kind, len(tops) + 1))
        pen = Pen(canvas, x, y, heading, len(tops), 1.12 if kind == PERSON else 1.0)
        objects.draw(kind, pen, rng, *size)
        if ridden:
            tops.append((PERSON, len(tops) + 1))
            objects.rider(Pen(canvas, x, y, heading, len(tops), 1.08), rng)
    drawn = np.bincount(np.maximum(canvas.ids.ravel(), 0), minlength=len(tops) + 1)
    _overhead(canvas, rng, street, sun, strength, soft)
    lamps = [(x, y, heading, size) for kind, x, y, heading, size, _ in members if kind in (CAR, LORRY, BUS)]
    return [(kind, mark, drawn[mark]) for kind, mark in tops], lamps


def _furniture(canvas, rng, street, sun):
    for _ in range(rng.integers(3, 14)):
        side = rng.choice((-1, 1))
        deep = 6 if street.beyond[side] == "plaza" else 0
        y = side * rng.uniform(street.curb[side] + 0.6, street.walk[side] + deep)
        x = rng.uniform(-street.reach, street.reach)
        if street.junction is None or abs(x - street.junction) > street.cross_half + 2:
            ground.furniture(canvas, rng, x, y, sun)


def _overhead(canvas, rng, street, sun, strength, soft):
    """Houses and trees: what they throw falls on the street and on everyone there."""
    plan = []
    for side in (-1, 1):
        y = side * street.walk[side]
        if street.beyond[side] == "houses":
            for a, b in street.spans(street.cross_walk + 0.5):
                x = a
                while x < b - 4:
                    width = min(rng.uniform(6, 14), b - x)
                    gap = rng.uniform(0, 1.5) * (rng.random() < 0.4)
                    plan.append(("house", (x, y + side * rng.uniform(0.2, 1.5), x + width - gap,
                                           y + side * rng.uniform(9, 14))))
                    x += width
        count = {"grass": 7, "plaza": 4, "houses": 1, "car_park": 2}[street.beyond[side]]
        for _ in range(rng.integers(0, count + 1)):
            x = rng.uniform(-street.reach, street.reach)
            deep = {"grass": 9, "plaza": 8, "houses": 0, "car_park": 0.5}[street.beyond[side]]
            if street.junction is None or abs(x - street.junction) > street.cross_walk + 1:
                plan.append(("tree", ground.tree_lumps(rng, x, y + side * rng.uniform(-1.2, deep),
                                                       rng.uniform(1.0, 2.4))))
    for kind, where in plan:
        if kind == "house":
            canvas.shade(rectangle(*where), sun * 5.0, high=True)
        else:
            for x, y, radius in where:
                canvas.shade(ellipse(x, y, radius, radius, 14), sun * 2.6, high=True)
    canvas.apply_shadows(high=True, strength=strength, softness_px=soft + 0.6)
    for kind, where in plan:
        if kind == "house":
            ground.house(canvas, rng, *where)
        else:
            ground.tree(canvas, rng, where, sun)


def _boxes(canvas, tops):
    s, rows = SUPERSAMPLING, []
    low_x, low_y, high_x, high_y, seen = _extents(canvas.ids, 1 + max((m for _, m, _ in tops), default=0))
    for kind, mark, drawn in tops:
        if not seen[mark] or seen[mark] < MIN_VISIBLE_FRACTION * drawn:
            continue
        box = np.array((low_x[mark], low_y[mark], high_x[mark] + 1, high_y[mark] + 1)) / s
        if min(box[2] - box[0], box[3] - box[1]) >= MIN_SIDE_PX:
            rows.append((kind, *box))
    return np.array(rows, np.float32).reshape(-1, 5)


def _extents(ids, n):
    """Least and greatest x and y of each mark, and its count, in one pass over the marked pixels."""
    ys, xs = np.nonzero(ids > 0)
    marks = ids[ys, xs]
    low_x, low_y = np.full(n, 1 << 30), np.full(n, 1 << 30)
    high_x, high_y = np.full(n, -1), np.full(n, -1)
    np.minimum.at(low_x, marks, xs), np.minimum.at(low_y, marks, ys)
    np.maximum.at(high_x, marks, xs), np.maximum.at(high_y, marks, ys)
    return low_x, low_y, high_x, high_y, np.bincount(marks, minlength=n)


def _light(picture, canvas, rng, mood, lamps):
    h, w = picture.shape[:2]
    small_w, small_h = w // 4, h // 4
    gradient = rng.uniform(-0.1, 0.1, 2)
    y, x = np.mgrid[0:small_h, 0:small_w].astype(np.float32)
    light = 1 + gradient[0] * (x / small_w - 0.5) + gradient[1] * (y / small_h - 0.5)
    light = np.repeat(light[..., None], 3, 2).astype(np.float32)
    if mood == "evening":
        light *= np.array((0.42, 0.45, 0.58), np.float32) * rng.uniform(0.85, 1.25)
        glow = np.zeros((small_h, small_w), np.float32)
        for px, py, heading, (length, width) in lamps:
            for side in (-0.33, 0.33):
                base = np.array((px + np.cos(heading) * length / 2 - np.sin(heading) * width * side,
                                 py + np.sin(heading) * length / 2 + np.cos(heading) * width * side))
                tips = [base + 5.5 * np.array((np.cos(heading + d), np.sin(heading + d))) for d in (-0.22, 0.22)]
                cone = np.round(canvas.to_px([base, *tips]) / 4).astype(np.int32)
                layer = np.zeros_like(glow)
                cv2.fillPoly(layer, [cone], 0.55)
                glow = np.maximum(glow, layer)
        for _ in range(rng.integers(1, 5)):
            at = canvas.to_px([rng.uniform(-1, 1, 2) * canvas.reach_m])[0] / 4
            layer = np.zeros_like(glow)
            cv2.circle(layer, (int(at[0]), int(at[1])), int(4.0 * canvas.px_per_m / 4), 0.5, -1)
            glow += cv2.GaussianBlur(layer, (0, 0), canvas.px_per_m * 0.4)
        glow = cv2.GaussianBlur(glow, (0, 0), canvas.px_per_m * 0.10)
        light += glow[..., None] * np.array((1.0, 0.86, 0.6), np.float32)
    else:
        warmth = rng.uniform(-0.05, 0.07)
        light *= np.array((1 + warmth, 1, 1 - warmth), np.float32) * rng.uniform(0.85, 1.12)
    light = cv2.resize(light, (w, h), interpolation=cv2.INTER_LINEAR)
    return np.clip(picture * light, 0, 255).astype(np.uint8)


def _camera(picture, rng):
    if rng.random() < 0.5:
        picture = cv2.GaussianBlur(picture, (0, 0), rng.uniform(0.3, 1.1))
    if rng.random() < 0.6:
        noise = rng.standard_normal(picture.shape, dtype=np.float32) * rng.uniform(1, 8)
        picture = cv2.add(picture, noise, dtype=cv2.CV_8U)
    if rng.random() < 0.3:
        quality = [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(40, 95))]
        picture = cv2.imdecode(cv2.imencode(".jpg", picture, quality)[1], cv2.IMREAD_COLOR)
    return picture
