"""Small pictures, and their files as Pillow and pypng encode them: the material of `corpus.py` and of single tests.

Sides are prime, so that nothing fits by chance.
"""

import io
import struct
import zlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import png
from PIL import Image, ImageCms, features

HEIGHT, WIDTH = 13, 17
MAKE, ARTIST, ORIENTATION, EXIF_IFD, GPS_IFD = 0x010F, 0x013B, 0x0112, 0x8769, 0x8825
EXPOSURE, PIXEL_WIDTH = 0x829A, 0xA002
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
OPTIONS: dict[str, dict[str, Any]] = {
    "JPEG": {"quality": 98, "subsampling": 0},
    "WEBP": {"lossless": True, "exact": True},
    "AVIF": {"quality": 95, "subsampling": "4:4:4"},
    "JPEG2000": {"irreversible": False},
}
GIF_COLOURS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (0, 0, 0))
XMP = (
    b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
    b'<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/"><dc:rights>nobody</dc:rights>'
    b"</rdf:Description></rdf:RDF></x:xmpmeta>"
)


def smooth(height: int = 24, width: int = 32) -> np.ndarray:
    """Returns RGB `[h, w, 3]` that lossy formats keep within a few levels; no two channels are alike."""
    y, x = 32 * np.mgrid[:height, :width] / max(height, width)
    return np.stack([4 * y + 20, 4 * x + 40, 200 - 2 * x - 2 * y], axis=-1).astype(np.uint8)


def grey(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Returns one channel of `smooth`, `[h, w]`."""
    return smooth(height, width)[..., 1]


def opacity(height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """Returns an alpha that is transparent at one side, opaque at the other, and half between."""
    return np.broadcast_to(np.clip(np.arange(width) * 60 - 120, 0, 255), (height, width)).astype("u1")


def camera_exif(orientation: int = 1) -> Image.Exif:
    """Returns the tags of a camera: some to keep, and orientation and width, which are false after upscaling."""
    exif = Image.Exif()
    exif[MAKE], exif[ARTIST], exif[ORIENTATION] = "Camera", "Ann", orientation
    exif[EXIF_IFD] = {EXPOSURE: 0.25, PIXEL_WIDTH: 4000}
    exif[GPS_IFD] = {1: "N", 2: (48.0, 8.0, 1.0)}
    return exif


def chunk(tag: bytes, data: bytes) -> bytes:
    """Returns a chunk of a PNG."""
    return struct.pack(">I", len(data)) + tag + data + struct.pack(">I", zlib.crc32(tag + data))


def bare_png(data: bytes, width: int, height: int) -> bytes:
    """Returns a PNG in 8-bit RGB whose header promises a size, whatever its data."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


def apng(
    images: list[tuple[np.ndarray, int, int, int, int]],
    *,
    size: tuple[int, int],
    has_still: bool = False,
    before: bytes = b"",
    **options: Any,
) -> bytes:
    """Returns an animated PNG, each of whose images is encoded by `png_of`.

    Args:
      images: samples, top, left, disposal and blending of each frame.
      size: height and width of the canvas.
      has_still: whether the first image is none of the frames.
      before: chunks to put before the pixels.
      options: those of `png_of`.
    """
    count, number = len(images) - has_still, 0
    result = b"\x89PNG\r\n\x1a\n"
    for i, (samples, top, left, disposal, blending) in enumerate(images):
        chunks = chunks_of(png_of(samples, **options))
        height, width = samples.shape[:2]
        pixels = b"".join(data for tag, data in chunks if tag == b"IDAT")
        if i == 0:
            result += chunk(b"IHDR", struct.pack(">II", *size[::-1]) + chunks[0][1][8:])
            result += b"".join(chunk(tag, data) for tag, data in chunks if tag in (b"PLTE", b"tRNS")) + before
            result += chunk(b"acTL", struct.pack(">II", count, 3))
        if i or not has_still:
            place = struct.pack(">5I", number, width, height, left, top)
            result += chunk(b"fcTL", place + struct.pack(">HHBB", 1, 10, disposal, blending))
            number += 1
        if i == 0:
            result += chunk(b"IDAT", pixels)
        else:
            result += chunk(b"fdAT", struct.pack(">I", number) + pixels)
            number += 1
    return result + chunk(b"IEND", b"")


def chunks_of(content: bytes) -> list[tuple[bytes, bytes]]:
    """Returns tag and data of all chunks of a PNG."""
    return list(png.Reader(bytes=content).chunks())


def gif(
    images: list[tuple[np.ndarray, int, int, int]],
    *,
    size: tuple[int, int],
    table: Sequence[tuple[int, int, int]] = GIF_COLOURS,
    transparent: int | None = None,
    extensions: bytes = b"",
) -> bytes:
    """Returns a GIF of four colours, with frames of 0.1 s, and background colour 1.

    Args:
      images: indices `[h, w]`, top, left and disposal of each frame.
      size: height and width of the canvas.
      extensions: blocks to put before the frames.
    """
    screen = struct.pack("<HHBBB", *size[::-1], 0x81, 1, 0)
    result = b"GIF89a" + screen + np.array(table, np.uint8).tobytes() + extensions
    for indices, top, left, disposal in images:
        result += gif_control(disposal=disposal, transparent=transparent) + gif_image(indices, top, left)
    return result + b";"


def gif_control(*, disposal: int = 0, hundredths: int = 10, transparent: int | None = None) -> bytes:
    """Returns the block that describes the image after it."""
    flags = disposal << 2 | (transparent is not None)
    return b"!\xf9\x04" + struct.pack("<BHBx", flags, hundredths, transparent or 0)


def gif_image(indices: np.ndarray, top: int = 0, left: int = 0, *, flags: int = 0, table: bytes = b"") -> bytes:
    """Returns an image of indices below 4, with a code to clear the dictionary before each pixel."""
    codes = [code for index in indices.ravel() for code in (4, int(index))] + [5]
    bits = sum(code << 3 * i for i, code in enumerate(codes)).to_bytes(-(-3 * len(codes) // 8), "little")
    place = struct.pack("<4HB", left, top, indices.shape[1], indices.shape[0], flags)
    return b"," + place + table + b"\x02" + gif_parts(bits)


def gif_parts(data: bytes) -> bytes:
    """Returns data in parts of up to 255 bytes, as GIF stores it."""
    parts = [data[i : i + 255] for i in range(0, len(data), 255)]
    return b"".join(bytes([len(part)]) + part for part in parts) + b"\0"


def bmp(pixels: np.ndarray, masks: tuple[int, ...], *, header: int = 108, compression: int = 3) -> bytes:
    """Returns a BMP of bit fields, its lowest row first, at 2835 pixels a metre.

    Args:
      pixels: uint16 or uint32 `[h, w]`.
      masks: of red, green, blue and alpha.
    """
    height, width = pixels.shape
    stored = np.pad(pixels[::-1], ((0, 0), (0, width % 2 * (pixels.itemsize == 2)))).tobytes()
    sizes = struct.pack("<IiiHHIIiiII", header, width, height, 1, 8 * pixels.itemsize, compression, 0, 2835, 2835, 0, 0)
    rest = struct.pack("<4I", *masks) + b"BGRs" + bytes(48)
    start = 14 + len(sizes) + len(rest)
    return struct.pack("<2sIHHI", b"BM", start + len(stored), 0, 0, start) + sizes + rest + stored


def png_of(samples: np.ndarray, **options: Any) -> bytes:
    """Encodes whole levels `[h, w]` or `[h, w, c]` as pypng does."""
    file = io.BytesIO()
    height, width = samples.shape[:2]
    planes = samples.shape[2] if samples.ndim == 3 else 1
    if "palette" not in options:
        options = {"greyscale": planes < 3, "alpha": planes in (2, 4), **options}
    png.Writer(width, height, **options).write(file, samples.reshape(height, -1).tolist())
    return file.getvalue()


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """Encodes as Pillow does."""
    file = io.BytesIO()
    image.save(file, format=kind, **{**OPTIONS.get(kind, {}), **options})
    return file.getvalue()


def formats() -> list[str]:
    """Returns Pillow's names of the formats that this machine can write."""
    names = ["PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "JPEG2000"]
    return [*names, "AVIF"] if features.check("avif") else names


def decoded(content: bytes) -> Image.Image:
    """Decodes as Pillow does."""
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def display_p3() -> bytes:
    """Returns the sRGB profile with the primaries of Display P3, adapted to D50."""
    primaries = {
        b"rXYZ": (0.51512, 0.24120, -0.00105),
        b"gXYZ": (0.29198, 0.69225, 0.04189),
        b"bXYZ": (0.15710, 0.06657, 0.78407),
    }
    profile = bytearray(SRGB)
    for i in range(int.from_bytes(profile[128:132])):
        tag, at, _ = struct.unpack(">4sII", profile[132 + 12 * i : 144 + 12 * i])
        if tag in primaries:
            numbers = [round(65536 * x) for x in primaries[tag]]
            profile[at + 8 : at + 20] = struct.pack(">3i", *numbers)
    return bytes(profile)


def grey_profile() -> bytes:
    """Returns a profile of grey with gamma 2.2, as small as ICC allows."""
    tags = {
        b"desc": b"desc" + bytes(4) + struct.pack(">I", 5) + b"grey\0" + bytes(79),
        b"wtpt": b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061),
        b"kTRC": b"curv" + bytes(4) + struct.pack(">IH", 1, 563) + bytes(2),
    }
    table, data = struct.pack(">I", len(tags)), b""
    for tag, value in tags.items():
        table += struct.pack(">4sII", tag, 132 + 12 * len(tags) + len(data), len(value))
        data += value + bytes(-len(value) % 4)
    size = 128 + len(table) + len(data)
    header = struct.pack(">I4sI4s4s4s", size, bytes(4), 0x02100000, b"mntr", b"GRAY", b"XYZ ")
    header += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp") + bytes(28)
    header += struct.pack(">3i", 63190, 65536, 54061) + bytes(48)
    return header + table + data
