"""The five classes, each drawn by a pen at its place. A function gives the look its random details;
`size` tells the scene how much room the object takes before it is drawn."""
import numpy as np

from canvas import bar, ellipse, rectangle, rounded, tint

CLASSES = ("car", "lorry", "bus", "bicycle", "person")
CAR, LORRY, BUS, BICYCLE, PERSON = range(5)

GLASS = (38, 48, 60)
GLASS_SHINE = (150, 170, 185)
TYRE = (32, 32, 34)
HEADLIGHT = (250, 246, 220)
TAILLIGHT = (190, 24, 22)

CAR_PAINTS = ((236, 236, 234), (188, 192, 196), (110, 114, 120), (44, 46, 50), (168, 28, 32), (32, 62, 128),
              (88, 136, 182), (30, 84, 62), (206, 170, 52), (200, 96, 36), (122, 88, 62), (148, 158, 132), (92, 32, 48))
BUS_PAINTS = ((204, 40, 36), (232, 186, 40), (36, 100, 168), (44, 140, 88), (234, 234, 228), (222, 118, 34))
CAB_PAINTS = ((214, 44, 38), (40, 88, 160), (238, 238, 236), (46, 122, 78), (234, 170, 34), (60, 62, 68), (98, 48, 112))
BOX_PAINTS = ((238, 238, 234), (214, 216, 214), (204, 208, 196), (60, 104, 158), (176, 62, 48), (86, 130, 92),
              (226, 200, 140))
CLOTHES = ((200, 50, 48), (46, 88, 168), (238, 238, 232), (40, 42, 48), (238, 190, 48), (70, 140, 84), (150, 80, 150),
           (230, 130, 60), (110, 170, 200), (120, 100, 84), (214, 130, 160))
HAIR = ((40, 28, 22), (84, 56, 34), (26, 24, 24), (176, 140, 84), (140, 136, 132), (120, 60, 34))
SKIN = ((236, 196, 168), (206, 158, 122), (156, 108, 78), (104, 70, 50))


def pick(rng, options):
    return options[rng.integers(len(options))]


def size(kind, rng):
    """(length, width) in metres."""
    if kind == CAR:
        return rng.uniform(3.7, 5.0), rng.uniform(1.75, 1.95)
    if kind == LORRY:
        return (rng.uniform(6.5, 9.0) if rng.random() < 0.65 else rng.uniform(10.5, 13.5)), rng.uniform(2.35, 2.5)
    if kind == BUS:
        return rng.uniform(10.0, 12.5), rng.uniform(2.45, 2.6)
    if kind == BICYCLE:
        return rng.uniform(1.7, 1.85), 0.66
    return 0.7, 0.8


def shadow(kind, pen, length, width, sun):
    """`sun` is where the tip of a shadow falls, in metres a metre of height."""
    a, b = length / 2, width / 2
    outline, height = {
        CAR: (rounded(-a, -b, a, b, 0.6, 0.45), 1.4),
        LORRY: (rectangle(-a, -b, a, b), 2.8),
        BUS: (rounded(-a, -b, a, b, 0.38, 0.25), 3.0),
        BICYCLE: (bar(-a, 0, a, 0, 0.16), 0.7),
        PERSON: (ellipse(0, 0, 0.16, 0.28), 1.6),
    }[kind]
    pen.shade(outline, sun * height)


def draw(kind, pen, rng, length, width):
    {CAR: car, LORRY: lorry, BUS: bus, BICYCLE: bicycle, PERSON: person}[kind](pen, rng, length, width)


def car(pen, rng, length, width):
    a, b = length / 2, width / 2
    paint = tint(pick(rng, CAR_PAINTS), rng.uniform(0.9, 1.08))
    body = rounded(-a, -b, a, b, 0.6, 0.45)
    van = rng.random() < 0.14
    front, back = (0.30 * length, -0.46 * length) if van else (rng.uniform(0.10, 0.17) * length,
                                                             rng.uniform(-0.42, -0.28) * length)
    for side in (-1, 1):  # mirrors
        pen.fill(ellipse(front + 0.05, side * (b + 0.06), 0.10, 0.11), tint(paint, 0.75))
    pen.fill(body, tint(paint, 0.55))
    pen.fill(rounded(-a + 0.06, -b + 0.06, a - 0.06, b - 0.06, 0.52, 0.4), paint)
    pen.fill(rounded(front, -b + 0.22, a - 0.12, b - 0.22, 0.42, 0.1), tint(paint, 1.07))  # bonnet
    for side in (-1, 1):
        pen.fill(ellipse(a - 0.20, side * (b - 0.32), 0.10, 0.16), HEADLIGHT)
        pen.fill(rectangle(-a + 0.03, side * (b - 0.48) - 0.14, -a + 0.13, side * (b - 0.48) + 0.14), TAILLIGHT)
    inset = b - 0.13
    glass = [(front + 0.35, -inset + 0.10), (front + 0.35, inset - 0.10), (front - 0.30, inset), (back + 0.2, inset),
             (back - 0.22, inset - 0.14), (back - 0.22, -inset + 0.14), (back + 0.2, -inset), (front - 0.30, -inset)]
    pen.fill(glass, GLASS)
    pen.fill([(front + 0.30, -inset * 0.72), (front + 0.30, -inset * 0.1), (front - 0.22, inset * 0.25),
              (front - 0.22, -inset * 0.45)], GLASS_SHINE, 0.45)
    rear = back if van else back + 0.32
    roof = rounded(rear, -inset + 0.14, front - 0.28, inset - 0.14, 0.16, 0.16)
    pen.fill(roof, tint(paint, 1.04))
    pen.fill(rounded(rear + 0.1, -inset + 0.26, front - 0.5, 0.0, 0.12, 0.12), tint(paint, 1.16), 0.5)  # sheen
    for x in (0.5 * (front + rear) - 0.05,):  # door pillars
        for side in (-1, 1):
            pen.fill(bar(x, side * (inset - 0.15), x, side * inset, 0.10), paint)
    extra = rng.random()
    if extra < 0.15:
        middle = 0.5 * (front + rear)
        pen.fill(rounded(middle - 0.1, -0.38, middle + 0.5, 0.38, 0.08), (24, 28, 34))  # sunroof
    elif extra < 0.27:
        for side in (-1, 1):
            pen.fill(bar(rear + 0.15, side * (inset - 0.24), front - 0.45, side * (inset - 0.24), 0.07), (50, 52, 54))
    elif extra < 0.33:
        pen.fill(rounded(-0.25, -0.28, 0.0, 0.28, 0.05), (244, 206, 60))  # taxi sign


def bus(pen, rng, length, width):
    a, b = length / 2, width / 2
    paint = pick(rng, BUS_PAINTS)
    roof = pick(rng, ((238, 238, 234), paint, tint(paint, 1.2), (216, 218, 216)))
    body = rounded(-a, -b, a, b, 0.38, 0.25)
    for side in (-1, 1):
        pen.fill(bar(a - 0.1, side * (b - 0.1), a + 0.22, side * (b + 0.14), 0.13), (30, 30, 32))
    pen.fill(body, tint(paint, 0.62))
    pen.fill(rounded(-a + 0.05, -b + 0.05, a - 0.05, b - 0.05, 0.34, 0.22), paint)
    pen.fill(rounded(a - 0.34, -b + 0.14, a - 0.06, b - 0.14, 0.12, 0.02), GLASS)
    pen.fill(rounded(-a + 0.18, -b + 0.2, a - 0.42, b - 0.2, 0.22), roof)
    pen.fill(rectangle(-a + 0.3, -b + 0.3, a - 0.6, -b + 0.62), tint(roof, 1.08), 0.6)
    if rng.random() < 0.6:
        pen.fill(rectangle(-a + 0.25, -0.12, a - 0.5, 0.12), tint(paint, 0.95), 0.9)  # stripe
    unit = rng.uniform(-0.3, 0.25) * length
    pen.fill(rounded(unit - 1.0, -0.72, unit + 1.0, 0.72, 0.12), (150, 154, 156))
    pen.fill(rounded(unit - 0.92, -0.64, unit + 0.92, 0.64, 0.1), (196, 200, 200))
    for x in np.arange(-0.7, 0.71, 0.28):
        pen.fill(bar(unit + x, -0.5, unit + x, 0.5, 0.08), (120, 124, 128))
    for x in (-0.38, 0.08, 0.36):
        centre = x * length
        if abs(centre - unit) > 1.7:
            pen.fill(rounded(centre - 0.42, -0.42, centre + 0.42, 0.42, 0.08), tint(roof, 0.72))
            pen.fill(rounded(centre - 0.34, -0.34, centre + 0.34, 0.34, 0.06), tint(roof, 0.92))


def lorry(pen, rng, length, width):
    a, b = length / 2, width / 2
    cab = tint(pick(rng, CAB_PAINTS), rng.uniform(0.92, 1.06))
    nose = a - rng.uniform(1.9, 2.3)
    for side in (-1, 1):
        pen.fill(bar(a - 0.45, side * (b - 0.15), a - 0.4, side * (b + 0.16), 0.14), (34, 34, 36))
    pen.fill(rectangle(-a + 0.1, -0.5, nose + 0.2, 0.5), (52, 52, 54))  # chassis, seen in the gap
    pen.fill(rounded(nose, -b + 0.04, a, b - 0.04, 0.28, 0.08), tint(cab, 0.58))
    pen.fill(rounded(nose + 0.05, -b + 0.1, a - 0.05, b - 0.1, 0.26, 0.08), cab)
    pen.fill([(a - 0.12, -b + 0.34), (a - 0.12, b - 0.34), (a - 0.52, b - 0.18), (a - 0.52, -b + 0.18)], GLASS)
    pen.fill(rounded(nose + 0.2, -b + 0.36, a - 0.75, b - 0.36, 0.2), tint(cab, 1.12))
    end = nose - rng.uniform(0.25, 0.5)
    cargo = rng.random()
    if cargo < 0.6:
        _box(pen, rng, -a, end, b)
    elif cargo < 0.75:
        _tank(pen, rng, -a, end, b)
    else:
        _flatbed(pen, rng, -a, end, b)


def _box(pen, rng, rear, front, b):
    paint = tint(pick(rng, BOX_PAINTS), rng.uniform(0.92, 1.04))
    pen.fill(rectangle(rear, -b, front, b), tint(paint, 0.62))
    pen.fill(rectangle(rear + 0.06, -b + 0.06, front - 0.06, b - 0.06), paint)
    step = rng.uniform(0.5, 1.1)
    for x in np.arange(rear + step, front - 0.2, step):
        pen.fill(bar(x, -b + 0.1, x, b - 0.1, 0.07), tint(paint, 0.86))
    pen.fill(rectangle(rear + 0.1, -b + 0.12, front - 0.1, -b + 0.5), tint(paint, 1.08), 0.6)
    if rng.random() < 0.35:
        pen.fill(rounded(front - 0.9, -0.7, front - 0.15, 0.7, 0.1), (176, 180, 182))  # cooling unit


def _tank(pen, rng, rear, front, b):
    paint = pick(rng, ((206, 210, 212), (232, 232, 228), (176, 182, 186), (224, 186, 80)))
    for inset, factor in ((0.0, 0.55), (0.10, 0.72), (0.32, 0.88), (0.58, 1.0), (0.86, 1.1)):
        pen.fill(rounded(rear + inset * 0.3, -b + inset, front - inset * 0.3, b - inset, max(b - inset - 0.02, 0.1) * 0.6),
                 tint(paint, factor))
    pen.fill(rectangle(rear + 0.5, -0.14, front - 0.5, 0.14), (110, 112, 116))
    for x in np.linspace(rear + 1.0, front - 1.0, 3):
        pen.fill(ellipse(x, 0, 0.3, 0.3), (70, 72, 76))
        pen.fill(ellipse(x, 0, 0.2, 0.2), (150, 152, 156))


def _flatbed(pen, rng, rear, front, b):
    pen.fill(rectangle(rear, -b, front, b), (70, 64, 58))
    pen.fill(rectangle(rear + 0.1, -b + 0.1, front - 0.1, b - 0.1), (128, 104, 78))
    load = rng.random()
    if load < 0.4:  # timber, pipes
        colour = pick(rng, ((170, 122, 74), (150, 150, 154), (196, 160, 110)))
        for y in np.linspace(-b + 0.3, b - 0.3, 8):
            shift = rng.uniform(0.1, 0.6)
            pen.fill(bar(rear + shift, y, front - 0.3, y, 0.25), tint(colour, rng.uniform(0.8, 1.1)))
    elif load < 0.75:  # crates
        for x in np.arange(rear + 0.3, front - 1.1, 1.25):
            for y in (-b + 0.2, 0.08):
                if rng.random() < 0.8:
                    colour = tint(pick(rng, BOX_PAINTS + ((176, 136, 88),)), rng.uniform(0.8, 1))
                    pen.fill(rectangle(x, y, x + 1.1, y + b - 0.28), tint(colour, 0.7))
                    pen.fill(rectangle(x + 0.07, y + 0.07, x + 1.03, y + b - 0.35), colour)
    else:  # sand or gravel
        heap = pick(rng, ((206, 178, 120), (138, 134, 130), (110, 82, 58)))
        for inset, factor in ((0.15, 0.85), (0.4, 1.0), (0.7, 1.12)):
            pen.fill(rounded(rear + 0.2 + inset, -b + inset, front - 0.2 - inset, b - inset, 0.3), tint(heap, factor))


def bicycle(pen, rng, length, width):
    wheel, reach = 0.34, length / 2
    frame = pick(rng, CAR_PAINTS + CLOTHES)
    front, rear = reach - wheel, -reach + wheel
    steer = rng.uniform(-0.25, 0.25)
    c, s = np.cos(steer) * wheel, np.sin(steer) * wheel
    pen.fill(bar(rear - wheel, 0, rear + wheel, 0, 0.10), TYRE)
    pen.fill(bar(front - c, -s, front + c, s, 0.10), TYRE)
    pen.fill(bar(rear, 0, front - 0.05, 0, 0.11), frame)
    grip = front - 0.16
    half = rng.uniform(0.27, width / 2)
    pen.fill(bar(grip, -half, grip, half, 0.08), (58, 58, 62))
    for side in (-1, 1):
        pen.fill(bar(grip - 0.16, side * half, grip + 0.02, side * half, 0.09), (30, 30, 32))
        pen.fill(ellipse(-0.08 + 0.12 * side, side * 0.15, 0.09, 0.06), (44, 44, 46))  # pedals
    pen.fill(ellipse(-0.28, 0, 0.17, 0.09), (36, 30, 28))
    extra = rng.random()
    if extra < 0.25:
        pen.fill(rounded(front - 0.08, -0.18, front + 0.22, 0.18, 0.05), (150, 116, 74))  # basket
        pen.fill(rounded(front - 0.04, -0.13, front + 0.18, 0.13, 0.04), (104, 78, 48))
    elif extra < 0.45:
        pen.fill(rectangle(rear - 0.2, -0.12, rear + 0.22, 0.12), (52, 54, 58))  # carrier
    elif extra < 0.6:
        for side in (-1, 1):
            pen.fill(rounded(rear - 0.2, side * 0.17 - 0.08, rear + 0.2, side * 0.17 + 0.08, 0.05), pick(rng, CLOTHES))


def rider(pen, rng):
    """A person on a bicycle; the pen stands at the bicycle's middle."""
    shirt, trousers = pick(rng, CLOTHES), tint(pick(rng, CLOTHES), 0.6)
    for side in (-1, 1):
        pen.fill(bar(-0.25, side * 0.12, 0.1 + 0.1 * side, side * 0.19, 0.15), trousers)
        pen.fill(bar(-0.02, side * 0.24, 0.34, side * 0.27, 0.11), tint(shirt, 0.85))
    pen.fill(ellipse(-0.12, 0, 0.27, 0.27), tint(shirt, 0.7))
    pen.fill(ellipse(-0.12, 0, 0.23, 0.24), shirt)
    helmet = rng.random() < 0.5
    pen.fill(ellipse(0.10, 0, 0.16, 0.14), tint(pick(rng, CLOTHES), 1.05) if helmet else pick(rng, HAIR))
    if helmet:
        pen.fill(bar(0.0, 0, 0.22, 0, 0.04), (40, 40, 44))


def person(pen, rng, length, width):
    shirt, trousers, skin = pick(rng, CLOTHES), tint(pick(rng, CLOTHES), 0.55), pick(rng, SKIN)
    stride = rng.uniform(-0.22, 0.22) if rng.random() < 0.8 else 0.0
    for side in (-1, 1):
        pen.fill(bar(-0.02, side * 0.12, side * stride, side * 0.13, 0.15), trousers)
        pen.fill(ellipse(side * stride + 0.08 * np.sign(stride), side * 0.13, 0.15, 0.075), (40, 34, 32))
        hand = -side * stride * 0.9
        pen.fill(bar(0, side * 0.30, hand, side * 0.36, 0.12), tint(shirt, 0.85))
        pen.fill(ellipse(hand, side * 0.36, 0.07, 0.06), skin)
    pen.fill(ellipse(0, 0, 0.19, 0.35), tint(shirt, 0.68))
    pen.fill(ellipse(0.01, 0, 0.155, 0.31), shirt)
    extra = rng.random()
    if extra < 0.2:
        pen.fill(rounded(-0.36, -0.17, -0.10, 0.17, 0.07), tint(pick(rng, CLOTHES), 0.8))  # backpack
    elif extra < 0.32:
        side = rng.choice((-1, 1))
        pen.fill(rounded(-0.16, side * 0.44 - 0.07, 0.16, side * 0.44 + 0.07, 0.04), tint(pick(rng, CLOTHES), 0.9))
    hat = rng.random() < 0.2
    if hat:
        brim = pick(rng, CLOTHES)
        pen.fill(ellipse(0.03, 0, 0.22, 0.21), tint(brim, 0.8))
        pen.fill(ellipse(0.03, 0, 0.14, 0.14), brim)
    else:
        pen.fill(ellipse(0.08, 0, 0.13, 0.12), skin)
        pen.fill(ellipse(0.02, 0, 0.15, 0.145), pick(rng, HAIR))
