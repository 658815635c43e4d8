"""Tests how the code is laid out: ../jsr, ../README.md and the names of files."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "jsr"

# Top to bottom: a module imports from layers below its own, or from its own without a circle.
LAYERS = {
    "the public API": ["__init__"],
    "programs": ["train", "infer", "evaluate"],
    "parts with effects": [
        "command", "config", "jobs", "enlargement", "phases", "validation", "data", "stream", "patches",
        "folders", "datasets", "fetch", "pairs",
        "checkpoint", "manifest", "report", "images", "exif", "encoding", "scanlines", "strips", "drafts", "frames",
        "weights", "pristine", "convert", "features", "comparison",
    ],
    "programs for the device": ["steps", "parallel", "tiles", "compilation", "memory"],
    "mathematics": ["models", "losses", "balance", "metrics", "niqe", "resize", "pixels", "spans", "cuts"],
    "version": ["version"],
}  # fmt: skip
DEPTH = {module: depth for depth, layer in enumerate(LAYERS.values()) for module in layer}
MATHEMATICS = sorted(
    path
    for name in LAYERS["mathematics"]
    for path in [PACKAGE / f"{name}.py", *(PACKAGE / name).glob("*.py")]
    if path.is_file()
)


def _noun(path):
    """`jsr/models/blocks.py` -> `models`: a package counts as one module."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def _imports(path, *, lazy=True):
    """Yields the nouns of jsr that a tree imports, at any depth, type-checking blocks included."""
    tree = ast.parse(path.read_text())
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    delayed = {id(n) for function in functions for n in ast.walk(function)}
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
        for parts in (name.split(".") for name in names):
            if parts[0] == "jsr":
                yield parts[1] if len(parts) > 1 and parts[1] in DEPTH else "__init__"


def _sources():
    return sorted(PACKAGE.rglob("*.py"))


def test_every_module_has_a_layer():
    assert {_noun(path) for path in _sources()} - set(DEPTH) == set()


@pytest.mark.parametrize("path", _sources(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_go_downwards(path):
    own = _noun(path)
    upwards = {name for name in _imports(path) if name != own and DEPTH[name] < DEPTH[own]}
    # Whoever imports the version takes it from jsr.version, so that the public API stays on top.
    assert upwards == set(), f"jsr/{path.relative_to(PACKAGE)} imports from a layer above its own"


def test_imports_have_no_circle():
    """Imports inside functions are left out: `data` opens prepared sets on demand."""
    graph = {}
    for path in _sources():
        own = _noun(path)
        graph.setdefault(own, set()).update(set(_imports(path, lazy=False)) - {own})
    TopologicalSorter(graph).prepare()  # raises CycleError, naming the circle


@pytest.mark.parametrize("name", ["losses", "steps"])
def test_networks_are_arguments(name):
    """Losses and steps take networks as arguments, so that any network trains with them."""
    path = PACKAGE / f"{name}.py"
    assert "models" not in set(_imports(path))


@pytest.mark.parametrize(
    "word, home", [("pmap", "parallel"), ("orbax", "checkpoint"), ("grain", "stream")]
)
def test_one_file_knows_it(word, home):
    """What may be replaced one day stands in one file: there only is it imported or called."""
    for path in _sources():
        names = {
            getattr(node, field, None) or ""
            for node in ast.walk(ast.parse(path.read_text()))
            for field in ("attr", "id", "module", "name")
        }
        said = {name for name in names if isinstance(name, str) and word in name.split(".")}
        assert not said or _noun(path) == home, f"{path.name} says {word}"


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


@pytest.mark.parametrize("path", MATHEMATICS, ids=lambda p: str(p.relative_to(PACKAGE)))
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
    names = {
        p.stem for folder in ("jsr", "experiments", "scripts") for p in (ROOT / folder).rglob("*")
    }
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


def test_readme_names_files_that_exist():
    """The first command of the README needs this one."""
    assert (ROOT / "experiments" / "sample.png").is_file()


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
        *(ROOT / "scripts").glob("*.py"),
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
