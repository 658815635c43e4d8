"""Sets to score on: what folders hold, and which pictures belong together."""
