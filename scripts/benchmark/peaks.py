"""The speed of matrix products, which those of the contestants are compared with."""

from jsr.devices import compilation
from scripts.benchmark import contestants, timing


def measure(*, threads: int, side: int) -> dict[str, float]:
    """Measures the fastest matrix product of either precision, in operations per second."""
    found = {}
    for precision in compilation.DTYPES:
        calls = {}
        for name, build in contestants.product(side, precision, threads=threads).items():
            try:
                calls[name] = build()
                calls[name]()
            except Exception:  # a missing peer is reported by the parts
                calls.pop(name, None)
        seconds = min(min(values) for values in timing.alternate(calls, repeats=5).values())
        found[precision] = 2 * side**3 / seconds
    return found
