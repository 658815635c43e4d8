"""TIFF files, read by tifffile and the decoders of imagecodecs: pictures, rasters, pictures larger than memory."""

import io
import itertools
import os
from collections.abc import Iterator
from typing import Any, BinaryIO, NamedTuple

import imagecodecs
import numpy as np
import tifffile
from jaxtyping import Shaped, UInt8
from tifffile import COMPRESSION, EXTRASAMPLE, PHOTOMETRIC, SAMPLEFORMAT

from jsr.errors import PictureError
from jsr.pictures.codecs import deep, pillow
from jsr.pictures.codecs.tiff import lzw
from jsr.pictures.metadata import exif, geotiff, of_tiff
from jsr.pictures.metadata.record import Described, Metadata
from jsr.pictures.picture import Picture, assemble, check_size, choose_frame
from jsr.pictures.raster import Raster

SIGNATURES = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # the last two are those of BigTIFF
BYTES_A_PIXEL = 8  # of four channels of 16 bits; a limit of pixels is a limit of so many bytes
# Compressions that are read by rows: none, LZW, Deflate by its two numbers, PackBits, LZMA, Zstandard.
LOSSLESS = (1, 5, 8, 32946, 32773, 34925, 50000)
# What Pillow decodes instead: JPEG, because imagecodecs leaves the memory as it was where the content is broken, and
# colours that tifffile does not convert.
JPEG = (COMPRESSION.OJPEG, COMPRESSION.JPEG)
CONVERTED = (PHOTOMETRIC.YCBCR, PHOTOMETRIC.CIELAB, PHOTOMETRIC.ICCLAB, PHOTOMETRIC.ITULAB)
COLOURS = {PHOTOMETRIC.RGB: 3, PHOTOMETRIC.YCBCR: 3, PHOTOMETRIC.SEPARATED: 4}  # channels; else 1
PREMULTIPLIED, STRAIGHT = EXTRASAMPLE.ASSOCALPHA, EXTRASAMPLE.UNASSALPHA


def decode(content: bytes, frame: int | None, max_pixels: int) -> Picture | Raster:
    """Decodes a page: a picture if it has grey, RGB or CMYK of whole numbers up to 16 bits, else a raster.

    Raises:
      PictureError: no such page, or more pixels than allowed.
      Exception: any, of the libraries, if it is broken or of an unknown kind.
    """
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        chosen, notes = choose_frame(frame, len(file.pages))
        page = _page(file, chosen)
        check_size(page.imagewidth, page.imagelength, 1, max_pixels)
        size = page.imagewidth * page.imagelength * page.samplesperpixel * page.bitspersample // 8
        if size > BYTES_A_PIXEL * max_pixels:
            raise PictureError(
                f"{page.imagewidth}x{page.imagelength} with {page.samplesperpixel} bands: more than"
                f" {max_pixels / 10**6:g} million pixels of {BYTES_A_PIXEL} bytes; --max-pixels sets this limit"
            )
        if _is_for_pillow(page):
            return pillow.decode(content, frame, max_pixels)
        if not _is_complete(page, len(content)):
            raise ValueError("it ends before its pixels do")
        if page.compression == COMPRESSION.LZW:
            for _ in _segments(page):
                pass  # each is checked
        samples = page.asarray()
        samples = np.moveaxis(samples, 0, -1) if page.axes == "SYX" else samples
        if page.axes not in ("YX", "YXS", "SYX"):
            raise ValueError(f"expected a flat picture, got axes {page.axes}")
        described = of_tiff.read(io.BytesIO(content), page.offset)
        described = described._replace(metadata=described.metadata.noted(*notes))
        samples = samples.reshape(*samples.shape[:2], -1)
        if _has_bands(page):
            return _raster(page, samples, described)
        return _picture(page, samples, described)


def _page(file: tifffile.TiffFile, number: int) -> Any:
    """Returns a page whose size and depth are numbers.

    Raises:
      ValueError: they are not.
    """
    # Of a tag of a wrong type, tifffile gives a tuple or bytes, whose product with a number can be any length.
    page: Any = file.pages[number]
    if not all(isinstance(n, int) for n in (page.imagewidth, page.imagelength, page.samplesperpixel)):
        raise ValueError("its size is no number")
    if not isinstance(page.bitspersample, int):
        raise ValueError(f"expected channels of one depth, got {page.bitspersample} bits")
    return page


def _is_complete(page: Any, size: int) -> bool:
    """Tells whether a file of a size holds all that a page claims; memory for the rest would be allocated first."""
    ends = [start + count for start, count in zip(page.dataoffsets, page.databytecounts, strict=False) if count]
    return max(ends, default=0) <= size


def _segments(page: Any) -> Iterator[tuple[bytes | None, int]]:
    """Yields strips or tiles as they are stored, with their numbers.

    Raises:
      ValueError: LZW that imagecodecs must not be given.
    """
    for data, index in page.parent.filehandle.read_segments(page.dataoffsets, page.databytecounts):
        if page.compression == COMPRESSION.LZW and data is not None:
            lzw.check(imagecodecs.bitorder_decode(data) if page.fillorder == 2 else data)
        yield data, index


def _is_for_pillow(page: Any) -> bool:
    """Tells whether Pillow decodes a page."""
    return (page.compression in JPEG and page.bitspersample == 8) or (page.photometric in CONVERTED and _is_whole(page))


def _has_bands(page: Any) -> bool:
    """Tells whether a page is a raster: of other numbers than a picture, or with channels besides colours and alpha."""
    bands = page.samplesperpixel - COLOURS.get(page.photometric, 1) - _has_alpha(page)
    return not _is_whole(page) or bands > 0


def _is_whole(page: Any) -> bool:
    """Tells whether samples are unsigned whole numbers of up to 16 bits."""
    return page.sampleformat in (SAMPLEFORMAT.UINT, SAMPLEFORMAT.VOID) and page.bitspersample <= 16


def _has_alpha(page: Any) -> bool:
    return tuple(page.extrasamples[:1]) in ((PREMULTIPLIED,), (STRAIGHT,))


def _raster(page: Any, samples: Shaped[np.ndarray, "h w bands"], described: Described) -> Raster:
    upright = np.ascontiguousarray(exif.upright(samples, described.orientation))
    is_rgb = page.photometric == PHOTOMETRIC.RGB and samples.shape[2] >= 3
    missing = page.nodata if 42113 in page.tags else None  # GDAL's tag
    upright = upright.astype(upright.dtype.newbyteorder("="), copy=False)
    return Raster(upright, is_rgb, missing, described.metadata)


def _picture(page: Any, samples: Shaped[np.ndarray, "h w c"], described: Described) -> Picture:
    if page.photometric == PHOTOMETRIC.PALETTE:
        return assemble(_coloured(page, samples[..., 0]), *described)
    samples = deep.from_bits(samples, page.bitspersample)
    top = np.iinfo(samples.dtype).max
    if page.photometric == PHOTOMETRIC.MINISWHITE:
        samples[..., 0] = top - samples[..., 0]
    if _has_alpha(page) and page.extrasamples[0] == PREMULTIPLIED:
        alpha = samples[..., -1:].astype(np.float32)
        colours = np.minimum(samples[..., :-1] * (top / np.maximum(alpha, 1)), top)
        samples = np.concatenate([np.round(colours).astype(samples.dtype), samples[..., -1:]], axis=-1)
    if page.photometric == PHOTOMETRIC.SEPARATED:
        return _from_cmyk(samples, described)
    return assemble(samples, *described)


def _coloured(page: Any, indices: Shaped[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w 3"]:
    """Looks colours up in the page's table; some programs store 8 bits there, although the standard says 16."""
    table = page.colormap.T
    table = table if table.max() < 256 else table >> 8
    return table.astype(np.uint8)[indices]


def _from_cmyk(samples: Shaped[np.ndarray, "h w c"], described: Described) -> Picture:
    """Returns sRGB of inks, whose profiles are for 8 bits."""
    notes = ()
    if samples.dtype == np.uint16:
        samples, notes = np.round(samples / 257).astype(np.uint8), ("16 bits are read as 8: CMYK is converted so",)
    alpha = samples[..., 4:5]
    colours, description = pillow.from_cmyk(np.ascontiguousarray(samples[..., :4]), described.metadata)
    return assemble(np.concatenate([colours, alpha], axis=-1), description.noted(*notes), described.orientation)


def is_raster(file: BinaryIO) -> bool:
    """Tells by its head whether a TIFF holds what other formats do not: a raster, or a place on the earth.

    Raises:
      Exception: any, of tifffile, if it is broken.
    """
    file.seek(0)
    with tifffile.TiffFile(file) as pages:
        page = _page(pages, 0)
        is_placed = any(tag in page.tags for tag in geotiff.TAGS)
        return is_placed or (_has_bands(page) and not _is_for_pillow(page))


class Layout(NamedTuple):
    """What a TIFF holds that can be read by rows."""

    shape: tuple[int, ...]  # [h, w] or [h, w, 3]
    dtype: np.dtype
    metadata: Metadata


def layout(content: BinaryIO) -> Layout | None:
    """Returns the layout of a TIFF that can be read by rows, else None: one page, upright, grey or RGB, no alpha.

    Raises:
      Exception: any, of tifffile, if it is broken.
    """
    size = content.seek(0, os.SEEK_END)
    content.seek(0)
    with tifffile.TiffFile(content) as file:
        page = _page(file, 0)
        is_known = (
            len(file.pages) == 1
            and page.dtype in (np.uint8, np.uint16)
            and page.bitspersample in (8, 16)
            and (page.samplesperpixel, page.photometric) in ((1, PHOTOMETRIC.MINISBLACK), (3, PHOTOMETRIC.RGB))
            and not page.extrasamples
            and page.axes in ("YX", "YXS")
            and page.compression in LOSSLESS
            and _is_complete(page, size)
        )
        described = of_tiff.read(content, page.offset)
        if not is_known or described.orientation != exif.UPRIGHT:
            return None
        return Layout(page.shape, np.dtype(page.dtype), described.metadata)


def read_rows(path: str | os.PathLike[str], shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    """Yields the rows of a strip, or of a row of tiles, at a time: `[n, w]` or `[n, w, 3]`.

    Raises:
      ValueError: rows that are missing or broken.
    """
    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        across = -(-page.imagewidth // page.tilewidth) if page.is_tiled else 1
        segments = (page.decode(data, index) for data, index in _segments(page))
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
