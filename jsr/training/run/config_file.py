"""Options of a run from a file: TOML, or the `config.json` that a run records."""

import dataclasses
import difflib
import json
import tomllib
from pathlib import Path
from typing import Any, get_args

from jsr.errors import ConfigError
from jsr.training.config import CHOICES, Config
from jsr.training.run.run_folder import DIGEST

KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "a text"}


def read(path: Path) -> dict[str, Any]:
    """Reads values of options by the names of the fields of `Config`. A `.json` file is JSON, any other is TOML.

    Raises:
      ConfigError: the file cannot be read or parsed, a name is no option's, or a value is of another type than its
        option; the message names the file.
    """
    try:
        text = path.read_text("utf-8")
        found = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except OSError as error:
        raise ConfigError(f"--config: {path}: {error.strerror}") from error
    except ValueError as error:  # also that of both parsers, and of text that is not UTF-8
        kind = "JSON" if path.suffix == ".json" else "TOML"
        raise ConfigError(f"--config: {path}: expected {kind}, got {error}") from error
    if not isinstance(found, dict):
        raise ConfigError(f"--config: {path}: expected options by their names, got {type(found).__name__}")
    found.pop(DIGEST, None)  # of a run's data, which is not an option
    fields = {field.name: field for field in dataclasses.fields(Config)}
    for name in found.keys() - fields.keys():
        nearest = difflib.get_close_matches(name.replace("-", "_"), fields, n=1)
        hint = f", perhaps {nearest[0]}" if nearest else "; jsr.train --help lists them"
        raise ConfigError(f"--config: {path}: {name}: no such option{hint}")
    return {name: _checked(path, fields[name], value) for name, value in found.items()}


def _checked(path: Path, field: dataclasses.Field, value: Any) -> Any:
    """Returns a value in the type of its field."""
    types = get_args(field.type)
    if field.type in CHOICES or field.name == "phase":
        is_right, expected = value in types, f"one of {', '.join(types)}"
    elif value is None and type(None) in types:  # JSON has it for "no limit", TOML leaves the name out
        return None
    else:
        kind = types[0] if types else field.type
        value = float(value) if kind is float and type(value) is int else value
        is_right, expected = type(value) is kind, KINDS[kind]
    if not is_right:
        raise ConfigError(f"--config: {path}: {field.name}: expected {expected}, got {value}")
    return value
