"""TIFF files: 16-bit colour, and pictures larger than memory."""

import io
import itertools
import os
from collections.abc import Iterator
from typing import Any

import numpy as np
import tifffile
from jaxtyping import UInt16

from jsr.errors import PictureError
from jsr.pictures import pillow, tiff_metadata
from jsr.pictures.picture import Picture, assemble, check_size, choose_frame

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two are those of BigTIFF
UNCOMPRESSED, DEFLATE, OLD_DEFLATE, PACKBITS = 1, 8, 32946, 32773  # compressions that tifffile decodes by itself
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2  # photometric interpretations
PREMULTIPLIED = 1  # of extra samples: an alpha channel that the colours are multiplied by


def decode(content: bytes, frame: int | None, max_pixels: int) -> Picture:
    """Decodes a TIFF: with tifffile if it has 16 bits, because Pillow cuts 16-bit colour to 8, else with Pillow."""
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        chosen, notes = choose_frame(frame, len(file.pages))
        page: Any = file.pages[chosen]
        if page.bitspersample not in (1, 2, 4, 8, 16):
            raise PictureError(f"expected 8 or 16 bits a channel, got {page.bitspersample}")
        check_size(page.imagewidth, page.imagelength, 1, max_pixels)
        if page.bitspersample != 16:
            return pillow.decode(content, frame, max_pixels)
        try:
            samples = decode_deep(page)
        except Exception as error:  # a compression that needs imagecodecs, CMYK, floats
            picture = pillow.decode(content, frame, max_pixels)
            if picture.pixels.dtype == np.uint16:
                return picture
            return picture.noted("16 bits are read as 8: " + " ".join(str(error).split()))
        described, orientation = tiff_metadata.read(io.BytesIO(content), page.offset)
        return assemble(samples, described.noted(*notes), orientation)


def decode_deep(page: Any) -> UInt16[np.ndarray, "h w"] | UInt16[np.ndarray, "h w c"]:
    """Decodes a 16-bit page to grey or RGB, with alpha if it has any.

    Raises:
      ValueError: samples of another kind.
    """
    samples = page.asarray()
    samples = np.moveaxis(samples, 0, -1) if page.axes == "SYX" else samples
    is_known = page.axes in ("YX", "YXS", "SYX") and page.samplesperpixel <= 4
    if not is_known or samples.dtype != np.uint16 or page.photometric not in (WHITE_IS_ZERO, BLACK_IS_ZERO, RGB):
        raise ValueError("only whole numbers of grey or RGB are read as 16")
    if page.photometric == WHITE_IS_ZERO:
        samples = 65535 - samples
    if page.extrasamples[:1] == (PREMULTIPLIED,):
        alpha = samples[..., -1:].astype(np.float32)
        colour = np.minimum(samples[..., :-1] * (65535 / np.maximum(alpha, 1)), 65535)
        samples = np.concatenate([np.round(colour).astype(np.uint16), samples[..., -1:]], axis=-1)
    return samples


def layout(path: str | os.PathLike[str]) -> tuple[tuple[int, ...], np.dtype] | None:
    """Returns shape and type of a TIFF that can be read by rows, else None: grey or RGB of 8 or 16 bits, no alpha."""
    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        is_known = (
            page.dtype in (np.uint8, np.uint16)
            and page.bitspersample in (8, 16)
            and (page.samplesperpixel, page.photometric) in ((1, BLACK_IS_ZERO), (3, RGB))
            and not page.extrasamples
            and page.axes in ("YX", "YXS")
            and page.compression in (UNCOMPRESSED, DEFLATE, OLD_DEFLATE, PACKBITS)
        )
        return (page.shape, np.dtype(page.dtype)) if is_known else None


def read_rows(path: str | os.PathLike[str], shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Yields the rows of a strip, or of a row of tiles, at a time: `[n, w]` or `[n, w, 3]`.

    Raises:
      ValueError: rows that are missing or broken.
    """
    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        across = -(-page.imagewidth // page.tilewidth) if page.is_tiled else 1
        segments = page.segments(maxworkers=1)
        count = 0
        while count < shape[0]:
            parts = []
            for data, _, size in itertools.islice(segments, across):
                if data is None:
                    raise ValueError("a part of the picture is missing")
                parts.append(data.reshape(data.shape[-3:])[: size[1], : size[2]])
            if not parts:
                raise ValueError(f"only {count} of {shape[0]} rows")
            rows = np.concatenate(parts, axis=1)[: shape[0] - count, : shape[1]]
            count += len(rows)
            yield rows.reshape(-1, *shape[1:])
