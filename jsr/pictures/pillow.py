"""Picture files that Pillow decodes."""

import io

import numpy as np
import png
from PIL import Image, ImageCms

from jsr.errors import PictureError
from jsr.pictures import png_rows
from jsr.pictures.picture import assemble, check_size, choose_frame

# No others of Pillow's: that of EPS, for one, runs Ghostscript.
DECODERS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "JPEG2000", "PPM")
Image.MAX_IMAGE_PIXELS = None  # Pillow's own bound, which is no argument


def opened(content: bytes) -> Image.Image:
    """Opens what Pillow knows, without reading pixels yet."""
    if not content:
        raise PictureError("the file is empty")
    image = Image.open(io.BytesIO(content), formats=DECODERS)
    if image.format == "PNG" and content[24] in (2, 4) and image.mode == "L":
        # Pillow spreads few levels of grey over all 256, but not the one that is transparent.
        if "transparency" in image.info:
            image.info["transparency"] *= 255 // (2 ** content[24] - 1)
    return image


def read(content, frame, max_pixels):
    """Reads anything that Pillow knows; 16-bit PNG by pypng, for Pillow cuts colour to 8 bits."""
    with opened(content) as image:
        check_size(*image.size, 1, max_pixels)
        frame, notes = choose_frame(frame, getattr(image, "n_frames", 1))
        if frame:
            image.seek(frame)
            check_size(*image.size, 1, max_pixels)
        image.load()  # metadata may follow the pixels
        is_png = image.format == "PNG"
        is_deep = is_png and content[24] == 16
        # To count the first picture takes a third of the time of reading it; pypng would read on for ever.
        if is_png and (is_deep or frame or _may_lack_rows(image, is_interlaced=bool(content[28]))):
            png_rows.check(content)
        if "xmp" in image.info:
            notes += ("XMP metadata are not kept",)
        icc = image.info.get("icc_profile")
        if is_deep and not frame:
            samples = _decode_png(content)
        elif image.mode == "CMYK":
            samples = np.asarray(_from_cmyk(image, icc))
            notes += ("CMYK is turned into sRGB" + (", without its colour profile" * bool(icc)),)
            icc = None
        else:
            samples = decode_frame(image)
            if is_deep and samples.dtype == np.uint8:
                notes += ("16 bits are read as 8: only the first frame is read as 16",)
        return assemble(samples, icc, image.getexif, notes, is_tiff=image.format == "TIFF")


def _may_lack_rows(image, *, is_interlaced):
    """Whether rows of a PNG may be missing, which Pillow leaves zero; interlaced ones come in no order."""
    last_row = image.crop((0, image.height - 1, *image.size))
    return is_interlaced or last_row.getbbox() is None


def decode_frame(image: Image.Image) -> np.ndarray:
    """Returns the samples `[h, w]` or `[h, w, c]` of the frame that Pillow stands at; the last of 2 or 4 is alpha."""
    if image.mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if image.mode in ("I", "F", "LAB"):
        raise PictureError(f"expected grey or RGB of 8 or 16 bits, got Pillow's mode {image.mode}")
    is_grey = image.mode in ("1", "L", "LA", "La")
    is_transparent = image.has_transparency_data  # a channel, a palette's, or one colour
    return np.asarray(image.convert(("L" if is_grey else "RGB") + "A" * is_transparent))


def _from_cmyk(image, icc):
    """Returns the picture in sRGB, by its colour profile where it has a valid one."""
    try:
        profile, srgb = io.BytesIO(icc or b""), ImageCms.createProfile("sRGB")
        return ImageCms.profileToProfile(image, profile, srgb, outputMode="RGB")
    except (OSError, ImageCms.PyCMSError):
        return image.convert("RGB")


def _decode_png(content):
    width, height, rows, info = png.Reader(bytes=content).read()
    samples = np.empty((height, width * info["planes"]), np.uint16)
    for target, row in zip(samples, rows, strict=True):
        target[:] = row
    samples = samples.reshape(height, width, info["planes"])
    if "transparent" not in info:
        return samples
    is_opaque = (samples != np.array(info["transparent"])).any(axis=-1, keepdims=True)
    return np.concatenate([samples, np.where(is_opaque, 65535, 0)], axis=-1).astype(np.uint16)
