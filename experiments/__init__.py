"""Experiments: one runnable file each, which holds all its numbers."""

import os


def photographs() -> str:
    """Returns the folder that the experiments train on, `train` in `JSR_DATA`; exits with one line if it is not set."""
    root = os.environ.get("JSR_DATA")
    if not root:
        raise SystemExit("JSR_DATA is not set: expected a folder that holds photographs in its sub-folder train")
    return os.path.join(root, "train")
