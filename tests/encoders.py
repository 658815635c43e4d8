"""Small pictures, and their files as Pillow and pypng encode them: the material of `corpus.py` and of single tests.

Sides are prime, so that nothing fits by chance.
"""

import io
import struct
import zlib
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
