"""Damaged files, killed processes and large pictures: `python -m scripts.torture`."""
