"""Scores of upscaled pictures."""
