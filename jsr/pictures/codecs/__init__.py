"""Decoders and encoders of single formats, and the libraries that do most of their work."""
