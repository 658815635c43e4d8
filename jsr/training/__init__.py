"""From a configuration to a weights file."""
