"""Hostile files, kills and large pictures: `python -m scripts.torture`."""
