"""Weights of other libraries and projects: their files, and our names for what is in them."""
