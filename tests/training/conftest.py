"""A place to train in, and a finished run to copy from."""

import contextlib
import shutil

import pytest

from jsr.devices import compilation
from jsr.training import loop
from tests.compiled_programs import cached
from tests.training.tiny_runs import make_photos, parse


@contextlib.contextmanager
def _place(folder, compiled):
    """Makes a folder the working directory, with photographs, and with compiled programs shared by all tests.

    Tests compile for seconds and train for tenths of a second. Programs that call oneDNN cannot be stored, so these
    tests do without it; test_train.py runs the program with it.
    """
    with pytest.MonkeyPatch.context() as patch, cached(compiled):
        patch.setenv("XDG_CACHE_HOME", str(folder / "cache"))
        patch.chdir(folder)
        patch.setattr(compilation, "options", lambda onednn: compilation.CPU_OPTIONS)
        make_photos(folder / "photos")
        yield folder


@pytest.fixture(scope="session")
def compiled(tmp_path_factory):
    return tmp_path_factory.mktemp("compiled")


@pytest.fixture
def home(tmp_path, compiled):
    """An empty place with its own cache and a folder of photographs."""
    with _place(tmp_path, compiled) as folder:
        yield folder


@pytest.fixture(scope="session")
def trained(tmp_path_factory, compiled):
    """A run of six steps, trained once for all tests, which copy it."""
    with _place(tmp_path_factory.mktemp("trained"), compiled) as folder:
        loop.run(parse("--workdir", "run", "--save-every", 4, "--sample-every", 3))
    return folder / "run"


@pytest.fixture
def finished(trained, home):
    """A copy of the finished run, as `run` in the home."""
    return shutil.copytree(trained, home / "run")
