"""IPTC records, which stand in an image resource of Photoshop (Adobe Photoshop File Formats, image resource blocks)."""

HEAD = b"Photoshop 3.0\0"  # of the resources, in JPEG
NUMBER = b"\x04\x04"  # of the resource
FIRST = b"\x1c"  # byte of records
MAX_JPEG = 65533 - len(HEAD) - 13  # bytes of records in a segment


def resource(records: bytes) -> bytes:
    """Returns the resource that holds records."""
    return b"8BIM" + NUMBER + bytes(2) + len(records).to_bytes(4, "big") + records + bytes(len(records) % 2)


def records(resources: bytes) -> bytes | None:
    """Returns the records among all resources of a file, with or without their head; None if there are none."""
    data, at = resources.removeprefix(HEAD), 0
    while data[at : at + 4] == b"8BIM" and at + 7 <= len(data):
        number = data[at + 4 : at + 6]
        at += 6 + (2 + data[at + 6]) // 2 * 2  # a name, whose length comes first, padded to an even length
        size = int.from_bytes(data[at : at + 4], "big")
        if number == NUMBER:
            return data[at + 4 : at + 4 + size] or None
        at += 4 + size + size % 2
    return None
