"""Tests how the code is laid out: ../jsr, ../README.md and the names of files."""

import ast
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "jsr"

# Bottom to top: a folder imports only folders of lower rows, and the files of one folder import each other without a
# circle. Programs stand at the top of the package, and nothing there imports them.
ROWS = (
    {"ops", "devices", "errors", "version"},
    {"files", "command_line"},
    {"models", "degradation"},
    {"weights", "pictures"},
    {"upscaling", "data", "metrics"},
    {"training"},
    {"train", "infer", "evaluate", "__init__"},
)
ROW = {room: number for number, rooms in enumerate(ROWS, 1) for room in rooms}


def _room(path):
    """`jsr/models/layers.py` -> `models`, `jsr/train.py` -> `train`."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def _module(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def _imports(path, *, lazy=True):
    """Yields the modules of jsr that a file imports, at any depth, type-checking blocks included."""
    tree = ast.parse(path.read_text())
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    delayed = {id(n) for function in functions for n in ast.walk(function)}
    modules = {_module(source) for source in _sources()}
    for node in ast.walk(tree):
        if id(node) in delayed and not lazy:
            continue
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}:{node.lineno}: expected an absolute import"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            while name not in modules and "." in name:
                name = name.rpartition(".")[0]
            if name.split(".")[0] == "jsr":
                yield name


def _sources():
    return sorted(PACKAGE.rglob("*.py"))


# Arrays in, arrays out.
PURE = [path for path in _sources() if _room(path) in ("ops", "models", "degradation")] + [
    PACKAGE / name
    for name in (
        "data/crops.py",
        "data/patch_layout.py",
        "metrics/fidelity.py",
        "metrics/gaussian.py",
        "metrics/niqe.py",
        "training/balance.py",
        "training/losses.py",
        "training/steps.py",
    )
]


def test_every_file_stands_in_a_room():
    assert {_room(path) for path in _sources()} - set(ROW) == set()


@pytest.mark.parametrize("path", _sources(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_downwards(path):
    own = _room(path)
    rooms = {(module.split(".") + ["__init__"])[1] for module in _imports(path)} - {own}
    assert {room for room in rooms if ROW[room] >= ROW[own]} == set(), f"{path} imports upwards"


def test_imports_have_no_circle():
    """Between files, and so within a folder too; imports inside functions are left out."""
    graph = {_module(path): set(_imports(path, lazy=False)) - {_module(path)} for path in _sources()}
    # A folder's face imports its files, and they, each other; nothing in a folder imports its own face.
    TopologicalSorter(graph).prepare()  # raises CycleError, naming the circle


@pytest.mark.parametrize("path", sorted((ROOT / "tests").glob("*/test_*.py")), ids=lambda p: p.stem)
def test_tests_stand_where_their_subject_stands(path):
    """`tests/FOLDER/test_FILE.py` tests `jsr/FOLDER/FILE.py`, or a script."""
    name = path.stem.removeprefix("test_")
    folder = ROOT if path.parent.name == "scripts" else PACKAGE
    found = [*(folder / path.parent.name).glob(f"{name}.py"), *(folder / path.parent.name).glob(f"*/{name}.py")]
    assert found or (folder / path.parent.name / name).is_dir()


@pytest.mark.parametrize("name", ["losses", "steps"])
def test_networks_are_arguments(name):
    """Losses and steps take networks as arguments, so that any network trains with them."""
    path = PACKAGE / "training" / f"{name}.py"
    assert not [module for module in _imports(path) if module.startswith("jsr.models")]


@pytest.mark.parametrize(
    "word, homes",
    [
        ("pmap", ["devices/parallel.py"]),
        ("orbax", ["training/checkpoints.py"]),
        ("grain", ["data/streaming.py"]),
        ("tensorflow_datasets", ["data/datasets.py"]),
        ("tifffile", ["pictures/"]),
        ("png", ["pictures/"]),
        ("PIL", ["pictures/", "upscaling/comparison.py", "training/record.py", "data/patches.py"]),
    ],
)
def test_one_place_knows_it(word, homes):
    """What may be replaced one day stands in one place: there only is it imported or called."""
    for path in _sources():
        names = {
            getattr(node, field, None) or ""
            for node in ast.walk(ast.parse(path.read_text()))
            for field in ("attr", "id", "module", "name")
        }
        named = {name for name in names if isinstance(name, str) and word in name.split(".")}
        place = path.relative_to(PACKAGE).as_posix()
        assert not named or any(place.startswith(home) for home in homes), f"{place} says {word}"


def _public_functions(path):
    """Yields every function and method that a caller sees, with its arguments besides self."""
    tree = ast.parse(path.read_text())
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            yield node.name, node.args, node.args.posonlyargs + node.args.args
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            for method in node.body:
                if isinstance(method, ast.FunctionDef) and (
                    method.name == "__call__" or not method.name.startswith("_")
                ):
                    arguments = method.args.posonlyargs + method.args.args
                    yield f"{node.name}.{method.name}", method.args, arguments[1:]


@pytest.mark.parametrize("path", PURE, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_options_are_keyword_only_and_key_comes_first(path):
    """Prefer f(x, *, axis=-1) to f(x, axis=-1): what has a default is named where it is given."""
    for name, arguments, positional in _public_functions(path):
        assert not arguments.defaults, f"{path.name}: {name} has an option that is not keyword-only"
        names = [a.arg for a in positional]
        assert "key" not in names[1:], f"{path.name}: {name} expects its key first"


@pytest.mark.parametrize("path", _sources(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_modules_are_documented(path):
    assert ast.get_docstring(ast.parse(path.read_text())), f"{path.name} has no docstring"


def test_no_file_is_named_after_nothing():
    names = {p.stem for folder in ("jsr", "experiments", "scripts") for p in (ROOT / folder).rglob("*")}
    assert names & {"utils", "util", "common", "base", "core", "helpers", "misc"} == set()


def test_import_is_light():
    """`import jsr` must be free: jax and everything that needs it loads at first use."""
    heavy = ["jax", "flax", "optax", "orbax", "tensorflow_datasets", "PIL", "torch"]
    code = f"import sys, jsr; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (result.returncode, result.stdout.strip()) == (0, "[]"), result.stderr


def test_readme_begins_with_the_command():
    before, fence, rest = (ROOT / "README.md").read_text().partition("```")
    assert fence and len(before.split()) <= 150
    assert "python -m jsr.infer experiments/sample.png" in rest.partition("```")[0]


PAGES = [
    *(ROOT / name for name in ("README.md", "jsr/pretrained/README.md", "experiments/README.md")),
    *(ROOT / "scripts").glob("*/README.md"),
    *(ROOT / ".github").glob("*.md"),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_pages_name_files_that_exist(page):
    """Checks links, paths in code, and modules that are run; names in capitals stand for any."""
    text = page.read_text()
    links = {page.parent / link for link in re.findall(r"\]\(([^)#:]+)\)", text)}
    paths = {ROOT / path for path in re.findall(r"`((?:jsr|scripts|experiments|tests)/[a-z0-9_./]+)`", text)}
    modules = re.findall(r"python -m ((?:jsr|scripts|experiments)\.[a-z0-9_]+)", text)
    paths |= {ROOT / name.replace(".", "/") for name in modules}
    paths -= {ROOT / "experiments" / "sample_x4.png"}  # the result of the README's first command
    missing = [path for path in links | paths if not (path.exists() or path.with_suffix(".py").exists())]
    assert not missing, f"{page.name} names {', '.join(sorted(map(str, missing)))}"


def test_package_does_not_import_torch_or_tensorflow():
    for path in _sources():
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names} & {"torch", "tensorflow"} == set(), path


def test_no_pickle_is_loaded():
    """A pickle runs what its author likes. torch's files are, and are read with `weights_only`."""
    for path in [
        *_sources(),
        *(ROOT / "scripts").rglob("*.py"),
        *(ROOT / "experiments").glob("*.py"),
    ]:
        for node in ast.walk(ast.parse(path.read_text())):
            names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert not {name.split(".")[0] for name in names} & {"pickle", "joblib", "dill"}, path
            if isinstance(node, ast.Call):
                given = {k.arg: ast.unparse(k.value) for k in node.keywords}
                assert given.get("allow_pickle", "False") == "False", path
                if ast.unparse(node.func) == "torch.load":
                    assert given.get("weights_only") == "True", path
