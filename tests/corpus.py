"""Pictures of every kind that people have, made on the spot, each with the pixels and metadata to be read of it.

Tests compare the results of jsr by value, and `scripts/torture` damages the files. The pictures are small, since their
kind matters, not their size.
"""

import io
import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple

import imagecodecs
import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401  # teaches Pillow JPEG XL
import tifffile
from PIL import Image, ImageCms, ImageOps

from tests.encoders import (
    HEIGHT,
    SRGB,
    WIDTH,
    apng,
    bare_png,
    bmp,
    camera_exif,
    decoded,
    display_p3,
    formats,
    gif,
    grey,
    grey_profile,
    opacity,
    png_of,
    saved,
    smooth,
)

# Lossy formats, and the levels that a value may move by in a smooth picture.
LOSSY = {"JPEG": 14, "AVIF": 10, "GIF": 40}
SUFFIXES = {"JPEG": "jpg", "TIFF": "tif", "JPEG2000": "jp2"}
HARD_NAMES = (
    "two words",
    'it\'s "so"',
    "Ünïcødé 日本",
    "-dash",
    "dot.dot",
    "%s{0}$HOME",
    "new\nline",
)


class Sample(NamedTuple):
    """A file, and what is in it."""

    name: str  # of the file, of its own
    content: bytes
    pixels: np.ndarray | None = None  # upright, uint8 or uint16, [h, w] or [h, w, 3]; None where it is refused
    alpha: np.ndarray | None = None
    icc: bytes | None = None
    tolerance: int = 0  # levels of 8 bits, of lossy formats
    message: str = ""  # part of a note, or of the error
    durations: tuple[int, ...] = ()  # milliseconds of the frames of an animation


def samples() -> Iterator[Sample]:
    """Yields the corpus, always the same."""
    yield from _modes()
    yield from _png_types()
    yield from _orientations()
    yield from _profiles()
    yield from _tiffs()
    yield from _deep()
    yield from _bit_fields()
    yield from _phones()
    yield from _rasters()
    yield from _jpegs()
    yield from _several()
    yield from _sizes()
    yield from _refused()


def _named(stem, kind):
    return f"{stem}.{SUFFIXES.get(kind, kind.lower())}"


def _modes():
    """Every mode that Pillow has, in every format that takes it."""
    rgb, level, alpha = smooth(HEIGHT, WIDTH), grey(), opacity()
    rgba, la = np.dstack([rgb, alpha]), np.dstack([level, alpha])
    deep = (level.astype(np.uint16) << 8) + 7
    colour = Image.fromarray(rgb)
    palette = colour.quantize(256)
    black_and_white = Image.fromarray(level > 140)
    multiplied = Image.fromarray(rgba).convert("RGBa")
    pictures = {  # mode: the picture, and what it shows
        "1": (black_and_white, np.where(level > 140, 255, 0).astype(np.uint8), None),
        "L": (Image.fromarray(level), level, None),
        "LA": (Image.fromarray(la), level, alpha),
        "P": (palette, np.asarray(palette.convert("RGB")), None),
        "RGB": (colour, rgb, None),
        "RGBX": (colour.convert("RGBX"), rgb, None),
        "RGBA": (Image.fromarray(rgba), rgb, alpha),
        "RGBa": (multiplied, np.asarray(multiplied.convert("RGBA"))[..., :3], alpha),
        "CMYK": (colour.convert("CMYK"), rgb, None),
        "YCbCr": (colour.convert("YCbCr"), rgb, None),
        "LAB": (_lab(colour), rgb, None),
        "HSV": (colour.convert("HSV"), rgb, None),
        "I": (Image.fromarray(deep.astype(np.int32)), None, None),
        "F": (Image.fromarray(level / np.float32(255)), None, None),
        "I;16": (Image.fromarray(deep), deep, None),
        "I;16B": (
            Image.frombytes("I;16B", (WIDTH, HEIGHT), deep.astype(">u2").tobytes()),
            deep,
            None,
        ),
    }
    for mode, (image, pixels, alpha) in pictures.items():
        for kind in formats():
            plain = kind in ("PNG", "TIFF") or (pixels is not None and pixels.dtype == np.uint8)
            if not plain or (kind in ("GIF", "BMP") and alpha is not None):
                continue  # these formats take it, but turn it into something else
            try:
                content = saved(image, kind)
            except (OSError, ValueError, KeyError):  # the format has no such mode
                continue
            shown = deep if mode == "I" and kind == "PNG" else pixels  # it is saved in 16 bits
            if shown is not None and shown.ndim == 2 and kind in ("WEBP", "AVIF"):  # these have no grey
                shown = np.stack([shown] * 3, axis=-1)
            yield Sample(
                _named(f"mode-{mode.replace(';', '_')}-{kind}", kind),
                content,
                shown,
                alpha,
                tolerance=LOSSY.get(kind, 0) + {"YCbCr": 4, "HSV": 4, "LAB": 8}.get(mode, 0),
                message="" if shown is not None else "such as -o NAME.tif",
            )


def _lab(image):
    srgb, lab = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    to = ImageCms.buildTransform(srgb, lab, "RGB", "LAB")
    return ImageCms.applyTransform(image, to)


def _png_types():
    """Every colour type and depth of PNG, plain and interlaced, with and without a transparent colour."""
    rng = np.random.default_rng(1)
    for depth in (1, 2, 4, 8, 16):
        top = 2**depth - 1
        dtype = np.uint16 if depth == 16 else np.uint8
        spread = 65535 // top if depth == 16 else 255 // top
        full = 65535 if depth == 16 else 255
        for interlace in (False, True):
            stem = f"png-{depth}{'-interlaced' * interlace}"
            options = {"bitdepth": depth, "interlace": interlace}
            levels = rng.integers(0, top + 1, (HEIGHT, WIDTH))
            shown = (levels * spread).astype(dtype)
            yield Sample(f"{stem}-grey.png", png_of(levels, **options), shown)
            alpha = np.where(levels == 1, 0, full).astype(dtype)
            yield Sample(f"{stem}-grey-key.png", png_of(levels, transparent=1, **options), shown, alpha)
            if depth <= 8:
                palette = rng.integers(0, 256, (top + 1, 4))
                palette[:, 3] = np.linspace(0, 255, top + 1)
                rgb = palette[levels, :3].astype(np.uint8)
                opaque = [tuple(map(int, c[:3])) for c in palette]
                yield Sample(f"{stem}-palette.png", png_of(levels, palette=opaque, **options), rgb)
                clear = [tuple(map(int, c)) for c in palette]
                yield Sample(
                    f"{stem}-palette-alpha.png",
                    png_of(levels, palette=clear, **options),
                    rgb,
                    palette[levels, 3].astype(np.uint8),
                )
            if depth >= 8:
                values = rng.integers(0, top + 1, (HEIGHT, WIDTH, 4)).astype(dtype)
                values[..., 3] = opacity() * dtype(full // 255)
                rgb, alpha = values[..., :3], values[..., 3]
                yield Sample(f"{stem}-rgb.png", png_of(rgb, **options), rgb)
                yield Sample(f"{stem}-rgba.png", png_of(values, **options), rgb, alpha)
                la = values[..., [0, 3]]
                yield Sample(f"{stem}-grey-alpha.png", png_of(la, **options), values[..., 0], alpha)
                key = tuple(int(v) for v in rgb[3, 4])
                alpha = np.where((rgb == key).all(-1), 0, full).astype(dtype)
                yield Sample(f"{stem}-rgb-key.png", png_of(rgb, transparent=key, **options), rgb, alpha)


def _orientations():
    image = Image.fromarray(smooth(HEIGHT, WIDTH))
    for orientation in range(1, 9):
        exif = camera_exif(orientation).tobytes()
        upright = ImageOps.exif_transpose(decoded(saved(image, "PNG", exif=exif)))
        for kind in ("JPEG", "PNG", "TIFF", "WEBP"):
            yield Sample(
                _named(f"orientation-{orientation}-{kind}", kind),
                saved(image, kind, exif=exif),
                np.asarray(upright),
                tolerance=LOSSY.get(kind, 0),
            )


def _profiles():
    """Profiles are carried as they are, but a broken one, and a grey one where WebP makes RGB of grey."""
    rgb = smooth(HEIGHT, WIDTH)
    profiles = {
        "srgb": (rgb, SRGB),
        "display-p3": (rgb, display_p3()),
        "grey": (grey(), grey_profile()),
        "broken": (rgb, b"no profile at all"),
    }
    for name, (pixels, profile) in profiles.items():
        for kind in ("PNG", "JPEG", "TIFF", "WEBP"):
            shown = np.stack([pixels] * 3, -1) if kind == "WEBP" and pixels.ndim == 2 else pixels
            yield Sample(
                _named(f"profile-{name}-{kind}", kind),
                saved(Image.fromarray(pixels), kind, icc_profile=profile),
                shown,
                icc=None if name == "broken" or shown.ndim != pixels.ndim else profile,
                tolerance=LOSSY.get(kind, 0),
            )
        if name != "grey":
            deep = rgb.astype(np.uint16) * 257
            file = io.BytesIO()
            tifffile.imwrite(file, deep, photometric="rgb", iccprofile=profile)
            yield Sample(f"profile-{name}-16.tif", file.getvalue(), deep, icc=None if name == "broken" else profile)


def _tiffs():
    rng = np.random.default_rng(2)
    rgb = rng.integers(0, 256, (HEIGHT, WIDTH, 3), np.uint8)
    large = rng.integers(0, 65536, (67, 43, 3), np.uint16)
    for name, pixels, options in (
        ("tiled", large, {"tile": (16, 32)}),
        ("tiled-8", (large >> 8).astype(np.uint8), {"tile": (16, 16), "compression": "zlib"}),
        ("strips", large, {"rowsperstrip": 5, "compression": "zlib", "predictor": True}),
        ("strips-8", rgb, {"rowsperstrip": 2, "compression": "zlib"}),
        ("big-endian", large, {"byteorder": ">"}),
        ("big", large, {"bigtiff": True}),
        ("grey", large[..., 0], {"photometric": "minisblack"}),
        ("grey-reversed", large[..., 0], {"photometric": "miniswhite"}),
    ):
        file = io.BytesIO()
        stored = 65535 - pixels if name == "grey-reversed" else pixels
        tifffile.imwrite(file, stored, **{"photometric": "rgb", **options})
        yield Sample(f"tiff-{name}.tif", file.getvalue(), pixels)
    for compression in ("tiff_lzw", "packbits", "tiff_adobe_deflate", "jpeg"):
        content = saved(Image.fromarray(smooth(HEIGHT, WIDTH)), "TIFF", compression=compression)
        shown = np.asarray(decoded(content).convert("RGB"))
        yield Sample(f"tiff-{compression}.tif", content, shown)


def _deep():
    """More than 8 bits, in formats whose colours Pillow cuts to 8."""
    deep = smooth(HEIGHT, WIDTH).astype(np.uint16) * 257
    content = bytes(imagecodecs.jpeg2k_encode(deep >> 4, level=0, codecformat="jp2", bitspersample=12))
    yield Sample("deep-12.jp2", content, np.round((deep >> 4) * (65535 / 4095)).astype(np.uint16))
    content = bytes(imagecodecs.avif_encode(deep >> 6, level=100, bitspersample=10))
    yield Sample("deep-10.avif", content, deep, tolerance=4)
    yield Sample("deep-16.ppm", f"P6 {WIDTH} {HEIGHT} 65535\n".encode() + deep.astype(">u2").tobytes(), deep)
    content = bytes(imagecodecs.jpegxl_encode(deep, lossless=True))
    yield Sample("deep-16.jxl", content, deep, icc=decoded(content).info["icc_profile"])
    content = bytes(imagecodecs.jpegxl_encode(smooth(HEIGHT, WIDTH), lossless=True))
    yield Sample("lossless.jxl", content, smooth(HEIGHT, WIDTH), icc=decoded(content).info["icc_profile"])


def _bit_fields():
    """A BMP of 4 bits a channel, which Pillow does not read."""
    rng = np.random.default_rng(4)
    levels = rng.integers(0, 16, (HEIGHT, WIDTH, 4), np.uint16)
    pixels = (levels << np.array([8, 4, 0, 12], np.uint16)).sum(axis=-1, dtype=np.uint16)
    samples = (levels * 17).astype(np.uint8)
    content = bmp(pixels, (0xF00, 0xF0, 0xF, 0xF000))
    yield Sample("bits-4444.bmp", content, samples[..., :3], samples[..., 3])


def _phones():
    heif = io.BytesIO()
    picture = pillow_heif.from_pillow(Image.fromarray(smooth(HEIGHT, WIDTH)))
    picture.save(heif, quality=95)
    yield Sample("phone.heic", heif.getvalue(), smooth(HEIGHT, WIDTH), tolerance=14)


def _rasters():
    """Numbers that only TIFF holds."""
    rng = np.random.default_rng(3)
    for dtype in (np.float32, np.float64, np.int16, np.uint32):
        for bands in (1, 5):
            values = (1000 * rng.random((HEIGHT, WIDTH, bands))).astype(dtype)
            file = io.BytesIO()
            layout = {"planarconfig": "contig", "extrasamples": ["unspecified"] * 4} if bands > 1 else {}
            tifffile.imwrite(file, values if bands > 1 else values[..., 0], photometric="minisblack", **layout)
            yield Sample(f"raster-{values.dtype}-{bands}.tif", file.getvalue(), message="such as -o NAME.tif")
    colours = np.dstack([smooth(HEIGHT, WIDTH), grey()])
    file = io.BytesIO()
    tifffile.imwrite(file, colours, photometric="rgb", extrasamples=["unspecified"])
    yield Sample("satellite.tif", file.getvalue(), smooth(HEIGHT, WIDTH), message="only the colours are kept")


def _jpegs():
    image = Image.fromarray(smooth(HEIGHT, WIDTH))
    for name, options in (
        ("progressive", {"progressive": True}),
        ("subsampled", {"subsampling": 2, "quality": 95}),
        ("restarts", {"restart_marker_rows": 1}),
        ("optimised", {"optimize": True}),
        ("low", {"quality": 10, "subsampling": 2}),
        ("rgb", {"keep_rgb": True}),
    ):
        content = saved(image, "JPEG", **options)
        yield Sample(f"jpeg-{name}.jpg", content, np.asarray(decoded(content)))


def _several():
    """Several frames, and several pages."""
    frames = [Image.new("RGB", (WIDTH, HEIGHT), c) for c in ("#d01020", "#10c030", "#2010e0")]
    first = np.asarray(frames[0])
    durations = (40, 100, 250)
    for kind in ("GIF", "WEBP", "PNG"):
        content = saved(
            frames[0],
            kind,
            save_all=True,
            append_images=frames[1:],
            duration=durations,
            loop=3,
        )
        yield Sample(f"frames-{kind}.{kind.lower()}", content, first, durations=durations)
    parts = [np.full(shape, index) for index, shape in enumerate([(HEIGHT, WIDTH), (HEIGHT, 9), (5, 5)])]
    content = gif(
        [(x, 3 * i, 2 * i, 1 + i) for i, x in enumerate(parts)], size=(HEIGHT, WIDTH)
    )  # the second is clipped
    red = np.full((HEIGHT, WIDTH, 3), (255, 0, 0), np.uint8)
    yield Sample("frames-beyond.gif", content, red, durations=(100, 100, 100))
    rgba = [np.dstack([smooth(*shape), opacity(*shape)]) for shape in [(HEIGHT, WIDTH), (9, 9), (5, 7)]]
    content = apng([(x, 2 * i, 3 * i, i, i % 2) for i, x in enumerate(rgba)], size=(HEIGHT, WIDTH), bitdepth=8)
    yield Sample(
        "frames-blended.png", content, smooth(HEIGHT, WIDTH), opacity(HEIGHT, WIDTH), durations=(100, 100, 100)
    )
    content = saved(frames[0], "TIFF", save_all=True, append_images=frames[1:])
    yield Sample("pages.tif", content, first, message="first of 3 pages")
    file = io.BytesIO()
    tifffile.imwrite(file, np.stack([np.asarray(f) for f in frames]).astype(np.uint16) * 257, photometric="rgb")
    yield Sample("pages-16.tif", file.getvalue(), first.astype(np.uint16) * 257, message="first of 3 pages")


def _sizes():
    for height, width in ((1, 1), (1, 2), (1, 5000), (5000, 1), (97, 101), (2, 3)):
        pixels = np.ascontiguousarray(smooth(height, width))
        yield Sample(f"size-{width}x{height}.png", saved(Image.fromarray(pixels), "PNG"), pixels)


def _refused():
    """Files that are no pictures, or promise what they do not hold."""
    whole = saved(Image.fromarray(smooth(HEIGHT, WIDTH)), "PNG")
    yield Sample("refused-empty.png", b"", message="the file is empty")
    yield Sample("refused-text.png", b"hello", message="not a picture")
    yield Sample("refused-torn.png", whole[: len(whole) // 2], message="broken or not supported")
    yield Sample("refused-junk.png", bare_png(b"junk", 4, 4), message="broken or not supported")
    for width, height in ((100_000, 100_000), (20_000, 20_000), (2**31 - 1, 1)):
        content = bare_png(zlib.compress(bytes(1000)), width, height)
        yield Sample(f"refused-{width}x{height}.png", content, message="million pixels")
    deep = bytearray(png_of(np.zeros((4, 4, 3), np.uint16), bitdepth=16))
    deep[16:24] = struct.pack(">II", 100_000, 100_000)
    deep[29:33] = struct.pack(">I", zlib.crc32(deep[12:29]))
    yield Sample("refused-deep.png", bytes(deep), message="million pixels")
    for width, height in ((1, 0), (0, 1)):
        yield Sample(
            f"refused-{width}x{height}.png",
            bare_png(zlib.compress(b""), width, height),
            message="broken or not supported",
        )
