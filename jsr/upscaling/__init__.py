"""Upscales pictures and files."""
