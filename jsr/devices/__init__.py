"""The devices that compute: compilation, memory, and all of them at once."""
