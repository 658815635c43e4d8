"""XMP: a packet of properties in XML, kept without those that upscaling makes false (ISO 16684-1; XMP, part 2)."""

from xml.dom import minidom

MAX_PACKET = 1 << 23  # bytes; parsed, a packet takes tens of times its size
TIFF, EXIF = "http://ns.adobe.com/tiff/1.0/", "http://ns.adobe.com/exif/1.0/"
ORIENTATION = {(TIFF, "Orientation")}
SIZES = {(TIFF, "ImageWidth"), (TIFF, "ImageLength"), (EXIF, "PixelXDimension"), (EXIF, "PixelYDimension")}
# What points to parts of the old file that follow its picture: a gain map, a video, a depth map, more XMP.
PARTS = {
    "http://ns.adobe.com/hdr-gain-map/1.0/",
    "http://ns.google.com/photos/1.0/container/",
    "http://ns.google.com/photos/1.0/camera/",
    "http://ns.adobe.com/xmp/note/",
}
REGIONS = {("http://www.metadataworkinggroup.com/schemas/regions/", "Regions")}  # faces, in the picture before its turn
BEGIN = b'<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>'
END = b'<?xpacket end="w"?>'


def still_true(packet: bytes, *, has_orientation: bool, is_turned: bool) -> bytes:
    """Returns a packet without sizes, and without pointers to other parts of its file.

    Args:
      has_orientation: whether EXIF gave an orientation, which is applied; that of XMP is then removed too. Else it
        stays, and is not applied: browsers, libvips and ImageMagick do not turn a picture by it alone, Pillow does.
      is_turned: whether the picture was turned, so that regions, which lie in the picture before, are false.

    Raises:
      Exception: any, of the XML parser, if the packet is broken.
    """
    if len(packet) > MAX_PACKET:
        raise ValueError(f"expected at most {MAX_PACKET} bytes, got {len(packet)}")
    is_utf_16 = b"\0" in packet[:4]
    document = minidom.parseString(packet if is_utf_16 else packet.strip(b"\0 \t\r\n"))
    false = SIZES | (ORIENTATION if has_orientation else set()) | (REGIONS if is_turned else set())
    elements = [node for node in document.getElementsByTagName("*") if node.nodeType == node.ELEMENT_NODE]
    for element in elements:
        for attribute in list((element.attributes or {}).values()):
            if _is_false(attribute, false):
                element.removeAttributeNode(attribute)
        if _is_false(element, false) and element.parentNode is not None:
            element.parentNode.removeChild(element)
    assert document.documentElement is not None
    return BEGIN + document.documentElement.toxml().encode() + END


def _is_false(node: minidom.Attr | minidom.Element, false: set[tuple[str, str]]) -> bool:
    return (node.namespaceURI, node.localName) in false or node.namespaceURI in PARTS
