"""A run on the disk: its configuration, checkpoints and record, and what it starts from."""
