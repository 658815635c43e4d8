"""Training: from a configuration to a weights file."""
