"""Experiments: one runnable file each, with all its numbers in it."""
