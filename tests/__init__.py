"""Tests; `tests/FOLDER/test_FILE.py` tests `jsr/FOLDER/FILE.py`."""
