"""Tests the layout of the code: imports, names of files, signatures, and what pages and messages refer to."""

import ast
import functools
import re
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from jsr.__main__ import COMMANDS, module

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "jsr"

# Bottom to top: a folder imports only folders of lower rows, and the files of one folder import each other without a
# circle. Programs stand at the top of the package, and nothing there imports them.
ROWS = (
    {"errors", "version"},
    {"ops", "devices"},
    {"files", "command_line"},
    {"models", "degradation", "completion"},
    {"weights", "pictures", "video"},
    {"upscaling", "data", "metrics"},
    {"training", "web"},
    {"__init__"},
    {"train", "infer", "serve", "evaluate", "export", "prepare", "plot", "fetch", "import_", "fit_niqe", "__main__"},
)
PROGRAMS = ROWS[-1] - {"__main__"}
ROW = {room: number for number, rooms in enumerate(ROWS, 1) for room in rooms}

TESTS = sorted((ROOT / "tests").glob("*/**/test_*.py"))

# Pages that send a reader to files and commands.
PAGES = [
    ROOT / "README.md",
    ROOT / "experiments" / "README.md",
    *(ROOT / "jsr").rglob("README.md"),
    *(ROOT / "scripts").glob("*/README.md"),
    *(ROOT / ".github").glob("*.md"),
]

# A pickle runs whatever its author likes. jsr reads those of PyTorch and of NumPy, by an unpickler that can only
# describe arrays.
UNPICKLER = PACKAGE / "weights" / "foreign" / "unpickler.py"


@functools.cache
def _sources():
    return sorted(PACKAGE.rglob("*.py"))


def _code():
    """Returns every file of Python that is no test."""
    return [path for folder in ("jsr", "scripts", "experiments") for path in sorted((ROOT / folder).rglob("*.py"))]


@functools.cache
def _tree(path):
    return ast.parse(path.read_text())


def _room(path):
    """Returns the folder that a file of jsr stands in, or its own name: `models`, `train`."""
    return path.relative_to(PACKAGE).with_suffix("").parts[0]


def _module(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


@functools.cache
def _imports(path, *, lazy=True):
    """Returns the modules of jsr that a file imports; with `lazy`, inside functions too."""
    tree = _tree(path)
    functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)]
    delayed = {id(n) for function in functions for n in ast.walk(function)}
    modules, imports = {_module(source) for source in _sources()}, set()
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
                imports.add(name)
    return imports


def _imported(path):
    """Returns the packages that a file imports, inside functions too."""
    nodes = list(ast.walk(_tree(path)))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return {name.partition(".")[0] for name in names}


def _strings(path):
    """Yields the strings of a file that are no docstrings: messages, help texts, names."""
    tree = _tree(path)
    statements = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in statements:
            yield node.value


def _public_functions(path):
    """Yields every function and method that a caller sees, with its arguments besides self."""
    tree = _tree(path)
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


# Pure functions: arrays in, arrays out.
PURE = [path for path in _sources() if _room(path) in ("ops", "models", "degradation")] + [
    PACKAGE / name
    for name in (
        "data/crops.py",
        "data/patch_layout.py",
        "metrics/fidelity.py",
        "metrics/gaussian.py",
        "metrics/lpips.py",
        "metrics/niqe.py",
        "training/accumulation.py",
        "training/balance.py",
        "training/losses.py",
        "training/steps.py",
    )
]

each_source = pytest.mark.parametrize("path", _sources(), ids=lambda p: p.relative_to(PACKAGE).as_posix())
each_page = pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())


def test_every_file_stands_in_a_room():
    assert {_room(path) for path in _sources()} - set(ROW) == set()


def test_every_program_is_a_command():
    assert {module(name) for name in COMMANDS} == PROGRAMS
    assert {_room(path) for path in PACKAGE.glob("*.py")} & PROGRAMS == PROGRAMS


@each_source
def test_programs_are_imported_by_nobody(path):
    """Not even by each other: code that two of them need is about a noun, and stands in its folder."""
    assert {module.split(".")[1] for module in _imports(path) if "." in module} & PROGRAMS == set()


@each_source
def test_imports_go_downwards(path):
    own = _room(path)
    rooms = {(module.split(".") + ["__init__"])[1] for module in _imports(path)} - {own}
    assert {room for room in rooms if ROW[room] >= ROW[own]} == set(), f"{path} imports upwards"


def test_imports_have_no_circle():
    """Neither between folders nor within one: a folder's `__init__` imports its files, and they do not import it."""
    graph = {_module(path): _imports(path, lazy=False) - {_module(path)} for path in _sources()}
    TopologicalSorter(graph).prepare()  # raises CycleError, which names the circle


@each_source
def test_private_names_stay_in_their_file(path):
    """A name with an underscore may change without a look at other files."""
    imports = [node for node in ast.walk(_tree(path)) if isinstance(node, ast.ImportFrom)]
    names = {alias.asname or alias.name for node in imports for alias in node.names}
    uses = [n for n in ast.walk(_tree(path)) if isinstance(n, ast.Attribute) and ast.unparse(n.value) in names]
    private = [name for name in names | {n.attr for n in uses} if re.match("_[a-z]", name)]
    assert private == []


@pytest.mark.parametrize("path", TESTS, ids=lambda p: p.relative_to(ROOT / "tests").as_posix())
def test_tests_stand_where_their_subject_stands(path):
    """`tests/FOLDER/test_FILE.py` tests `jsr/FOLDER/FILE.py`, a script or an experiment."""
    folder = path.parent.relative_to(ROOT / "tests")
    name = path.stem.removeprefix("test_")
    if folder.parts[0] == "scripts":
        assert [*(ROOT / folder).glob(f"{name}/"), *(ROOT / folder).glob(f"*/{name}.py")]
    else:
        subject = (ROOT if folder.parts[0] == "experiments" else PACKAGE) / folder / name
        assert subject.with_suffix(".py").is_file() or subject.is_dir()


@pytest.mark.parametrize("path", TESTS, ids=lambda p: p.relative_to(ROOT / "tests").as_posix())
def test_tests_name_their_subject(path):
    """Its docstring has the path from the test to the file, which is wrong once either has moved."""
    links = re.findall(r"(?:\.\./)+[\w/]*(?:\.py)?", ast.get_docstring(_tree(path)) or "")
    assert links and all((path.parent / link).exists() for link in links)


@pytest.mark.parametrize("name", ["losses", "steps"])
def test_networks_are_arguments(name):
    """Losses and steps take networks as arguments, so that any network trains with them."""
    path = PACKAGE / "training" / f"{name}.py"
    assert not [module for module in _imports(path) if module.startswith("jsr.models")]


@pytest.mark.parametrize(
    "word, homes",
    [
        ("pmap", ["devices/parallel.py"]),
        ("distributed", ["devices/hosts.py"]),
        ("orbax", ["training/run/checkpoints.py"]),
        ("grain", ["data/streaming.py"]),
        ("tensorflow_datasets", ["data/datasets.py"]),
        ("tifffile", ["pictures/"]),
        ("png", ["pictures/"]),
        ("av", ["video/", "upscaling/video.py"]),
        ("PIL", ["__init__.py", "pictures/", "upscaling/comparison.py", "training/run/record.py"]),
    ],
)
def test_replaceable_libraries_have_one_place(word, homes):
    """A library that may be replaced one day is imported or called in one place only."""
    for path in _sources():
        names = {
            getattr(node, field, None) or ""
            for node in ast.walk(_tree(path))
            for field in ("attr", "id", "module", "name")
        }
        named = {name for name in names if isinstance(name, str) and word in name.split(".")}
        place = path.relative_to(PACKAGE).as_posix()
        assert not named or any(place.startswith(home) for home in homes), f"{place} says {word}"


@pytest.mark.parametrize("path", PURE, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_options_are_keyword_only_and_key_comes_first(path):
    """Prefer f(x, *, axis=-1) to f(x, axis=-1): a caller names each option that it gives."""
    for name, arguments, positional in _public_functions(path):
        assert not arguments.defaults, f"{path.name}: {name} has an option that is not keyword-only"
        names = [a.arg for a in positional]
        assert "key" not in names[1:], f"{path.name}: {name} expects its key first"


@each_source
def test_modules_are_documented(path):
    assert ast.get_docstring(_tree(path)), f"{path.name} has no docstring"


def test_file_names_say_something():
    """Such a name takes in anything, so nobody can guess the content."""
    forbidden = set("utils util common base core helpers helper misc system".split())
    folders = [ROOT / name for name in ("jsr", "experiments", "scripts", "tests")]
    names = {path.stem for folder in folders for path in folder.rglob("*")}
    assert names & forbidden == set()


def test_import_of_jsr_is_light():
    """`import jsr` is instant: jax and everything that needs it is imported at first use."""
    heavy = ["jax", "flax", "optax", "orbax", "tensorflow_datasets", "PIL", "torch"]
    code = f"import sys, jsr; print([m for m in {heavy} if m in sys.modules])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (result.returncode, result.stdout.strip()) == (0, "[]"), result.stderr


def test_readme_begins_with_a_command_that_upscales():
    before, fence, rest = (ROOT / "README.md").read_text().partition("```")
    assert fence and len(before.split()) <= 150
    assert "python -m jsr.infer experiments/sample.png" in rest.partition("```")[0]


@each_page
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


@each_page
def test_pages_name_commands_that_exist(page):
    """Checks what follows `jsr` in code, inline and in blocks."""
    names = re.findall(r"(?:^|`)jsr ([a-z][a-z-]*)", page.read_text(), re.MULTILINE)
    assert set(names) - set(COMMANDS) == set()


@each_source
def test_messages_name_no_script(path):
    """Messages and help texts name programs: pip does not install scripts."""
    assert [text for text in _strings(path) if re.search(r"\bscripts[/.]", text)] == []


@pytest.mark.parametrize("folder", ["jsr", "experiments", "scripts"])
def test_no_path_leads_out_of_the_repository(folder):
    """A folder beside the checkout is there on one machine only; `JSR_DATA` names the one with photographs."""
    files = [p for p in (ROOT / folder).rglob("*") if p.suffix in (".py", ".md", ".txt", "") and p.is_file()]
    assert [path for path in files if "../shared" in path.read_text()] == []


def test_package_does_not_import_torch_or_tensorflow():
    for path in _sources():
        assert _imported(path) & {"torch", "tensorflow"} == set(), path


def test_one_file_imports_pickle():
    for path in _code():
        assert _imported(path) & {"joblib", "dill", "cloudpickle"} == set(), path
        assert ("pickle" in _imported(path)) == (path == UNPICKLER), path


def test_pickle_is_read_by_the_restricted_unpickler_alone():
    """The file uses `pickle._Unpickler` as a base class with its own `find_class`, and nothing else."""
    nodes = list(ast.walk(_tree(UNPICKLER)))
    uses = [ast.unparse(n) for n in nodes if isinstance(n, ast.Attribute) and ast.unparse(n.value) == "pickle"]
    assert uses == ["pickle._Unpickler"]
    (unpickler,) = (n for n in nodes if isinstance(n, ast.ClassDef))
    assert list(map(ast.unparse, unpickler.bases)) == uses
    assert "find_class" in {n.name for n in unpickler.body if isinstance(n, ast.FunctionDef)}


def test_numpy_and_torch_load_no_pickle():
    for path in _code():
        for node in ast.walk(_tree(path)):
            if isinstance(node, ast.Call):
                options = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                assert options.get("allow_pickle", "False") == "False", path
                assert ast.unparse(node.func) != "torch.load" or options.get("weights_only") == "True", path
