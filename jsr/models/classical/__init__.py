"""Methods without a network: interpolation, reconstruction, learned exemplars, bursts."""
