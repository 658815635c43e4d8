"""Tests the commands of the READMEs with the programs' own parsers, so that a renamed option fails."""

import re
import shlex
from pathlib import Path

import pytest

from jsr import __main__ as console
from jsr.metrics import options as evaluate_options
from jsr.training import options as train_options
from jsr.upscaling.command import options as infer_options

ROOT = Path(__file__).parents[1]
PAGES = ("jsr/README.md", "README.md", "jsr/models/README.md", "jsr/pretrained/README.md")
# Which program answers the options of another, by the headings of jsr/README.md.
ANSWERING = {"Real-ESRGAN": "infer", "waifu2x": "infer", "upscayl": "infer", "BasicSR": "evaluate", "pyiqa": "evaluate"}
PARSE = {"infer": infer_options.parse, "evaluate": evaluate_options.parse, "train": train_options.parse}


def _commands():
    """Yields each command of a block of a page, and all of jsr/README.md, without what another program gets or does."""
    block = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
    code = [line for page in PAGES for found in block.findall((ROOT / page).read_text()) for line in found.splitlines()]
    code += re.findall(r"`([^`]+)`", (ROOT / PAGES[0]).read_text())
    for line in code:
        if found := re.match(r"(?:[A-Z_]+=\S+ )*(?:jsr |python -m jsr\.)([a-z][^#]*)", line):
            yield pytest.param(shlex.split(found[1]), id=found[1].strip())


@pytest.mark.parametrize("words", list(_commands()))
def test_every_command_is_taken_by_its_parser(words, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("train.toml").write_text('phase = "srresnet"')
    name, *arguments = words
    parse = PARSE.get(name) or console.make_parser(name.replace("_", "-")).parse_intermixed_args
    parse(arguments)


def _options():
    """Returns the options in the commands of other programs, each with our program that answers it."""
    found = {}
    for section in (ROOT / "jsr/README.md").read_text().split("\n## ")[1:]:
        title = section.partition("\n")[0]
        rows = re.findall(r"^\| `([^|]*)` \|", section, re.MULTILINE)
        options = [option for row in rows for option in re.findall(r"(?<=\s)--?[a-z][\w-]*", f" {row}")]
        assert options, title
        found |= dict.fromkeys((ANSWERING[title], option) for option in options)
    return list(found)


@pytest.mark.parametrize(("command", "option"), _options())
def test_every_option_of_another_program_is_known_or_answered(command, option):
    parser = console.make_parser(command)
    key = option if option.startswith("--") else option[:2]
    assert key in parser.habits or key in parser._option_string_actions
