"""Samples of more than 8 bits, in formats whose colours Pillow cuts to 8: JPEG 2000, AVIF, HEIF, PPM."""

import re

import imagecodecs
import numpy as np
from jaxtyping import Integer, Shaped, UInt16
from PIL import Image

CODESTREAM = b"\xff\x4f\xff\x51"  # how the pixels of JPEG 2000 begin: the markers SOC and SIZ
CONFIGURATION = b"av1C"  # the box of AVIF that gives the depth
HIGH_DEPTH, TWELVE_BITS = 0x40, 0x20  # two of its flags
PPM = re.compile(rb"P([56])(?:\s+|#[^\n]*\n)+(\d+)(?:\s+|#[^\n]*\n)+(\d+)(?:\s+|#[^\n]*\n)+(\d+)\s")


def decode(image: Image.Image, content: bytes) -> UInt16[np.ndarray, "h w"] | UInt16[np.ndarray, "h w c"] | None:
    """Decodes an opened picture to 16 bits; returns None if it has no more than 8.

    Raises:
      Exception: any, of a decoder, if the content is broken.
    """
    decoder = DECODERS.get(image.format or "")
    return decoder(content) if decoder else None


def from_bits(samples: Shaped[np.ndarray, "*shape"], bits: int) -> Integer[np.ndarray, "*shape"]:
    """Returns whole numbers over the whole range of uint8, if they have no more than 8 bits, or of uint16."""
    dtype = np.dtype(np.uint16 if bits > 8 else np.uint8)
    top = np.iinfo(dtype).max
    if top == 2**bits - 1:
        return samples.astype(dtype)
    return np.round(samples * (top / (2**bits - 1))).astype(dtype)


def _jpeg2000(content: bytes) -> np.ndarray | None:
    at = content.find(CODESTREAM) + len(CODESTREAM)
    count = int.from_bytes(content[at + 36 : at + 38], "big")
    components = content[at + 38 : at + 38 + 3 * count : 3]  # depth - 1 of each, and the sign as the highest bit
    bits = max(components, default=0) + 1
    if not 8 < bits <= 16 or len(set(components)) > 1 or count > 4:
        return None
    return from_bits(imagecodecs.jpeg2k_decode(content), bits)


def _avif(content: bytes) -> np.ndarray | None:
    at = content.find(CONFIGURATION) + len(CONFIGURATION)
    flags = content[at + 2] if at + 2 < len(content) else 0
    if not flags & HIGH_DEPTH:
        return None
    return from_bits(imagecodecs.avif_decode(content, index=0), 12 if flags & TWELVE_BITS else 10)


def _heif(content: bytes) -> np.ndarray | None:
    import pillow_heif  # an extra; without it, the picture would not have been opened

    file = pillow_heif.open_heif(content, convert_hdr_to_8bit=False)
    return np.asarray(file) if file.mode.endswith(";16") else None


def _ppm(content: bytes) -> np.ndarray | None:
    head = PPM.match(content)
    if head is None or int(head[4]) < 256:
        return None
    width, height, top = (int(number) for number in head.groups()[1:])
    shape = (height, width, 3) if head[1] == b"6" else (height, width)
    samples = np.frombuffer(content, ">u2", count=int(np.prod(shape)), offset=head.end()).reshape(shape)
    return np.round(np.minimum(samples, top) * (65535 / top)).astype(np.uint16)


DECODERS = {"JPEG2000": _jpeg2000, "AVIF": _avif, "HEIF": _heif, "PPM": _ppm}
