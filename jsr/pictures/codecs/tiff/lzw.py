"""LZW as TIFF has it, checked before imagecodecs decodes it.

The first code of a table must be a byte. imagecodecs 2026.3.6 takes any, and then reads memory that is not its own.
"""

import numpy as np

CLEAR, END = 256, 257
TABLE = np.arange(4096)  # numbers of the codes of a table; of more, the decoder refuses it
# Encoders begin a new table when it is full, or after 254 codes if they compress nothing. Shorter ones would take long.
FEWEST_CODES, SPARE_TABLES = 128, 64


def check(data: bytes) -> None:
    """Checks the codes of a strip or tile.

    Raises:
      ValueError: a table does not begin with a byte, or tables are shorter than any encoder makes them.
    """
    is_old = data[:1] == b"\0" and data[1:2] != b"" and bool(data[1] & 1)  # its bits are in reverse order
    entries = CLEAR + 2 + np.maximum(TABLE - 1, 0)  # when a code is read
    limits = (512, 1024, 2048) if is_old else (511, 1023, 2047)
    widths = 9 + np.searchsorted(limits, entries, side="right")
    ends = np.cumsum(widths)
    starts, masks = ends - widths, (1 << widths) - 1
    stream = np.frombuffer(data + bytes(3), np.uint8)
    at, most = 0, SPARE_TABLES + len(data) // FEWEST_CODES
    for _ in range(most):
        count = int(np.searchsorted(ends, 8 * len(data) - at, side="right"))
        places = at + starts[:count]
        first, middle, last = (stream[(places >> 3) + i].astype(np.int64) for i in range(3))
        if is_old:
            codes = (first | middle << 8 | last << 16) >> (places & 7)
        else:
            codes = (first << 16 | middle << 8 | last) >> (24 - (places & 7) - widths[:count])
        codes &= masks[:count]
        if at and count and codes[0] > END:
            raise ValueError(f"a table of its LZW begins with the code {codes[0]}")
        stops = np.flatnonzero((codes == CLEAR) | (codes == END))
        if not len(stops) or codes[stops[0]] == END:
            return
        at += int(ends[stops[0]])
    raise ValueError(f"its LZW begins more than {most} tables")
