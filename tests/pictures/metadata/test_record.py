"""Tests ../../../jsr/pictures/metadata/record.py, with `jsr.infer`: what a file says of its picture, in the result."""

import io
import struct
import time
import zlib

import numpy as np
import pytest
import tifffile
from PIL import Image, PngImagePlugin

from jsr import infer, pictures
from jsr.pictures import Metadata
from jsr.pictures.metadata import exif, of_png
from jsr.pictures.metadata.record import Resolution
from tests import encoders
from tests.expected import loaded

RECORDS = b"".join(
    struct.pack(">BBBH", 0x1C, 2, number, len(value)) + value
    for number, value in ((5, b"Title"), (25, b"keyword"), (120, "Überschrift".encode()))
)
GAMMA = struct.pack(">I", 55000)
PRIMARIES = struct.pack(">8I", 31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)


def resource(records: bytes) -> bytes:
    """Returns image resources as Photoshop stores them, the records after another."""
    other = b"8BIM" + struct.pack(">HBxI", 0x0425, 0, 3) + b"abc\0"
    own = b"8BIM" + struct.pack(">HBxI", 0x0404, 0, len(records)) + records + b"\0" * (len(records) % 2)
    return b"Photoshop 3.0\0" + other + own


def jpeg(path, **options):
    """Writes a JPEG with all that it can hold."""
    options = {
        "exif": encoders.camera_exif(),
        "xmp": encoders.XMP,
        "comment": b"a comment",
        "dpi": (300, 150),
        **options,
    }
    content = encoders.saved(Image.fromarray(encoders.smooth()), "JPEG", **options)
    segment = resource(RECORDS)
    segment = b"\xff\xed" + struct.pack(">H", 2 + len(segment)) + segment
    path.write_bytes(content[:2] + segment + content[2:])


def with_chunks(path, *chunks, pixels=None):
    """Writes a PNG with chunks before its pixels."""
    content = encoders.saved(Image.fromarray(encoders.smooth() if pixels is None else pixels), "PNG")
    path.write_bytes(content[:33] + b"".join(encoders.chunk(*chunk) for chunk in chunks) + content[33:])


def chunks_of(path):
    """Returns type and data of all chunks of a PNG but its pixels."""
    content, at, chunks = path.read_bytes(), 8, []
    while at < len(content):
        length, tag = struct.unpack(">I4s", content[at : at + 8])
        data = content[at + 8 : at + 8 + length]
        assert content[at + 8 + length : at + 12 + length] == struct.pack(">I", zlib.crc32(tag + data))
        chunks += [(tag, data)] * (tag not in (b"IHDR", b"IDAT", b"IEND"))
        at += 12 + length
    return chunks


def upscaled(capsys, source, target) -> list[str]:
    """Upscales a file and returns the notes of it."""
    assert infer.main([str(source), "-o", str(target), "--model", "bicubic"]) == 0
    return [line.strip() for line in capsys.readouterr().out.splitlines()[1:]]


def test_jpeg_gives_a_jpeg_everything(tmp_path, capsys):
    jpeg(tmp_path / "a.jpg")
    assert upscaled(capsys, tmp_path / "a.jpg", tmp_path / "b.jpg") == []
    with Image.open(tmp_path / "b.jpg") as image:
        assert image.size == (128, 96)
        assert image.info["dpi"] == (300, 150) and image.info["comment"] == b"a comment"
        assert b"<dc:rights>nobody</dc:rights>" in image.info["xmp"]
        assert image.info["photoshop"] == {0x0404: RECORDS}
        assert image.getexif()[encoders.MAKE] == "Camera"


def test_jpeg_gives_a_png_everything(tmp_path, capsys):
    jpeg(tmp_path / "a.jpg")
    assert upscaled(capsys, tmp_path / "a.jpg", tmp_path / "b.png") == []
    with Image.open(tmp_path / "b.png") as image:
        assert isinstance(image, PngImagePlugin.PngImageFile)
        assert image.info["dpi"] == pytest.approx((300, 150), abs=0.02) and image.text["Comment"] == "a comment"
        assert b"<dc:rights>nobody</dc:rights>" in image.info["xmp"]
        name, length, *lines = image.text["Raw profile type iptc"].strip().split("\n")
        assert name == "8bim" and RECORDS in bytes.fromhex("".join(lines)) and int(length) == len("".join(lines)) // 2
        assert image.getexif()[encoders.MAKE] == "Camera"
    assert upscaled(capsys, tmp_path / "b.png", tmp_path / "c.jpg") == [
        "PNG's text (Comment) is not kept: not written to JPEG"
    ]
    with Image.open(tmp_path / "c.jpg") as image:
        assert image.info["photoshop"] == {0x0404: RECORDS} and image.info["dpi"] == (300, 150)


@pytest.mark.parametrize("depth", ["uint8", "uint16"])
def test_jpeg_and_png_give_a_tiff_everything(tmp_path, capsys, depth):
    jpeg(tmp_path / "a.jpg")
    if depth == "uint16":
        picture = pictures.read(tmp_path / "a.jpg")
        picture = picture._replace(pixels=picture.pixels.astype(np.uint16) * 257)
        pictures.write(tmp_path / "a.png", picture)
    source = tmp_path / ("a.jpg" if depth == "uint8" else "a.png")
    assert len(upscaled(capsys, source, tmp_path / "b.tif")) == 1  # a comment, or a text
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        (page,) = file.pages
        assert isinstance(page, tifffile.TiffPage)
        assert page.dtype == depth and page.shape == (96, 128, 3)
        tags = {tag.code: tag.value for tag in page.tags}
        assert (tags[282], tags[283], tags[296]) == ((300, 1), (150, 1), 2)
        assert b"<dc:rights>nobody</dc:rights>" in tags[700] and tags[33723] == RECORDS
        assert (
            tags[encoders.EXIF_IFD]["ExposureTime"] in (0.25, (1, 4))
            and tags[encoders.GPS_IFD]["GPSLatitudeRef"] == "N"
        )
    with Image.open(tmp_path / "b.tif") as image:  # libtiff decodes it too
        assert (
            np.abs(
                np.asarray(image).astype(int) - tifffile.imread(tmp_path / "b.tif") // 257 ** (depth == "uint16")
            ).max()
            <= 1
        )
        assert image.getexif()[encoders.ARTIST] == "Ann"


@pytest.mark.parametrize("suffix", ["webp", "avif"])
def test_formats_without_a_resolution_have_it_in_exif(tmp_path, capsys, suffix):
    jpeg(tmp_path / "a.jpg", exif=b"")
    assert upscaled(capsys, tmp_path / "a.jpg", tmp_path / f"b.{suffix}") == [
        f"IPTC is not kept: not written to {suffix.upper()}",
        f"the comment is not kept: not written to {suffix.upper()}",
    ]
    with Image.open(tmp_path / f"b.{suffix}") as image:
        assert b"<dc:rights>nobody</dc:rights>" in image.info["xmp"]
        assert {tag: image.getexif()[tag] for tag in (282, 283, 296)} == {282: 300, 283: 150, 296: 2}
    assert pictures.read(tmp_path / f"b.{suffix}").metadata.resolution == (300, 150, False)


@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "bmp"])
@pytest.mark.parametrize("source", ["png", "jpg", "tif", "bmp"])
def test_resolutions_of_fax_keep_their_numbers(tmp_path, capsys, source, suffix):
    """204 by 98 dots an inch: without them, a page is shown at half its height."""
    Image.fromarray(encoders.grey()).save(tmp_path / f"a.{source}", dpi=(204, 98))
    assert upscaled(capsys, tmp_path / f"a.{source}", tmp_path / f"b.{suffix}") == []
    with Image.open(tmp_path / f"b.{suffix}") as image:
        assert image.info["dpi"] == pytest.approx((204, 98), abs=0.02)


def test_resolutions_turn_with_the_picture(tmp_path):
    exif_ = encoders.camera_exif(6)
    exif_[282], exif_[283], exif_[296] = 204.0, 98.0, 2
    Image.fromarray(encoders.smooth()).save(tmp_path / "a.jpg", dpi=(204, 98), exif=exif_)
    metadata = pictures.read(tmp_path / "a.jpg").metadata
    assert metadata.resolution == (98, 204, False)
    tags = loaded(metadata.exif)
    assert (tags[282], tags[283]) == (98, 204)


def test_ratios_without_unit_are_kept(tmp_path, capsys):
    with_chunks(tmp_path / "a.png", (b"pHYs", struct.pack(">IIB", 59, 54, 0)))
    for suffix in ("png", "jpg", "tif"):
        assert upscaled(capsys, tmp_path / "a.png", tmp_path / f"b.{suffix}") == []
        assert pictures.read(tmp_path / f"b.{suffix}").metadata == Metadata(resolution=Resolution(59, 54, True))
    with Image.open(tmp_path / "b.jpg") as image:
        assert (image.info["jfif_unit"], image.info["jfif_density"]) == (0, (59, 54))
    with Image.open(tmp_path / "b.png") as image:
        assert image.info["aspect"] == (59, 54)


@pytest.mark.parametrize("depth", [8, 16])
def test_colour_chunks_and_text_of_png_are_copied(tmp_path, capsys, depth):
    colour = [(b"gAMA", GAMMA), (b"cHRM", PRIMARIES), (b"cICP", b"\x09\x10\x00\x01")]
    text = [
        (b"tEXt", b"parameters\0a tree, Steps: 40, Seed: 968002204"),
        (b"iTXt", b"Title\0\0\0de\0Titel\0" + "Tïtel".encode()),
        (b"zTXt", b"Comment\0\0" + zlib.compress(b"long")),
    ]
    with_chunks(tmp_path / "a.png", *colour, *text)
    if depth == 16:
        picture = pictures.read(tmp_path / "a.png")
        pictures.write(tmp_path / "a.png", picture._replace(pixels=picture.pixels.astype(np.uint16) * 257))
    assert upscaled(capsys, tmp_path / "a.png", tmp_path / "b.png") == []
    assert chunks_of(tmp_path / "b.png") == colour + text
    assert upscaled(capsys, tmp_path / "a.png", tmp_path / "b.webp")[depth == 16 :] == [
        "PNG's colour information (gAMA, cHRM, cICP) is not kept: not written to WEBP",
        "PNG's text (parameters, Title, Comment) is not kept: not written to WEBP",
    ]


def test_text_after_the_pixels_is_kept(tmp_path, capsys):
    content = encoders.saved(Image.fromarray(encoders.smooth()), "PNG")
    chunk = encoders.chunk(b"tEXt", b"parameters\0a tree")
    (tmp_path / "a.png").write_bytes(content[:-12] + chunk + content[-12:])
    assert upscaled(capsys, tmp_path / "a.png", tmp_path / "b.png") == []
    assert chunks_of(tmp_path / "b.png") == [(b"tEXt", b"parameters\0a tree")]


def test_chunks_that_say_srgb_are_no_loss(tmp_path, capsys):
    srgb = struct.pack(">8I", 31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    with_chunks(tmp_path / "a.png", (b"sRGB", b"\0"), (b"gAMA", struct.pack(">I", 45455)), (b"cHRM", srgb))
    assert upscaled(capsys, tmp_path / "a.png", tmp_path / "b.jpg") == []
    assert upscaled(capsys, tmp_path / "a.png", tmp_path / "b.png") == []
    assert [tag for tag, _ in chunks_of(tmp_path / "b.png")] == [b"sRGB", b"gAMA", b"cHRM"]


def test_other_chunks_are_noted_and_broken_ones_left_out(tmp_path, capsys):
    with_chunks(tmp_path / "a.png", (b"caBX", b"credentials"), (b"tIME", bytes(7)), (b"tEXt", b"a\0b"))
    assert upscaled(capsys, tmp_path / "a.png", tmp_path / "b.png") == ["PNG chunks caBX are not kept"]
    assert chunks_of(tmp_path / "b.png") == [(b"tEXt", b"a\0b")]
    content = (tmp_path / "a.png").read_bytes().replace(b"a\0b", b"a\0c")  # its checksum is wrong now
    metadata = of_png.read(io.BytesIO(content)).metadata
    assert metadata.text == () and metadata.notes == ("PNG chunks caBX, tEXt are not kept",)


def test_names_of_hostile_chunks_stay_in_their_line(tmp_path, capsys):
    with_chunks(tmp_path / "a.png", (b"tEXt", b"key\nword\x1b[0m\0b"))
    assert upscaled(capsys, tmp_path / "a.png", tmp_path / "b.jpg") == [
        "PNG's text (key?word?[0m) is not kept: not written to JPEG"
    ]


def test_many_chunks_take_seconds():
    """The time grows with their number, not with its square."""
    start = time.perf_counter()
    chunks = encoders.chunk(b"tEXt", b"a\0b") * 200_000
    metadata = of_png.read(io.BytesIO(bytes(8) + chunks)).metadata
    assert len(metadata.text) == 200_000 and time.perf_counter() - start < 20


@pytest.mark.parametrize("name", [b"exif", b"xmp", b"8bim"])
def test_texts_that_look_like_profiles(name):
    """A broken profile is noted; a text of the same name is a text."""
    for keyword, lost in ((b"Raw profile type " + name, 1), (name, 0)):
        content = bytes(8) + encoders.chunk(b"tEXt", keyword + b"\0no hexadecimal")
        metadata = of_png.read(io.BytesIO(content)).metadata
        assert len(metadata.text) == 1 - lost and metadata.notes == ("PNG chunks tEXt are not kept",) * lost


def test_exif_in_a_text_of_imagemagick_does_not_turn_the_result_again(tmp_path):
    block = b"Exif\0\0" + encoders.camera_exif(6).tobytes().removeprefix(b"Exif\0\0")
    text = b"\nexif\n%8d\n" % len(block) + block.hex().encode() + b"\n"
    with_chunks(tmp_path / "a.png", (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(text)))
    picture = pictures.read(tmp_path / "a.png")
    np.testing.assert_array_equal(picture.pixels, np.rot90(encoders.smooth(), -1))
    assert picture.metadata.text == () and loaded(picture.metadata.exif)[encoders.MAKE] == "Camera"


def test_orientation_in_xmp_alone_is_not_applied_and_stays(tmp_path):
    """Browsers, libvips and ImageMagick do not apply it; a reader that does treats source and result alike."""
    packet = encoders.XMP.replace(
        b"<dc:rights>", b'<tiff:Orientation xmlns:tiff="http://ns.adobe.com/tiff/1.0/">6</tiff:Orientation><dc:rights>'
    )
    for block, width, has_orientation in ((b"", 32, True), (encoders.camera_exif(6).tobytes(), 24, False)):
        Image.fromarray(encoders.smooth()).save(tmp_path / "a.jpg", xmp=packet, exif=block)
        picture = pictures.read(tmp_path / "a.jpg")
        assert picture.pixels.shape[1] == width
        assert (b"Orientation" in (picture.metadata.xmp or b"")) == has_orientation


def test_broken_xmp_and_hostile_xmp_are_noted(tmp_path):
    entities = b"".join(b'<!ENTITY e%d "%s">' % (i + 1, b"&e%d;" % i * 10) for i in range(9))
    bomb = b'<!DOCTYPE x [<!ENTITY e0 "0123456789">' + entities + b"]><x>&e9;</x>"
    for packet in (b"<x:xmpmeta", b"no XML", bomb):
        Image.fromarray(encoders.smooth()).save(tmp_path / "a.jpg", xmp=packet)
        assert pictures.read(tmp_path / "a.jpg").metadata == Metadata(notes=("its XMP is broken and not kept",))


def test_xmp_of_gif(tmp_path, capsys):
    content = encoders.saved(Image.fromarray(encoders.smooth()), "GIF", comment=b"a comment")
    trailer = b"\1" + bytes(range(255, -1, -1)) + b"\0"
    (tmp_path / "a.gif").write_bytes(content[:-1] + b"!\xff\x0bXMP DataXMP" + encoders.XMP + trailer + b";")
    assert upscaled(capsys, tmp_path / "a.gif", tmp_path / "b.png") == []
    with Image.open(tmp_path / "b.png") as image:
        assert isinstance(image, PngImagePlugin.PngImageFile)
        assert b"<dc:rights>nobody</dc:rights>" in image.info["xmp"] and image.text["Comment"] == "a comment"


def test_code_points_of_avif_become_those_of_png(tmp_path):
    content = encoders.saved(Image.fromarray(encoders.smooth()), "AVIF")
    at = content.index(b"colrnclx") + 8
    (tmp_path / "a.avif").write_bytes(content[:at] + struct.pack(">HH", 9, 16) + content[at + 4 :])
    assert pictures.read(tmp_path / "a.avif").metadata.colour == ((b"cICP", b"\x09\x10\x00\x01"),)


@pytest.mark.parametrize("is_big", [False, True])
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("order", ["<", ">"])
def test_exif_of_tiff_is_a_classic_block(tmp_path, capsys, is_big, dtype, order):
    """A BigTIFF's too: `II+` begins no EXIF."""
    if is_big and (order, dtype) == (">", "uint8"):
        pytest.skip("Pillow does not read it")
    pixels = encoders.smooth().astype(dtype)
    tags = [(271, 2, 0, "Camera", True), (700, 1, len(encoders.XMP), encoders.XMP, True), (65000, 3, 1, 7, True)]
    tifffile.imwrite(
        tmp_path / "a.tif",
        pixels,
        photometric="rgb",
        bigtiff=is_big,
        byteorder=order,
        extratags=tags,
        software=False,
        resolution=(118.11, 59.055),
        resolutionunit="CENTIMETER",
        description="a caption",
        metadata=None,
    )
    picture = pictures.read(tmp_path / "a.tif")
    assert picture.metadata.notes == ("TIFF tags 65000 are not kept",)
    assert picture.metadata.exif and picture.metadata.exif[6:10] in (b"II*\0", b"MM\0*")
    assert dict(loaded(picture.metadata.exif)) == {271: "Camera", 270: "a caption"}
    assert picture.metadata.resolution and picture.metadata.resolution[:2] == pytest.approx((300, 150), abs=0.01)
    for suffix in ("tif", "png", "jpg", "webp"):
        upscaled(capsys, tmp_path / "a.tif", tmp_path / f"b.{suffix}")
        with Image.open(tmp_path / f"b.{suffix}") as image:
            assert image.getexif()[271] == "Camera" and b"nobody" in image.info["xmp"]


@pytest.mark.parametrize(
    "description, note", [('{"shape": [24, 32, 3]}', 0), ("ImageJ=1.11a\nimages=3", 1), ("mine", 0)]
)
def test_descriptions_of_a_layout_are_not_kept(tmp_path, description, note):
    tifffile.imwrite(
        tmp_path / "a.tif", encoders.smooth(), photometric="rgb", description=description, metadata=None, software=False
    )
    metadata = pictures.read(tmp_path / "a.tif").metadata
    assert (metadata.exif is not None) == (description == "mine") and len(metadata.notes) == note


def test_broken_tags_of_exif_are_noted_and_the_others_kept():
    """A value that lies outside the block, as some cameras write, and a type that TIFF does not define."""
    entries = [(271, 2, 7, 62), (305, 2, 9, 60000), (306, 99, 1, 0), (exif.DETAILS, 4, 1, 99999)]
    block = b"II*\0\x08\0\0\0" + struct.pack("<H", 4) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    block += bytes(4) + b"Camera\0"
    content = encoders.saved(Image.fromarray(encoders.smooth()), "PNG", exif=b"Exif\0\0" + block)
    metadata = pictures.decode(content).metadata
    assert dict(loaded(metadata.exif)) == {271: "Camera"}
    assert metadata.notes == ("some tags of its EXIF are broken and not kept",)


def test_directories_in_a_circle_end():
    block = b"II*\0\x08\0\0\0" + struct.pack("<HHHIII", 1, exif.DETAILS, 4, 1, 8, 0)
    content = encoders.saved(Image.fromarray(encoders.smooth()), "PNG", exif=b"Exif\0\0" + block)
    assert pictures.decode(content).metadata.notes == ("some tags of its EXIF are broken and not kept",)


def test_values_of_a_short_file_take_bounded_memory():
    """Each of its 20,000 tags has all its bytes for a value: 5 GB."""
    entries = b"".join(struct.pack("<HHII", tag, 7, 240_000, 8) for tag in range(1000, 21000))
    with pytest.raises(ValueError, match="16 MB"):
        exif.parse(io.BytesIO(b"II*\0\x08\0\0\0" + struct.pack("<H", 20000) + entries + bytes(4)))


@pytest.mark.parametrize("is_deep", [False, True])
@pytest.mark.parametrize("suffix", ["png", "jpg", "tif", "webp", "bmp", "jxl"])
def test_profiles_of_other_colours_are_not_written(tmp_path, capsys, suffix, is_deep):
    """A grey profile beside RGB, or the reverse: libpng refuses such a file. WebP stores grey as RGB."""
    for icc, pixels in ((encoders.grey_profile(), encoders.smooth()), (encoders.SRGB, encoders.grey())):
        picture = pictures.Picture(pixels.astype(np.uint16) * 257 if is_deep else pixels, metadata=Metadata(icc))
        notes = pictures.write(tmp_path / f"a.{suffix}", picture)
        names = ("grey", "RGB") if pixels.ndim == 3 else ("RGB", "grey")
        if suffix == "webp" and names[0] == "RGB":
            continue
        assert f"the colour profile is not kept: it is for {names[0]}, the result is {names[1]}" in notes
        if suffix != "jxl":
            with Image.open(tmp_path / f"a.{suffix}") as image:
                assert "icc_profile" not in image.info


@pytest.mark.parametrize("suffix", ["png", "webp"])
def test_animations_have_their_metadata(tmp_path, capsys, suffix):
    """A grey APNG with a grey profile, which is false beside the RGB that WebP makes of grey."""
    frames = [Image.fromarray(encoders.grey() // divisor) for divisor in (1, 2)]
    text = PngImagePlugin.PngInfo()
    text.add_text("parameters", "a tree")
    exif_ = encoders.camera_exif()
    frames[0].save(
        tmp_path / "a.png", save_all=True, append_images=frames[1:], duration=100, icc_profile=encoders.grey_profile(),
        pnginfo=text, exif=exif_, dpi=(300, 300),
    )  # fmt: skip
    notes = upscaled(capsys, tmp_path / "a.png", tmp_path / f"b.{suffix}")
    is_lost = "the colour profile is not kept: it is for grey, the result is RGB" in notes
    assert is_lost == (suffix == "webp")
    assert ("PNG's text (parameters) is not kept: not written to WEBP" in notes) == (suffix == "webp")
    with Image.open(tmp_path / f"b.{suffix}") as image:
        assert image.n_frames == 2 and ("icc_profile" in image.info) != is_lost  # pyright: ignore[reportAttributeAccessIssue]
        assert image.getexif()[encoders.MAKE] == "Camera"
        if suffix == "png":
            assert image.info["parameters"] == "a tree" and image.info["dpi"] == pytest.approx((300, 300), abs=0.01)


def test_what_phones_put_beside_a_photograph_is_named(tmp_path):
    """A second picture, as for HDR, and a video behind the end of the JPEG."""
    photo = Image.fromarray(encoders.smooth())
    photo.save(tmp_path / "a.jpg", format="MPO", save_all=True, append_images=[photo.resize((8, 8))])
    photo.save(tmp_path / "b.jpg")
    with (tmp_path / "b.jpg").open("ab") as file:
        file.write(b"\0\0\0\x18ftypmp42" + bytes(100))
    (beside,) = pictures.read(tmp_path / "a.jpg").metadata.notes
    assert beside == "what stands beside the photograph is not kept, such as a map of HDR or of depth"
    assert pictures.read(tmp_path / "b.jpg").metadata.notes == ("its video is not kept",)
    assert pictures.read(tmp_path / "a.jpg", frame=1).pixels.shape == (8, 8, 3)
