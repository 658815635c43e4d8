"""Arrays in files: NumPy's own, and the slices that DICOM holds (extra `formats`)."""

import io
from typing import Any

import numpy as np
from jaxtyping import Shaped

from jsr.errors import PictureError
from jsr.pictures import formats
from jsr.pictures.metadata.record import Metadata
from jsr.pictures.picture import Picture, assemble, check_size, choose_frame
from jsr.pictures.raster import Raster

NPY, DICOM = b"\x93NUMPY", b"DICM"
DICOM_AT = 128  # bytes before its signature


def decode_npy(content: bytes, max_pixels: int) -> Picture | Raster:
    """Decodes an array `[h, w]` or `[h, w, c]`: a picture if it is uint8 or uint16 with 1 to 4 channels, else a raster.

    Raises:
      PictureError: another shape, or more pixels than allowed.
      ValueError: it is broken, or holds objects.
    """
    file = io.BytesIO(content)
    version = np.lib.format.read_magic(file)
    read_head = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, _, dtype = read_head(file)
    if len(shape) not in (2, 3) or not all(shape) or dtype.kind not in "uif":
        raise PictureError(f"expected numbers [h, w] or [h, w, bands], got {dtype} {list(shape)}")
    check_size(shape[1], shape[0], 1, max_pixels)
    samples = np.load(io.BytesIO(content), allow_pickle=False)
    samples = np.atleast_3d(samples.astype(dtype.newbyteorder("="), copy=False))
    if samples.dtype in (np.uint8, np.uint16) and samples.shape[2] <= 4:
        return assemble(samples, Metadata(), 1)
    return Raster(samples)


def decode_dicom(content: bytes, frame: int | None, max_pixels: int) -> Picture | Raster:
    """Decodes a slice: measurements in their own unit, such as Hounsfield's, as a raster; colours as a picture.

    Raises:
      PictureError: no such slice, more pixels than allowed, or a missing package.
      Exception: any, of pydicom, if it is broken.
    """
    try:
        import pydicom
        from pydicom.pixels import apply_modality_lut
    except ImportError as error:
        raise PictureError(f"DICOM {formats.MISSING}") from error
    dataset = pydicom.dcmread(io.BytesIO(content))
    frame, notes = choose_frame(frame, int(dataset.get("NumberOfFrames") or 1))
    check_size(dataset.Columns, dataset.Rows, 1, max_pixels)
    samples = dataset.pixel_array if frame == 0 and not notes else dataset.pixel_array[frame]
    metadata = Metadata(notes=(*notes, "what DICOM says of patient and device is not kept"))
    if dataset.SamplesPerPixel == 3 and samples.dtype == np.uint8:
        return assemble(samples, metadata, 1)
    return Raster(np.atleast_3d(_compact(apply_modality_lut(samples, dataset))), metadata=metadata)


def _compact(values: Shaped[np.ndarray, "*shape"]) -> Any:
    """Returns whole numbers as int16 or int32, others as float32: pydicom rescales in float64."""
    if values.dtype.kind == "f":
        if (values != np.round(values)).any():
            return values.astype(np.float32)
        values = values.astype(np.int64)
    return values.astype(np.int16 if abs(values).max(initial=0) < 2**15 else np.int32)
