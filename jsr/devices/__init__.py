"""The machine that computes: compilation, memory, and several devices at once."""
