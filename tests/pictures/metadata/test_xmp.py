"""Tests ../../../jsr/pictures/metadata/xmp.py with ElementTree, a parser of its own."""

from xml.etree import ElementTree

import pytest

from jsr.pictures.metadata import xmp

RDF, DC = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}", "{http://purl.org/dc/elements/1.1/}"
TIFF, EXIF = "{http://ns.adobe.com/tiff/1.0/}", "{http://ns.adobe.com/exif/1.0/}"
GAIN_MAP = "{http://ns.adobe.com/hdr-gain-map/1.0/}"
REGIONS = "{http://www.metadataworkinggroup.com/schemas/regions/}Regions"
PACKET = """<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">
<rdf:Description rdf:about="" xmlns:tiff="http://ns.adobe.com/tiff/1.0/" xmlns:exif="http://ns.adobe.com/exif/1.0/"
 xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"
 xmlns:mwg-rs="http://www.metadataworkinggroup.com/schemas/regions/" hdrgm:Version="1.0" exif:PixelXDimension="4000"
 tiff:Orientation="6" tiff:Make="Camera &amp; Co.">
<tiff:ImageWidth>4000</tiff:ImageWidth><tiff:ImageLength>3000</tiff:ImageLength><exif:PixelYDimension>3000
</exif:PixelYDimension><dc:title><rdf:Alt><rdf:li xml:lang="x-default">Über &lt;alles&gt;</rdf:li></rdf:Alt></dc:title>
<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag><rdf:li>Ann</rdf:li></rdf:Bag></mwg-rs:RegionList>
</mwg-rs:Regions></rdf:Description></rdf:RDF></x:xmpmeta>
<?xpacket end="w"?>"""


def parsed(packet: bytes) -> tuple[set[str], set[str], str]:
    """Returns names of elements and of attributes, and the text."""
    root = ElementTree.fromstring(packet)
    attributes = {name for element in root.iter() for name in element.attrib}
    return {element.tag for element in root.iter()}, attributes, " ".join("".join(root.itertext()).split())


@pytest.mark.parametrize("has_orientation", [False, True])
@pytest.mark.parametrize("is_turned", [False, True])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_what_upscaling_makes_false_is_removed_and_nothing_else(has_orientation, is_turned, encoding):
    packet = PACKET.encode(encoding) + b" " * 2048 * (encoding == "utf-8")
    result = xmp.still_true(packet, has_orientation=has_orientation, is_turned=is_turned)
    before, after = parsed(PACKET.encode()), parsed(result)
    assert before[0] - after[0] == {TIFF + "ImageWidth", TIFF + "ImageLength", EXIF + "PixelYDimension"} | (
        {name for name in before[0] if REGIONS.removesuffix("Regions") in name} | {RDF + "Bag"} if is_turned else set()
    )
    assert before[1] - after[1] == {GAIN_MAP + "Version", EXIF + "PixelXDimension"} | (
        {TIFF + "Orientation"} if has_orientation else set()
    ) | ({RDF + "parseType"} if is_turned else set())
    assert after[2] == "Über <alles>" + " Ann" * (not is_turned)
    assert ElementTree.fromstring(result).find(f".//{RDF}Description[@{TIFF}Make='Camera & Co.']") is not None
    assert result.startswith(b'<?xpacket begin="\xef\xbb\xbf"') and result.endswith(b'<?xpacket end="w"?>')


def test_long_packets_are_refused():
    """Parsed, they would take gigabytes."""
    packet = b"<x>" + b"<a/>" * (xmp.MAX_PACKET // 4) + b"</x>"
    with pytest.raises(ValueError, match="at most"):
        xmp.still_true(packet, has_orientation=False, is_turned=False)
