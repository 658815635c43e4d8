"""The metadata of a TIFF: its tags, as tifffile does not sort them by what is true of a larger picture."""

import io
import re
import struct
from typing import BinaryIO

from jsr.pictures.metadata import exif, geotiff, iptc
from jsr.pictures.metadata.exif import Directory, Value
from jsr.pictures.metadata.record import Described, Metadata, described, of_tags

XMP, IPTC, PHOTOSHOP, ICC = 700, 33723, 34377, 34675
# Tags of the layout: nothing of the picture is lost with them.
LAYOUT = {
    *(254, 255, *range(256, 260), *range(262, 267), 273, 274, *range(277, 282), 284, *range(288, 294), 297, 317),
    *(exif.X_RESOLUTION, exif.Y_RESOLUTION, exif.RESOLUTION_UNIT),
    *(320, *range(322, 326), 330, *range(332, 343), 347, *range(512, 522), *range(529, 533), 559, ICC),
}
OTHER_LAYOUT = re.compile(rb'\{"shape|ImageJ=|.{0,200}<OME ', re.DOTALL)  # descriptions that hold sizes


def read(file: BinaryIO | io.BytesIO, offset: int) -> Described:
    """Reads the metadata of a page of a TIFF or BigTIFF, whose directory is at an offset."""
    own = {exif.X_RESOLUTION, exif.Y_RESOLUTION, exif.RESOLUTION_UNIT, exif.WIDTH, exif.HEIGHT, exif.ORIENTATION}
    own |= {XMP, IPTC, PHOTOSHOP, ICC}
    try:
        tags = exif.parse(file, offset=offset, wanted=own | exif.DESCRIPTIVE | geotiff.TAGS)
    except (OSError, OverflowError, ValueError, struct.error):
        return Described(Metadata(notes=("its tags are broken and not kept",)))
    values = {tag: value for tag, value in tags.directory.items() if isinstance(value, Value)}
    data = {tag: value.data for tag, value in values.items()}
    notes = ()
    others = sorted(set(tags.skipped) - LAYOUT)
    if others:
        more = f" and {len(others) - 5} others" * (len(others) > 5)
        notes += (f"TIFF tags {', '.join(map(str, others[:5]))}{more} are not kept",)
    place = {tag: value for tag, value in values.items() if tag in geotiff.TAGS}
    if place and tags.orientation != exif.UPRIGHT:
        place = {}
        notes += ("GeoTIFF's place on the earth is not kept: the picture is turned",)
    descriptive: Directory = {
        tag: value
        for tag, value in tags.directory.items()
        if tag in (exif.DESCRIPTIVE | {exif.ORIENTATION}) and getattr(value, "type", None) != exif.LONG8
    }
    if OTHER_LAYOUT.match(data.get(exif.DESCRIPTION, b"")):
        del descriptive[exif.DESCRIPTION]
        if not data[exif.DESCRIPTION].startswith(b"{"):
            notes += ("its description is not kept: it gives the sizes of the old file",)
    height, width = (int(tags.number(tag)) for tag in (exif.HEIGHT, exif.WIDTH))
    metadata = Metadata(
        icc=data.get(ICC),
        notes=notes,
        iptc=data.get(IPTC) or iptc.records(data.get(PHOTOSHOP, b"")),
        resolution=of_tags(tags),
    )
    if place and height and width:
        geography = geotiff.Geography(exif.little_endian(tags.order, place), height, width)
        metadata = metadata._replace(geography=geography)
    # A maker note would have to keep its offset, which may be that of pixels.
    block = exif.block(tags._replace(directory=descriptive, maker_note=None))
    block, has_note = exif.without_maker_note(block) if block else (None, False)
    return described(metadata.noted(*(exif.MOVED,) * has_note), block, data.get(XMP))
