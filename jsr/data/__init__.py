"""Photographs to train and to score on."""
