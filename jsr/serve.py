"""Opens a page that upscales pictures, in the browser of the same machine: `jsr serve [OPTION...]`.

The page is at 127.0.0.1 alone. For the page of a machine far away, `ssh -L 8642:127.0.0.1:8642 MACHINE` makes its port
one of this machine.
"""

import argparse
import contextlib
import functools
import os
import signal
import sys
import threading
import webbrowser
from typing import Any, NoReturn, get_args

from jsr import command_line
from jsr.command_line import Parser, whole
from jsr.devices import compilation
from jsr.devices.compilation import Precision
from jsr.errors import Error
from jsr.files import temporary
from jsr.files.cache import default_cache
from jsr.web import choices
from jsr.web.queue import Queue
from jsr.web.server import Server
from jsr.weights import zoo

PORT = 8642
MAX_PIXELS = 16_000_000  # the results have 16 times as many, about as many as browsers show
PREFIX = "jsr-serve-"  # of the temporary folder
# Of a terminal that is closed, and of `kill`; Windows has one of them.
ENDS = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


def make_parser() -> Parser:
    """Returns the parser of the command line."""
    parser = Parser(
        prog="jsr.serve",
        description="Opens a page that upscales pictures, for the browser of this machine alone. Ctrl-C ends it and"
        " removes the pictures.",
        epilog=f"For a machine far away: ssh -L {PORT}:127.0.0.1:{PORT} MACHINE, and jsr serve there.",
        formatter_class=functools.partial(argparse.HelpFormatter, max_help_position=22),
    )
    parser.add_argument("--port", type=whole, default=PORT, metavar="N", help=f"0 for any (default: {PORT})")
    parser.add_argument("--no-browser", action="store_true", help="print the address, and open nothing")
    parser.add_argument(
        "--model",
        type=command_line.name,
        default=zoo.DEFAULT,
        metavar="NAME",
        help="the first choice on the page: a name, a weights file, a run's folder or hf://owner/name",
    )
    parser.add_argument("--precision", choices=get_args(Precision), default="fp32", metavar="P", help="fp32 or bf16")
    parser.add_argument(
        "--max-pixels",
        type=whole,
        default=MAX_PIXELS,
        metavar="N",
        help=f"refuse larger pictures (default: {MAX_PIXELS // 10**6} million)",
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Serves until it is interrupted, and returns 0. Wrong arguments, or a port that is taken, exit with 2."""
    parser = make_parser()
    args = parser.parse_args(argv)
    if not 0 <= args.port < 2**16:
        parser.error(f"--port: expected 0 to {2**16 - 1}, got {args.port}")
    if args.max_pixels < 1:
        parser.error(f"--max-pixels: expected 1 or more, got {args.max_pixels}")
    compilation.keep(default_cache() / "compiled", onednn=args.precision == "bf16")
    for number in ENDS:
        signal.signal(number, _interrupt)  # else the temporary folder would stay
    queue = None
    with contextlib.suppress(KeyboardInterrupt), contextlib.ExitStack() as stack:
        try:
            offer = choices.offer(args.model)
            folder = stack.enter_context(temporary.folder(PREFIX))
            queue = Queue(folder, precision=args.precision, max_pixels=args.max_pixels)
            stack.callback(queue.close)
            queue.load(args.model)  # refused now, and not by the first picture
        except (Error, OSError) as error:
            parser.error(command_line.reason(error, path="the temporary folder"))
        try:
            server = stack.enter_context(Server(args.port, queue, offer))
        except OSError as error:
            parser.error(f"--port {args.port}: {error.strerror or error}; --port 0 takes any that is free")
        print(f"{server.access.address}\nOpen this address in a browser here; Ctrl-C ends it.", flush=True)
        if not args.no_browser and _has_screen():
            threading.Thread(target=webbrowser.open, args=(server.access.address_for_once,), daemon=True).start()
        stack.callback(_ignore_signals)  # first of all: a second Ctrl-C must not stop the removal of the pictures
        server.serve_forever()
    if queue and queue.is_computing:
        os._exit(0)  # At an ordinary exit, the thread that is within XLA would abort the process.
    return 0


def _interrupt(number: int, frame: Any) -> NoReturn:
    raise KeyboardInterrupt


def _ignore_signals() -> None:
    for number in (signal.SIGINT, *ENDS):
        signal.signal(number, signal.SIG_IGN)


def _has_screen() -> bool:
    """Tells whether a browser has a screen; without one, a text browser would take this terminal."""
    if sys.platform != "linux":
        return True
    return any(os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"))


if __name__ == "__main__":
    command_line.run(main)
