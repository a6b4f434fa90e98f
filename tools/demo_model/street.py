"""The ground of a scene: road, markings, pavements and what lies beyond them, along the x axis."""
import numpy as np

from canvas import bar, ellipse, rectangle, rounded, tint

WHITE, YELLOW = (226, 226, 220), (226, 184, 62)
GRASS = ((98, 132, 66), (112, 142, 78), (122, 128, 70), (84, 120, 68))
PAVING = ((176, 170, 162), (164, 164, 164), (190, 178, 160), (158, 150, 142))
ROOFS = ((150, 84, 66), (128, 122, 118), (172, 164, 152), (104, 108, 114), (182, 130, 92), (92, 74, 68), (190, 188, 184))


class Street:
    """Where everything lies; y grows to the right of x. Traffic keeps right: lanes at y > 0 run towards +x."""

    def __init__(self, rng, reach):
        self.rng, self.reach = rng, reach + 6
        self.lane_width = rng.uniform(3.1, 3.5)
        self.lanes = 1 if rng.random() < 0.6 else 2
        self.bike_lane = 1.7 if rng.random() < 0.4 else 0.0
        self.parking = {side: (2.25 if rng.random() < 0.55 else 0.0) for side in (-1, 1)}
        self.road_half = self.lanes * self.lane_width + self.bike_lane
        self.curb = {side: self.road_half + self.parking[side] for side in (-1, 1)}
        self.walk = {side: self.curb[side] + rng.uniform(2.4, 4.2) for side in (-1, 1)}
        self.junction = rng.uniform(-0.6, 0.6) * reach if rng.random() < 0.45 else None
        self.cross_half = self.lane_width * 1.0 + 0.4
        self.cross_walk = self.cross_half + rng.uniform(2.2, 3.2)
        self.crossing = None
        if self.junction is None and rng.random() < 0.5:
            self.crossing = rng.uniform(-0.6, 0.6) * reach
        self.beyond = {side: str(rng.choice(("grass", "plaza", "houses", "car_park"), p=(0.3, 0.2, 0.25, 0.25)))
                       for side in (-1, 1)}
        self.asphalt = tint((92, 93, 96), rng.uniform(0.75, 1.3))
        self.paving = tint(PAVING[rng.integers(len(PAVING))], rng.uniform(0.9, 1.08))
        self.grass = GRASS[rng.integers(len(GRASS))]
        self.line = YELLOW if rng.random() < 0.2 else WHITE

    def spans(self, margin):
        """Stretches of x that keep `margin` from the middle of the cross street."""
        if self.junction is None:
            return [(-self.reach, self.reach)]
        return [(-self.reach, self.junction - margin), (self.junction + margin, self.reach)]

    def paint(self, canvas):
        canvas.picture[:] = np.array(self.grass, np.uint8)
        for side in (-1, 1):
            self._beyond(canvas, side)
        self._pavements(canvas)
        self._roads(canvas)
        self._markings(canvas)
        self._wear(canvas)

    def _beyond(self, canvas, side):
        rng, r, far = self.rng, self.reach, self.walk[side] + 2 * self.reach
        y0 = side * self.walk[side]
        kind = self.beyond[side]
        if kind in ("plaza", "houses"):
            stone = tint(PAVING[rng.integers(len(PAVING))], rng.uniform(0.8, 1.05))
            canvas.fill(rectangle(-r, y0, r, side * far), stone)
            step = rng.uniform(0.8, 1.6)
            for k in np.arange(0, 2 * r, step):
                canvas.fill(bar(-r, y0 + side * k, r, y0 + side * k, 0.05), tint(stone, 0.9))
                canvas.fill(bar(-r + k, y0, -r + k, side * far, 0.05), tint(stone, 0.9))
        elif kind == "car_park":
            canvas.fill(rectangle(-r, y0, r, side * far), tint(self.asphalt, 1.06))
            for x in np.arange(-r, r, 2.6):
                canvas.fill(bar(x, y0 + side * 0.8, x, y0 + side * 5.8, 0.11), WHITE, 0.8)
            canvas.fill(bar(-r, y0 + side * 0.2, r, y0 + side * 0.2, 0.4), self.grass)
            canvas.fill(rectangle(-r, y0 + side * 13.0, r, side * far), self.grass)
        if kind in ("grass", "car_park"):
            start = 0 if kind == "grass" else 13
            for _ in range(500):
                x, y = rng.uniform(-r, r), y0 + side * rng.uniform(start, start + r)
                length = rng.uniform(0.1, 0.7)
                colour = tint(self.grass, rng.uniform(0.86, 1.13))
                canvas.fill(ellipse(x, y, length, length * rng.uniform(0.5, 1), 8), colour, 0.6)

    def _pavements(self, canvas):
        r, seam = self.reach, tint(self.paving, 0.87)
        if self.junction is not None:
            canvas.fill(rectangle(self.junction - self.cross_walk, -3 * r, self.junction + self.cross_walk, 3 * r),
                        self.paving)
            for k in np.arange(-2 * r, 2 * r, 0.9):
                canvas.fill(bar(self.junction - self.cross_walk, k, self.junction + self.cross_walk, k, 0.05), seam)
        step = self.rng.uniform(0.6, 1.1)
        for side in (-1, 1):
            low, high = self.curb[side], self.walk[side]
            canvas.fill(rectangle(-r, side * low, r, side * high), self.paving)
            for x in np.arange(-r, r, step):
                canvas.fill(bar(x, side * low, x, side * high, 0.05), seam)
            for y in np.arange(low + step, high, step):
                canvas.fill(bar(-r, side * y, r, side * y, 0.05), seam)
            canvas.fill(bar(-r, side * high, r, side * high, 0.12), seam)

    def _roads(self, canvas):
        r, stone = self.reach, tint(self.paving, 1.12)
        curb = 0.2
        for side in (-1, 1):
            y = side * self.curb[side]
            for a, b in self.spans(self.cross_half):
                canvas.fill(bar(a, y, b, y, 2 * curb), stone)
        if self.junction is not None:
            j, h = self.junction, self.cross_half
            for x in (j - h, j + h):
                canvas.fill(bar(x, -3 * r, x, 3 * r, 2 * curb), stone)
            canvas.fill(rectangle(j - h, -3 * r, j + h, 3 * r), tint(self.asphalt, 1.0))
        canvas.fill(rectangle(-r, -self.curb[-1], r, self.curb[1]), self.asphalt)
        if self.junction is not None:
            for fillet, arc in self._corners():
                canvas.fill(fillet, self.asphalt)
                for p, q in zip(arc[:-1], arc[1:]):
                    canvas.fill(bar(*p, *q, 0.2), stone)
        for side in (-1, 1):
            if self.parking[side]:
                for a, b in self.spans(self.cross_walk + 3):
                    canvas.fill(rectangle(a, side * self.road_half, b, side * self.curb[side]), tint(self.asphalt, 1.1))
            if self.bike_lane:
                for a, b in self.spans(self.cross_half + 1.8):
                    inner = self.road_half - self.bike_lane
                    canvas.fill(rectangle(a, side * inner, b, side * self.road_half), (150, 84, 72), 0.75)

    def _corners(self):
        """Rounds the four corners: what lies between the square corner and its arc becomes road."""
        radius = 1.8
        t = np.linspace(0, np.pi / 2, 12)
        for side in (-1, 1):
            for way in (-1, 1):
                x, y = self.junction + way * self.cross_half, side * self.curb[side]
                arc = np.stack((x + way * radius * (1 - np.sin(t)), y + side * radius * (1 - np.cos(t))), 1)
                yield np.concatenate(([(x - way * 0.3, y - side * 0.3)], arc)), arc

    def _markings(self, canvas):
        rng = self.rng
        stop = self.cross_half + 1.0 + 3.2
        for a, b in self.spans(stop):
            if self.lanes == 2 or rng.random() < 0.4:
                for y in (-0.13, 0.13):
                    canvas.fill(bar(a, y, b, y, 0.12), self.line)
            else:
                for x in np.arange(a, b, 4.5):
                    canvas.fill(bar(x, 0, min(x + 2.2, b), 0, 0.14), self.line)
            for side in (-1, 1):
                if self.lanes == 2:
                    for x in np.arange(a, b, 6.0):
                        canvas.fill(bar(x, side * self.lane_width, min(x + 2.5, b), side * self.lane_width, 0.13), WHITE)
                edge = side * (self.lanes * self.lane_width - 0.05)
                canvas.fill(bar(a, edge, b, edge, 0.12), WHITE, 0.9)
                if self.parking[side]:
                    for x in np.arange(a, b, 6.0):
                        canvas.fill(bar(x, side * self.road_half, x, side * (self.curb[side] - 0.2), 0.1), WHITE, 0.8)
        if self.junction is not None:
            j, h = self.junction, self.cross_half
            for way in (-1, 1):
                side = -way  # the lanes that arrive at this face of the junction
                x = j + way * (stop + 0.2)
                canvas.fill(rectangle(x, 0.1 * side, x + way * 0.45, side * self.lanes * self.lane_width), WHITE)
                self._zebra(canvas, j + way * (h + 1.0), way)
                for y in np.arange(self.curb[way] + 2.0, 3 * self.reach, 4.5):
                    canvas.fill(bar(j, way * y, j, way * (y + 2.2), 0.14), self.line)
        elif self.crossing is not None:
            self._zebra(canvas, self.crossing, 1)

    def _zebra(self, canvas, x, way):
        for y in np.arange(-self.curb[-1] + 0.4, self.curb[1] - 0.4, 1.0):
            canvas.fill(rectangle(x, y, x + way * 2.8, y + 0.5), WHITE, 0.93)

    def _wear(self, canvas):
        rng, r = self.rng, self.reach
        for lane in range(self.lanes):
            for side in (-1, 1):
                y = side * (lane + 0.5) * self.lane_width
                for track in (-0.8, 0.8):
                    canvas.fill(bar(-r, y + track, r, y + track, 0.5), tint(self.asphalt, 0.8), rng.uniform(0.1, 0.35))
        for _ in range(rng.integers(0, 5)):  # repairs
            x, y = rng.uniform(-r, r), rng.uniform(-self.road_half, self.road_half)
            w, h = rng.uniform(0.8, 4), rng.uniform(0.6, 1.6)
            canvas.fill(rectangle(x, y, x + w, y + h), tint(self.asphalt, rng.uniform(0.75, 1.15)), 0.7)
        for _ in range(rng.integers(2, 9)):  # cracks
            x, y = rng.uniform(-r, r), rng.uniform(-self.road_half, self.road_half)
            course = rng.uniform(0, 2 * np.pi)
            for _ in range(rng.integers(4, 12)):
                course += rng.normal(0, 0.5)
                dx, dy = 0.35 * np.cos(course), 0.35 * np.sin(course)
                canvas.fill(bar(x, y, x + dx, y + dy, 0.05), tint(self.asphalt, 0.65), 0.6)
                x, y = x + dx, y + dy
        for _ in range(rng.integers(1, 8)):  # oil
            x, y, s = rng.uniform(-r, r), rng.uniform(-self.road_half, self.road_half), rng.uniform(0.15, 0.6)
            canvas.fill(ellipse(x, y, s * 1.6, s), tint(self.asphalt, 0.55), 0.35)
        for _ in range(rng.integers(0, 4)):  # manholes
            x, y = rng.uniform(-r, r), rng.uniform(-self.road_half, self.road_half)
            canvas.fill(ellipse(x, y, 0.36, 0.36), tint(self.asphalt, 0.6))
            canvas.fill(ellipse(x, y, 0.29, 0.29), tint(self.asphalt, 0.9))
            for k in (-0.14, 0, 0.14):
                canvas.fill(bar(x - 0.2, y + k, x + 0.2, y + k, 0.05), tint(self.asphalt, 0.6))


def house(canvas, rng, x0, y0, x1, y1):
    """A roof; it hides what is under it."""
    roof = tint(ROOFS[rng.integers(len(ROOFS))], rng.uniform(0.9, 1.1))
    low_x, high_x, low_y, high_y = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
    canvas.fill(rectangle(low_x, low_y, high_x, high_y), tint(roof, 1.22), mark=0)
    low_x, high_x, low_y, high_y = low_x + 0.3, high_x - 0.3, low_y + 0.3, high_y - 0.3
    canvas.fill(rectangle(low_x, low_y, high_x, high_y), roof)
    if rng.random() < 0.5:  # tiles on two slopes
        ridge = (low_y + high_y) / 2
        canvas.fill(rectangle(low_x, low_y, high_x, ridge), tint(roof, 0.86))
        for y in np.arange(low_y, high_y, 0.45):
            canvas.fill(bar(low_x, y, high_x, y, 0.06), tint(roof, 0.78), 0.7)
        canvas.fill(bar(low_x, ridge, high_x, ridge, 0.25), tint(roof, 1.2))
        return
    for _ in range(rng.integers(1, 5)):
        x, y = rng.uniform(low_x, high_x - 1.5), rng.uniform(low_y, high_y - 1.2)
        w, h = rng.uniform(0.7, 1.5), rng.uniform(0.6, 1.2)
        canvas.fill(rectangle(x + 0.2, y + 0.25, x + w + 0.3, y + h + 0.35), (30, 30, 34), 0.4)
        colour = (120, 150, 170) if rng.random() < 0.4 else (196, 198, 196)
        canvas.fill(rectangle(x, y, x + w, y + h), colour)
        canvas.fill(rectangle(x + 0.12, y + 0.12, x + w - 0.12, y + h - 0.12), tint(colour, 0.82))


def tree_lumps(rng, x, y, radius):
    """The crown as overlapping discs [n, 3]: x, y, radius."""
    t = np.linspace(0, 2 * np.pi, 9, endpoint=False) + rng.uniform(0, 1)
    d = radius * rng.uniform(0.45, 0.68, 9)
    around = np.stack((x + d * np.cos(t), y + d * np.sin(t), radius * rng.uniform(0.3, 0.45, 9)), 1)
    return np.concatenate((np.array([(x, y, radius * 0.8)]), around))


def tree(canvas, rng, lumps, sun):
    x, y, radius = lumps[0] / (1, 1, 0.8)
    green = tint(((62, 98, 46), (78, 112, 50), (52, 88, 54), (150, 112, 44))[rng.choice(4, p=(0.35, 0.3, 0.25, 0.1))],
                 rng.uniform(0.85, 1.15))
    light = -sun / max(np.hypot(*sun), 1e-6)
    for shift, factor, shrink in ((0.0, 0.62, 1.0), (0.10, 0.82, 0.84), (0.2, 1.0, 0.62)):
        for lx, ly, lr in lumps:
            px, py = lx + light[0] * shift * radius, ly + light[1] * shift * radius
            canvas.fill(ellipse(px, py, lr * shrink, lr * shrink, 14), tint(green, factor * rng.uniform(0.94, 1.06)), mark=0)
    for _ in range(int(26 * radius)):
        t, d = rng.uniform(0, 2 * np.pi), radius * 0.85 * np.sqrt(rng.random())
        size = rng.uniform(0.06, 0.17)
        leaf = ellipse(x + d * np.cos(t), y + d * np.sin(t), size, size, 7)
        canvas.fill(leaf, tint(green, rng.uniform(0.75, 1.4)), 0.7)


def furniture(canvas, rng, x, y, sun):
    """Something on the pavement that is none of the classes."""
    kind = rng.integers(7)
    if kind == 0:  # litter bin
        canvas.shade(ellipse(x, y, 0.25, 0.25), sun * 0.9)
        canvas.fill(ellipse(x, y, 0.26, 0.26), (48, 70, 56), mark=0)
        canvas.fill(ellipse(x, y, 0.15, 0.15), (28, 34, 30))
    elif kind == 1:  # bench
        turn = rng.choice((0, 1))
        points = [bar(x - 0.8, y + k, x + 0.8, y + k, 0.13) if turn else bar(x + k, y - 0.8, x + k, y + 0.8, 0.13)
                  for k in (-0.18, 0, 0.18)]
        for p in points:
            canvas.shade(p, sun * 0.45)
        for p in points:
            canvas.fill(p, (146, 104, 64), mark=0)
    elif kind == 2:  # planter
        box = rounded(x - 0.6, y - 0.45, x + 0.6, y + 0.45, 0.08)
        canvas.shade(box, sun * 0.6)
        canvas.fill(box, (132, 120, 112), mark=0)
        for _ in range(14):
            p = ellipse(x + rng.uniform(-0.45, 0.45), y + rng.uniform(-0.3, 0.3), 0.14, 0.14, 8)
            canvas.fill(p, tint(((86, 126, 60), (190, 80, 110), (220, 190, 80))[rng.choice(3, p=(0.7, 0.15, 0.15))],
                                rng.uniform(0.8, 1.2)))
    elif kind == 3:  # bollards
        for k in range(4):
            canvas.shade(ellipse(x + k * 1.1, y, 0.1, 0.1), sun * 0.9)
            canvas.fill(ellipse(x + k * 1.1, y, 0.12, 0.12), (70, 72, 76), mark=0)
            canvas.fill(ellipse(x + k * 1.1, y, 0.06, 0.06), (206, 206, 200))
    elif kind == 4:  # parasol over a table
        colour = ((196, 52, 44), (236, 232, 220), (58, 110, 90), (226, 160, 60))[rng.integers(4)]
        canvas.shade(ellipse(x, y, 1.1, 1.1), sun * 2.0)
        for k in range(8):
            t = np.linspace(k, k + 1, 4) * np.pi / 4
            wedge = np.concatenate(([(x, y)], np.stack((x + 1.1 * np.cos(t), y + 1.1 * np.sin(t)), 1)))
            canvas.fill(wedge, tint(colour, 0.85 if k % 2 else 1.05), mark=0)
        canvas.fill(ellipse(x, y, 0.08, 0.08), (60, 56, 52))
    elif kind == 5:  # traffic cones
        for k in range(3):
            canvas.fill(rectangle(x + k - 0.17, y - 0.17, x + k + 0.17, y + 0.17), (206, 92, 30), mark=0)
            canvas.fill(ellipse(x + k, y, 0.13, 0.13), (236, 234, 226))
            canvas.fill(ellipse(x + k, y, 0.07, 0.07), (226, 100, 34))
    else:  # lamp post with an arm
        way = rng.uniform(0, 2 * np.pi)
        end = (x + 1.4 * np.cos(way), y + 1.4 * np.sin(way))
        canvas.shade(bar(x, y, *end, 0.12), sun * 4.0, high=True)
        canvas.fill(bar(x, y, *end, 0.09), (92, 94, 98), mark=0)
        canvas.fill(ellipse(*end, 0.2, 0.2), (214, 214, 204), mark=0)
