"""Times the program against its peers: `python -m scripts.benchmark`."""
