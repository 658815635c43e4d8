"""Tests ../jsr/serve.py: its arguments, what it prints and opens, and its end."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest

from jsr import serve
from jsr.web.server import Server
from tests.web.client import Client, encoded


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Gives the program a temporary folder of its own, and leaves this process its signals."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(serve, "ENDS", ())
    monkeypatch.setattr(serve, "_ignore_signals", lambda: None)
    return tmp_path


def _run(monkeypatch, *argv):
    """Runs the program until it has served for a moment; returns the addresses that it opened in a browser."""
    opened, has_opened = [], threading.Event()

    def interrupted(server):
        has_opened.wait(0.5)
        raise KeyboardInterrupt

    monkeypatch.setattr("webbrowser.open", lambda address: (opened.append(address), has_opened.set()))
    monkeypatch.setattr(Server, "serve_forever", interrupted)
    assert serve.main(["--port", "0", "--model", "bicubic", *argv]) == 0
    return opened


def test_browser_gets_a_key_that_works_once(place, monkeypatch, capsys):
    """Other users see the command that starts it; the terminal, they do not see."""
    monkeypatch.setenv("DISPLAY", ":0")
    (opened,) = _run(monkeypatch)
    printed = capsys.readouterr().out.splitlines()[0]
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/#key=[\w-]{43}", opened)
    assert re.fullmatch(r"http://127\.0\.0\.1:\d+/#token=[\w-]{43}", printed)
    assert opened.partition("=")[2] != printed.partition("=")[2]
    assert list(place.iterdir()) == []


@pytest.mark.skipif(sys.platform != "linux", reason="only there can a terminal have no screen")
def test_no_browser_is_opened_without_a_screen_or_if_unwanted(place, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY", "BROWSER"):
        monkeypatch.delenv(name, raising=False)
    assert _run(monkeypatch) == []
    monkeypatch.setenv("DISPLAY", ":0")
    assert _run(monkeypatch, "--no-browser") == []


def test_wrong_arguments_are_refused_in_one_line(place, capsys):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        for argv, line in (
            (["--port", "70000"], "--port: expected 0 to 65535, got 70000"),
            (["--port", str(port)], f"--port {port}: .*; --port 0 takes any that is free"),
            (["--max-pixels", "0"], "--max-pixels: expected 1 or more, got 0"),
            (["--model", "nothing"], "model: expected one of srresnet, .*, got nothing"),
            (["--host", "0.0.0.0"], "--host: no such option, perhaps --port"),
        ):
            with pytest.raises(SystemExit, match="2"):
                serve.main(argv)
            assert re.fullmatch(f"jsr.serve: error: {line}\n", capsys.readouterr().err)
    assert list(place.iterdir()) == []


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals")
@pytest.mark.slow
@pytest.mark.parametrize("name", ["SIGTERM", "SIGINT", "SIGHUP"])
def test_every_end_removes_the_pictures(tmp_path, name):
    """Also while a tile is compiled or computed, where a thread of Python cannot be ended."""
    program = subprocess.Popen(
        [sys.executable, "-m", "jsr.serve", "--port", "0", "--no-browser"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(tmp_path)},
    )
    with program:
        assert program.stdout and program.stderr
        address = program.stdout.readline()
        port, token = address.strip().removeprefix("http://127.0.0.1:").split("/#token=")
        client = Client(int(port), token, "")
        _, job = client.start(encoded(1200, 1200), "blend", texture=0.5, restore=0.5)
        time.sleep(2)  # by when its weights are loaded
        assert client.state(job)["state"] == "running"
        (folder,) = tmp_path.iterdir()
        assert folder.stat().st_mode & 0o777 == 0o700 and len(list(folder.glob("*/source"))) == 1
        program.send_signal(getattr(signal, name))
        assert program.wait(timeout=30) == 0
        assert program.stderr.read() == "" and list(tmp_path.iterdir()) == []
