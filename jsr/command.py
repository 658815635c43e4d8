"""What the programs' command lines have in common."""

import argparse
from typing import NoReturn


class Parser(argparse.ArgumentParser):
    """Reads arguments; a mistake gets one line and status 2."""

    def error(self, message: str) -> NoReturn:
        """Says what is wrong without the usage, which would bury it."""
        self.exit(2, f"{self.prog}: error: {message}\n")
