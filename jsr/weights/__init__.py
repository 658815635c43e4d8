"""Weights files, and the released ones by name."""

from jsr.weights.zoo import load, ready

__all__ = ["load", "ready"]
