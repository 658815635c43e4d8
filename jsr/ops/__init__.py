"""Arrays in, arrays out: pixel values, resizing, windows, sub-pixels and convolutions."""
