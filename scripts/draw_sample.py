"""Draws the sample picture that ships with jsr: `python scripts/draw_sample.py [--hr FILE]`.

A table at a window: fruit, a jug, a book, a checked cloth, a tree, a bird and wires outside. It is
our own, drawn here from formulas and a fixed seed, so it may be copied with the project. Drawn at
twice 512x384, it is reduced to that, and then four times by bicubic reduction to
`experiments/sample.png`, 128x96. The script writes the shipped bytes with the Pillow it was run
with (12); another release may draw letters a little differently.
"""

import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from jsr.command_line import Parser

WIDTH, HEIGHT = 512, 384  # of the high-resolution picture
OVERSAMPLE = 2  # drawn larger by this, for smooth edges
SCALE = 4
SEED = 7

W, H = WIDTH * OVERSAMPLE, HEIGHT * OVERSAMPLE
TABLE = 0.60  # of the height, where the table begins
X, Y = np.meshgrid((np.arange(W) + 0.5) / W * 4 / 3, (np.arange(H) + 0.5) / H)  # square units


def noise(rng, *, octaves, first=4):
    """Fractal noise in [0, 1]: octaves of smooth noise, each twice as fine and half as strong."""
    total = np.zeros((H, W))
    for octave in range(octaves):
        n = first * 2**octave
        grid = rng.random((3 * n // 4 + 2, n + 2)).astype(np.float32)
        layer = Image.fromarray(grid).resize((W, H), Image.Resampling.BICUBIC)
        total += np.asarray(layer) / 2**octave
    return (total - total.min()) / np.ptp(total)


def mix(a, b, weight):
    return a + (np.asarray(b, float) - a) * np.clip(weight, 0, 1)[..., None]


def sky(rng):
    """Evening light above hills, with clouds of fractal noise."""
    image = mix(np.full((H, W, 3), (92.0, 142, 196)), (246, 214, 168), (Y / TABLE) ** 1.5)
    clouds = noise(rng, octaves=6)
    image = mix(image, (255, 246, 232), 1.7 * (clouds - 0.52) * (1 - Y))
    ridge = noise(rng, octaves=6)[H // 2]
    for base, height, colour in ((0.44, 0.10, (112, 132, 140)), (0.50, 0.07, (74, 102, 84))):
        line = base - height * ridge
        image = mix(image, colour, (Y - line) * H)
        ridge = ridge[::-1]
    trees = noise(rng, octaves=8, first=16)
    return mix(image, (46, 66, 48), ((Y - 0.545 + 0.05 * trees) * 60) * (0.4 + trees))


def cloth(image, rng):
    """A checked cloth in perspective: rows crowd together towards the far edge."""
    depth = 1 / np.maximum(Y - TABLE + 0.16, 1e-6)
    u, v = (X - 0.62) * depth * 0.5, depth

    def stripes(t):
        return 1 / (1 + np.exp(-np.sin(t) / 0.06))  # a square wave with soft edges

    across, along = stripes(u * 13), stripes(v * 5.2)
    weave = noise(rng, octaves=3, first=128) * 14
    red = np.stack([np.full((H, W), 178.0), np.full((H, W), 44.0), np.full((H, W), 52.0)], -1)
    white = np.full((H, W, 3), (240.0, 232, 218))
    pattern = mix(white, red, (across + along) / 2)
    pattern = pattern * (0.78 + 0.22 * (Y - TABLE)[..., None] / (1 - TABLE)) - weave[..., None]
    return np.where((Y > TABLE)[..., None], pattern, image)


def shadow(image, *, x, y, rx, ry):
    distance = ((X - x) / rx) ** 2 + ((Y - y) / ry) ** 2
    return image * (1 - 0.55 * np.exp(-(distance**1.5)))[..., None]


def fruit(image, rng, *, x, y, r, colour, peel):
    """A sphere lit from the upper left, with a peel of fine noise and a highlight."""
    image = shadow(image, x=x + 0.25 * r, y=y + 0.92 * r, rx=1.25 * r, ry=0.30 * r)
    dx, dy = (X - x) / r, (Y - y) / r
    inside = 1 - dx**2 - dy**2
    dz = np.sqrt(np.maximum(inside, 0))
    bumps = noise(rng, octaves=3, first=96) - 0.5
    light = -0.48 * dx - 0.56 * dy + 0.68 * dz + peel * bumps
    shaded = np.asarray(colour) * (0.30 + 0.78 * np.maximum(light, 0))[..., None]
    shaded += 200 * np.maximum(light - 0.02, 0)[..., None] ** 40
    return mix(image, shaded, inside * r * H / 2)


def jug(image):
    """A glazed jug: a solid of revolution with three painted rings."""
    x, top, bottom = 0.28, 0.30, 0.80
    image = shadow(image, x=x + 0.05, y=bottom, rx=0.17, ry=0.035)
    t = np.clip((Y - top) / (bottom - top), 0, 1)
    radius = 0.062 + 0.058 * np.sin(np.pi * np.clip(t * 1.15 - 0.12, 0, 1)) ** 1.4
    across = (X - x) / radius
    light = np.sqrt(np.maximum(1 - across**2, 0)) * 0.62 - across * 0.40 + 0.22
    glaze = np.full((H, W, 3), (58.0, 102, 134))
    for ring in (0.30, 0.36, 0.72):
        glaze = mix(glaze, (236, 226, 196), 1 - np.abs(t - ring + 0.02 * across**2) * 110)
    zigzag = np.abs(((np.arcsin(np.clip(across, -1, 1)) * 3.2) % 1) - 0.5)
    glaze = mix(glaze, (236, 226, 196), 1 - np.abs(t - 0.48 - 0.20 * (zigzag - 0.25)) * 110)
    glaze = glaze * np.maximum(light, 0.12)[..., None]
    glaze += 150 * np.exp(-(((across + 0.45) / 0.10) ** 2) - ((t - 0.45) / 0.22) ** 2)[..., None]
    inside = np.minimum((1 - np.abs(across)) * radius, np.minimum(Y - top, bottom - Y)) * H
    return mix(image, glaze, inside)


def branches(draw, rng, *, x, y, length, angle, width):
    """A fractal tree: a branch ends in two or three, thinner and turned; the last bear leaves."""
    if length < 9 * OVERSAMPLE:
        for _ in range(5):
            size = (1.4 + 1.6 * rng.random()) * OVERSAMPLE
            lx, ly = x + rng.normal(0, 5 * OVERSAMPLE), y + rng.normal(0, 5 * OVERSAMPLE)
            shade = rng.random()
            colour = tuple(int(a + b * shade) for a, b in ((48, 110), (84, 84), (34, 16)))
            draw.ellipse([lx - size, ly - size * 0.6, lx + size, ly + size * 0.6], fill=colour)
        return
    to_x, to_y = x + length * math.cos(angle), y - length * math.sin(angle)
    draw.line([x, y, to_x, to_y], fill=(62, 46, 38), width=max(1, round(width)))
    for turn in (-0.42, 0.36, 0.05)[: 2 + (rng.random() < 0.55)]:
        branches(
            draw,
            rng,
            x=to_x,
            y=to_y,
            width=width * 0.68,
            length=length * (0.68 + 0.16 * rng.random()),
            angle=angle + turn + rng.normal(0, 0.12),
        )


def outside(draw, rng):
    """Wires, a bird on one of them, and the tree."""
    s = OVERSAMPLE
    for height, sag in ((0.10, 0.055), (0.135, 0.06), (0.19, 0.065)):
        xs = np.linspace(0, W, 120)
        ys = H * (height + sag * (1 - (2 * xs / W - 1) ** 2))
        draw.line(list(zip(xs, ys, strict=True)), fill=(44, 44, 52), width=s)
    bx, by = 0.52 * W, 0.146 * H
    draw.ellipse([bx - 9 * s, by - 6 * s, bx + 6 * s, by + 4 * s], fill=(38, 36, 44))
    draw.ellipse([bx + 1 * s, by - 10 * s, bx + 9 * s, by - 2 * s], fill=(38, 36, 44))
    draw.polygon(
        [(bx + 8 * s, by - 7 * s), (bx + 13 * s, by - 5 * s), (bx + 8 * s, by - 4 * s)],
        fill=(206, 138, 52),
    )
    draw.polygon(
        [(bx - 8 * s, by - 3 * s), (bx - 20 * s, by + 4 * s), (bx - 6 * s, by + 2 * s)],
        fill=(38, 36, 44),
    )
    branches(draw, rng, x=0.87 * W, y=0.60 * H, length=62 * s, angle=1.62, width=9 * s)


def window(draw):
    """A white frame with a cross-bar, the table's edge before it."""
    s = OVERSAMPLE
    for x in (0, 0.675 * W, W - 10 * s):
        draw.rectangle([x, 0, x + 10 * s, TABLE * H], fill=(226, 222, 212))
        draw.line([x + 10 * s, 0, x + 10 * s, TABLE * H], fill=(150, 146, 138), width=s)
    draw.rectangle([0, 0, W, 8 * s], fill=(236, 232, 222))
    draw.rectangle([0, (TABLE - 0.025) * H, W, TABLE * H], fill=(206, 198, 184))
    draw.line([0, TABLE * H, W, TABLE * H], fill=(96, 74, 60), width=2 * s)


def book(image, rng):
    """A standing book with a title, ornaments, and the fine lines of its pages."""
    s = OVERSAMPLE
    cover = Image.new("RGB", (116 * s, 150 * s), (40, 74, 66))
    draw = ImageDraw.Draw(cover)
    gold = (222, 184, 98)
    draw.rectangle([5 * s, 5 * s, 111 * s, 145 * s], outline=gold, width=s)
    draw.rectangle([8 * s, 8 * s, 108 * s, 142 * s], outline=gold, width=s)
    for text, size, y in (
        ("LIGHT", 25, 30),
        ("and", 14, 50),
        ("DETAIL", 25, 70),
        ("by A. Pixel", 12, 132),
    ):
        draw.text((58 * s, y * s), text, fill=gold, font=ImageFont.load_default(size * s), anchor="mm")
    for i in range(16):
        angle = i * math.pi / 8
        ends = [(58 + r * math.cos(angle), 103 + r * math.sin(angle)) for r in (6, 17)]
        draw.line([(x * s, y * s) for x, y in ends], fill=gold, width=s)
    draw.ellipse([53 * s, 98 * s, 63 * s, 108 * s], outline=gold, width=s)
    left, top = round(0.40 * W), round(0.40 * H)
    canvas = ImageDraw.Draw(image)
    pages = [
        left + cover.width,
        top + 5 * s,
        left + cover.width + 12 * s,
        top + cover.height - 2 * s,
    ]
    canvas.rectangle(pages, fill=(232, 222, 196))
    for x in range(pages[0] + s, pages[2], 2 * s):
        canvas.line([x, pages[1], x, pages[3]], fill=(178, 164, 134), width=max(1, s // 2))
    image.paste(cover, (left, top))


def draw_scene():
    """Returns the high-resolution picture."""
    rng = np.random.default_rng(SEED)
    image = cloth(sky(rng), rng)
    picture = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))
    draw = ImageDraw.Draw(picture)
    outside(draw, rng)
    window(draw)
    image = np.asarray(picture, float)
    image = shadow(image, x=0.72, y=0.80, rx=0.20, ry=0.03)
    picture = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8))
    book(picture, rng)
    image = jug(np.asarray(picture, float))
    image = fruit(image, rng, x=0.97, y=0.755, r=0.085, colour=(236, 134, 30), peel=0.16)
    image = fruit(image, rng, x=1.13, y=0.775, r=0.075, colour=(196, 42, 40), peel=0.05)
    image = fruit(image, rng, x=1.045, y=0.845, r=0.080, colour=(168, 192, 66), peel=0.08)
    image += rng.normal(0, 3.0, image.shape)  # the grain of a sensor
    picture = Image.fromarray(np.clip(image, 0, 255).astype(np.uint8)).reduce(OVERSAMPLE)
    return picture.filter(ImageFilter.UnsharpMask(radius=1, percent=40, threshold=0))


def main():
    parser = Parser(description="Draws the sample picture.")
    sample = Path(__file__).parents[1] / "experiments" / "sample.png"
    parser.add_argument("-o", "--output", type=Path, default=sample, help="the small picture")
    parser.add_argument("--hr", type=Path, help="write the high-resolution picture here as well")
    args = parser.parse_args()
    picture = draw_scene()
    if args.hr:
        picture.save(args.hr)
    small = picture.resize((WIDTH // SCALE, HEIGHT // SCALE), Image.Resampling.BICUBIC)
    small.save(args.output, optimize=True)
    print(args.output)


if __name__ == "__main__":
    main()
