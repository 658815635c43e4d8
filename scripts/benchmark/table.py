"""Results as rows, and rows as a Markdown table."""

from typing import Any

FORMATS = {
    "ms": ".1f",
    "per second": ".1f",
    "jsr/peer": ".2f",
    "TFLOP/s": ".3f",
    "of peak": ".0%",
    "MB": ".0f",
    "PSNR": ".2f",
    "LPIPS": ".3f",
    "difference": ".1e",
    "of ideal": ".0%",
    "of one size": ".2f",
    "MB summed": ".2f",
    "in collectives": ".1%",
}


def rows(
    seconds: dict[str, float],
    differences: dict[str, float],
    *,
    work: int,
    peak: dict[str, float],
    limits: dict[str, float],
) -> list[dict[str, Any]]:
    """Makes a row of each contestant, whose name ends in its precision.

    Args:
      seconds: the duration of each; a peer's is compared with that of jsr in the same precision.
      differences: of each one's outcome from that of jsr in fp32.
      work: operations that each does.
      peak: operations per second of the fastest matrix product, by precision.
      limits: the largest difference that does not disqualify, by precision.
    """
    made = []
    for name, second in seconds.items():
        precision = name.split()[-1].replace("fp16", "bf16")  # both have 16 bits
        ours = seconds[f"jsr {precision}"]
        made.append(
            {
                "contestant": name,
                "ms": 1e3 * second,
                "per second": 1 / second,
                "jsr/peer": None if name.startswith("jsr") else ours / second,
                "TFLOP/s": work / second / 1e12,
                "of peak": work / second / peak[precision],
                "difference": differences[name],
                "disqualified": not differences[name] <= limits[precision],  # also where it is NaN
            }
        )
    return made


def table(made: list[dict[str, Any]]) -> str:
    """Lays rows out as a Markdown table, in which a disqualified contestant's difference is marked."""
    names = [name for name in made[0] if name != "disqualified"]
    lines = [names]
    for row in made:
        cells = [_cell(name, row[name]) for name in names]
        if row.get("disqualified"):
            cells[names.index("difference")] += " DISQUALIFIED"
        lines.append(cells)
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    padded = ([cell.ljust(n) for cell, n in zip(line, widths, strict=True)] for line in lines)
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def _cell(name, value):
    if value is None:
        return "-"
    return format(value, FORMATS[name]) if name in FORMATS else str(value)
