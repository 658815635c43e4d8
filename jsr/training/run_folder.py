"""A run's folder: its configuration, and the generator that it exports."""

import dataclasses
import json
from pathlib import Path

from jsr.errors import ConfigError
from jsr.training import checkpoints
from jsr.training.config import CHANGEABLE, FACTORS, OVERWRITABLE, Config
from jsr.weights import file as weights_file

FILE = "config.json"  # in the run's folder
TEMPORARY = f".{FILE}"  # till it is whole


def check_folder(config: Config) -> str | None:
    """Refuses a folder for the run that holds something else, or a run that computes something else.

    Returns:
      What differs from the run there and changes what it computes, where `overwrite_config` allows it.

    Raises:
      ConfigError: naming what differs.
    """
    folder = Path(config.workdir)
    path = folder / FILE
    if not path.exists():
        held = [] if not folder.is_dir() else [p for p in folder.iterdir() if p.name != TEMPORARY]
        if held or folder.is_file():
            raise ConfigError(f"--workdir: expected a run's folder or a new one, got {folder}")
        return None
    try:
        kept = json.loads(path.read_text())
        # What a run before an option was did is the option's default.
        old = dataclasses.asdict(Config()) | kept
    except (ValueError, TypeError) as error:
        raise ConfigError(f"{path}: expected a run's configuration, got {error}") from error
    new = dataclasses.asdict(config)
    changed = [name for name in new if name not in CHANGEABLE and old[name] != new[name]]
    # A constant rate does not know where a run ends, so such a run may be made longer.
    if config.schedule == old["schedule"] == "constant" and "steps" in changed:
        changed.remove("steps")
    if not changed:
        return None
    listed = ", ".join(f"{name} {old[name]} there, {new[name]} here" for name in changed)
    fixed = [name for name in changed if name not in OVERWRITABLE]
    if fixed and config.overwrite_config:
        allowed = f"--overwrite-config allows for other {', '.join(OVERWRITABLE)}, not {fixed[0]}"
        raise ConfigError(f"{folder} holds another run ({listed}); {allowed}")
    if not config.overwrite_config:
        way = "" if fixed else " or give --overwrite-config"
        raise ConfigError(f"{folder} holds another run ({listed}); choose another --workdir{way}")
    return listed


def keep(config: Config) -> None:
    """Writes the configuration into the run's folder, whole or not at all."""
    folder = Path(config.workdir)
    folder.mkdir(parents=True, exist_ok=True)
    kept = dataclasses.asdict(config)
    del kept["overwrite_config"]  # a permission, given once
    (folder / TEMPORARY).write_text(json.dumps(kept, indent=2) + "\n")
    (folder / TEMPORARY).replace(folder / FILE)


def newest(folder):
    """The SRResNet run beside `folder` that was touched last, or None."""
    found = []
    for path in folder.absolute().parent.glob("*/config.json"):
        try:
            old = json.loads(path.read_text())
        except (OSError, json.JSONDecodeError):
            continue
        is_srresnet = (old.get("phase"), old.get("model")) == ("srresnet", "srresnet")
        if is_srresnet and checkpoints.exists(path.parent / "checkpoints"):
            found.append((path.stat().st_mtime, path.parent))
    return str(max(found)[1]) if found else None


def export(model, config, *, step, psnr):
    """Writes the averaged generator as a weights file that `infer --model` takes."""
    # Files are passed on: where the pictures lay is nobody's business.
    local = {"workdir", "init", "eval_data", "data", "vgg19", "minutes", "overwrite_config"}
    training = {k: v for k, v in dataclasses.asdict(config).items() if k not in local}
    training["data"] = Path(config.data).name
    about = {"step": step, "validation_psnr": round(psnr, 4), "training": training}
    path = Path(config.workdir) / weights_file.RUN_FILE
    fields = {"factors": FACTORS[config.scale]}
    weights_file.save(path, config.model, fields, model.variables, about)
