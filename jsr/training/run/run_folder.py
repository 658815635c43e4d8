"""The folder of a training run: its paths, its recorded configuration, and the generator that it exports."""

import dataclasses
import json
from pathlib import Path
from typing import Any

from jsr.errors import ConfigError
from jsr.files import atomic
from jsr.models import Model
from jsr.training.config import FACTORS, Config, names, private
from jsr.training.run import checkpoints
from jsr.weights import file as weights_file

EARLIER_TEMPORARY = ".config.json"  # version 0.1 left this one behind when it was killed
DIGEST = "data_digest"  # in config.json, beside the options


@dataclasses.dataclass(frozen=True)
class RunFolder:
    """The folder of one run."""

    path: Path

    @property
    def config(self) -> Path:
        """The configuration, as JSON."""
        return self.path / "config.json"

    @property
    def checkpoints(self) -> Path:
        """The folder of checkpoints, one subfolder each."""
        return self.path / "checkpoints"

    @property
    def samples(self) -> Path:
        """The folder of sample pictures."""
        return self.path / "samples"

    @property
    def metrics(self) -> Path:
        """The record: one JSON object per line."""
        return self.path / "metrics.jsonl"

    @property
    def generator(self) -> Path:
        """The exported weights, where `jsr.load` looks for those of a run."""
        return self.path / weights_file.RUN_FILE

    def recorded(self) -> dict[str, Any]:
        """Reads the recorded configuration: the values of options by their names.

        Raises:
          ConfigError: the file is not a run's configuration.
          OSError: it cannot be read.
        """
        try:
            # A run recorded before an option existed behaved like the option's default.
            return dataclasses.asdict(Config()) | json.loads(self.config.read_text("utf-8"))
        except (ValueError, TypeError) as error:
            raise ConfigError(f"{self.config}: expected a run's configuration, got {error}") from error

    def differences(self, config: Config) -> str | None:
        """Compares a configuration with the recorded one, all but the data; the folder may also be new or empty.

        Returns:
          the options that differ and change the computation, where `config.overwrite_config` permits it; else None.

        Raises:
          ConfigError: the folder holds another run, or something that is no run.
        """
        if not self.config.exists():
            if self._has_other_files():
                raise ConfigError(f"--workdir: expected a run's folder or a new one, got {self.path}")
            return None
        old = self.recorded()
        new = dataclasses.asdict(config)
        free, on_request = names("freely"), names("on request")
        changed = [name for name in new if name not in (*free, "data", "lr") and old[name] != new[name]]
        # A constant rate does not depend on the number of steps, so such a run may be made longer.
        if config.schedule == old["schedule"] == "constant" and "steps" in changed:
            changed.remove("steps")
        if not changed:
            return None
        listed = ", ".join(f"{name} {old[name]} there, {new[name]} here" for name in changed)
        fixed = [name for name in changed if name not in on_request]
        if fixed and config.overwrite_config:
            permitted = f"--overwrite-config allows for other {', '.join(on_request)}, not {fixed[0]}"
            raise ConfigError(f"{self.path} holds another run ({listed}); {permitted}")
        if not config.overwrite_config:
            alternative = "" if fixed else " or give --overwrite-config"
            raise ConfigError(f"{self.path} holds another run ({listed}); choose another --workdir{alternative}")
        return listed

    def data_differences(self, config: Config, digest: str) -> str | None:
        """Compares the photographs with those that the run was trained on: by their content, wherever they lie.

        So are the low-resolution pictures, where the photographs have their own.

        A run that was recorded without a digest is compared by the path of its data.

        Args:
          digest: of the photographs of `config.data`, by `data.collection`.

        Returns:
          a phrase for photographs that differ, where `config.overwrite_config` permits it; else None.

        Raises:
          ConfigError: the photographs differ.
        """
        if not self.config.exists():
            return None
        old = self.recorded()
        if DIGEST in old:
            is_same = old[DIGEST] == digest
            places = f"--data {config.data}" + (f" or --lr {config.lr}" if config.lr else "")
            text = f"names, sizes or contents of the pictures in {places} differ from those it began with"
        else:
            is_same = Path(old["data"]).expanduser().resolve() == Path(config.data).expanduser().resolve()
            is_same = is_same and not config.lr  # such a run is older than the option
            text = f"data {old['data']} there, {config.data} here" + (f" with --lr {config.lr}" if config.lr else "")
        if is_same:
            return None
        if not config.overwrite_config:
            raise ConfigError(
                f"{self.path} holds a run on other data ({text}); choose another --workdir or give --overwrite-config"
            )
        return text

    def write_config(self, config: Config, *, digest: str) -> None:
        """Records the configuration, and removes temporary files of killed processes.

        Args:
          digest: of the photographs of `config.data`.

        Raises:
          OSError: the folder or the file cannot be written.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        recorded = dataclasses.asdict(config) | {DIGEST: digest}
        del recorded["overwrite_config"]  # a permission for one command, not a part of the run
        atomic.write_text(self.config, json.dumps(recorded, indent=2) + "\n")
        atomic.sweep(self.path)

    def export(self, model: Model, config: Config, *, step: int, psnr: float) -> None:
        """Writes the averaged generator as a weights file.

        Args:
          psnr: of the validation at this step, in dB.

        Raises:
          OSError: the file cannot be written.
        """
        secret = private()
        training = {name: value for name, value in dataclasses.asdict(config).items() if name not in secret}
        training["data"] = Path(config.data).name  # without the path, which is private
        if config.lr:
            training["lr"] = Path(config.lr).name
        metadata = {"step": step, "validation_psnr": round(psnr, 4), "training": training}
        fields = {"factors": FACTORS[config.scale]}
        weights_file.save(self.generator, config.model, fields, model.variables, metadata)

    def newest_srresnet(self, *, scale: int) -> Path | None:
        """Finds the SRResNet run of a scale that was changed last, among the folders beside this one.

        Only runs with a checkpoint count.
        """
        found = []
        for path in self.path.absolute().parent.glob("*/config.json"):
            folder = RunFolder(path.parent)
            try:
                recorded = folder.recorded()
            except (OSError, ConfigError):
                continue
            kind = recorded["phase"], recorded["model"], recorded["scale"]
            if kind == ("srresnet", "srresnet", scale) and checkpoints.exists(folder.checkpoints):
                found.append((path.stat().st_mtime, folder.path))
        return max(found)[1] if found else None

    def _has_other_files(self) -> bool:
        """Returns whether the path is a file or a folder with files, beside those that a killed process left."""
        if not self.path.is_dir():
            return self.path.exists()
        files = (path.name for path in self.path.iterdir())
        return any(not atomic.TEMPORARY.fullmatch(name) and name != EARLIER_TEMPORARY for name in files)
