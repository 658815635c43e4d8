"""TIFF files: 16-bit colour, and pictures larger than memory."""

import io
import itertools
import zlib
from typing import Any

import numpy as np
import tifffile
from PIL import Image

from jsr.errors import PictureError
from jsr.pictures import pillow
from jsr.pictures.picture import assemble, check_size, choose_frame

TIFF_HEADS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def read(content, frame, max_pixels):
    """Reads TIFF: by tifffile where it has 16 bits, of which Pillow cuts colour to 8, else as any other."""
    with tifffile.TiffFile(io.BytesIO(content)) as file:
        chosen, notes = choose_frame(frame, len(file.pages))
        page: Any = file.pages[chosen]
        if page.bitspersample not in (1, 2, 4, 8, 16):
            raise PictureError(f"expected 8 or 16 bits a channel, got {page.bitspersample}")
        check_size(page.imagewidth, page.imagelength, 1, max_pixels)
        if page.bitspersample != 16:
            return pillow.read(content, frame, max_pixels)
        try:
            samples = _decode_tiff(page)
        except Exception as error:  # a compression that needs imagecodecs, CMYK, floats
            picture = pillow.read(content, frame, max_pixels)
            if picture.pixels.dtype == np.uint16:
                return picture
            note = "16 bits are read as 8: " + " ".join(str(error).split())
            return picture._replace(notes=(*picture.notes, note))
        return assemble(samples, page.iccprofile, lambda: _tiff_exif(content), notes, is_tiff=True)


def _decode_tiff(page):
    samples = page.asarray()
    samples = np.moveaxis(samples, 0, -1) if page.axes == "SYX" else samples
    is_known = page.axes in ("YX", "YXS", "SYX") and page.samplesperpixel <= 4
    if not is_known or samples.dtype != np.uint16 or page.photometric not in (0, 1, 2):
        raise ValueError("only whole numbers of grey or RGB are read as 16")
    if page.photometric == 0:  # white is zero
        samples = 65535 - samples
    if page.extrasamples[:1] == (1,):  # the colours are multiplied by alpha
        alpha = samples[..., -1:].astype(np.float32)
        colour = np.minimum(samples[..., :-1] * (65535 / np.maximum(alpha, 1)), 65535)
        samples = np.concatenate([np.round(colour).astype(np.uint16), samples[..., -1:]], axis=-1)
    return samples


def _tiff_exif(content):
    if b"+" in content[:4]:  # BigTIFF, of which Pillow reads whole files only
        with pillow.opened(content) as image:
            return image.getexif()
    about = Image.Exif()
    about.load_from_fp(io.BytesIO(content))
    return about


BLOCK = 64  # rows read or written at a time
MAX_TIFF = 4_000_000_000  # bytes; what is larger needs BigTIFF


def write_rows(file, bands, shape, dtype, icc):
    def encoded():
        for rows in _blocks(bands):
            # Predictor 2: each value as its difference from the one on its left.
            rows[:, 1:] -= rows[:, :-1].copy()
            yield zlib.compress(rows.tobytes())

    tifffile.imwrite(
        file,
        encoded(),
        shape=shape if shape[2] == 3 else shape[:2],
        dtype=dtype,
        rowsperstrip=BLOCK,
        photometric="rgb" if shape[2] == 3 else "minisblack",
        compression="zlib",
        predictor=True,
        planarconfig="contig" if shape[2] == 3 else None,
        iccprofile=icc,
        metadata=None,
        bigtiff=np.prod(shape, dtype=np.int64) * dtype.itemsize > MAX_TIFF,
    )


def _blocks(bands):
    """Cuts bands into blocks of equally many rows, but for the last."""
    rest = None
    for band in bands:
        rest = band if rest is None else np.concatenate([rest, band])
        whole = len(rest) // BLOCK * BLOCK
        for y in range(0, whole, BLOCK):
            yield rest[y : y + BLOCK].copy()
        rest = rest[whole:]
    if rest is not None and len(rest):
        yield rest.copy()


def layout(path, image):
    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        planes = page.samplesperpixel
        is_known = (
            page.dtype in (np.uint8, np.uint16)
            and page.bitspersample in (8, 16)
            and (planes, page.photometric) in ((1, 1), (3, 2))
            and not page.extrasamples
            and page.axes in ("YX", "YXS")
            and page.compression in (1, 8, 32946, 32773)
        )
        if not is_known:
            return None
        shape, dtype = page.shape, page.dtype
    return shape, dtype, lambda: _tiff_blocks(path, shape)


def _tiff_blocks(path, shape):
    """Yields rows of strips, or of rows of tiles."""
    with tifffile.TiffFile(path) as file:
        page: Any = file.pages[0]
        across = -(-page.imagewidth // page.tilewidth) if page.is_tiled else 1
        segments = page.segments(maxworkers=1)
        done = 0
        while done < shape[0]:
            parts = []
            for data, _, size in itertools.islice(segments, across):
                if data is None:
                    raise ValueError("a part of the picture is missing")
                parts.append(data.reshape(data.shape[-3:])[: size[1], : size[2]])
            if not parts:
                raise ValueError(f"only {done} of {shape[0]} rows")
            rows = np.concatenate(parts, axis=1)[: shape[0] - done, : shape[1]]
            done += len(rows)
            yield rows.reshape(-1, *shape[1:])
