"""Named datasets, stored as array_record files by TensorFlow Datasets (TFDS), which is imported here alone.

TFDS does not need TensorFlow for these files. A photograph is stored as the file it came as, without being decoded. A
dataset lies in `data_dir/jsr/NAME/1.0.0`, the archives that it came as in `data_dir/jsr/downloads`.
"""

import contextlib
import importlib
import io
import logging
import os
import re
import zipfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import tensorflow_datasets as tfds

from jsr.data import archives, photos
from jsr.data.archives import Archive
from jsr.data.photos import Photo
from jsr.errors import DataError

# The archive of each split, with the size and hash that TFDS 4.9.10 records for its own builders.
DATASETS = {
    # Agustsson and Timofte 2017: 800 and 100 photographs of about 2040x1400 pixels.
    "div2k": {
        "train": Archive(
            "https://data.vision.ee.ethz.ch/cvl/DIV2K/DIV2K_train_HR.zip",
            3530603713,
            "9d0b9c463f6e35b6c62cc6a930ee2224f670b34c1df841a57670f9acf0f6c335",
        ),
        "validation": Archive(
            "https://data.vision.ee.ethz.ch/cvl/DIV2K/DIV2K_valid_HR.zip",
            448993893,
            "20dd31fd84d777bc1cf5d6b7654a3f569c0aec74458ae094122ad1d0489900fc",
        ),
    },
    # Lin et al. 2014: 82,783 photographs of about 640x480 pixels.
    "coco2014": {
        "train": Archive(
            "http://images.cocodataset.org/zips/train2014.zip",
            13510573713,
            "ede4087e640bddba550e090eae701092534b554b42b05ac33f0300b984b31775",
        ),
    },
}


class Jsr(tfds.core.GeneratorBasedBuilder):
    """Writes the photographs of archives or of a folder as TFDS stores them; its config names the dataset."""

    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, *, sources: dict[str, Path], **options: Any) -> None:
        self._sources = sources
        super().__init__(**options)

    def _info(self) -> tfds.core.DatasetInfo:
        features = tfds.features.FeaturesDict(
            {"hr": tfds.features.Image(shape=(None, None, 3)), "name": tfds.features.Text()}
        )
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {split: self._generate_examples(path) for split, path in self._sources.items()}

    def _generate_examples(self, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, content in _files(path) if path.is_dir() else archives.members(path):
            yield name, {"hr": content, "name": name}


def default_dir() -> Path:
    """Returns the folder that TFDS keeps datasets in."""
    return Path(os.environ.get("TFDS_DATA_DIR") or Path.home() / "tensorflow_datasets")


def names(data_dir: str | os.PathLike[str] | None = None) -> list[str]:
    """Returns the names of DATASETS and of the folders prepared in `data_dir`."""
    prepared = _root(data_dir).glob("*/1.0.0/dataset_info.json")
    return sorted({*DATASETS, *(path.parts[-3] for path in prepared)})


def prepare(name: str, *, data_dir: str | os.PathLike[str] | None = None) -> Path:
    """Fetches and stores a dataset, unless that was done before; stores a folder under its own name.

    An archive that already lies in `data_dir/jsr/downloads` is not fetched.

    Returns:
      the folder of the stored dataset.

    Raises:
      DataError: no such dataset, one that cannot be fetched or stored, a folder without pictures or with the name of a
        stored dataset, or no array_record.
    """
    if Path(name).expanduser().is_dir():
        return _prepare_folder(Path(name).expanduser(), data_dir)
    if name not in names(data_dir):
        raise DataError(f"{name}: expected a folder of pictures or one of {', '.join(names(data_dir))}")
    _require_array_record(name)
    home = _home(name, data_dir)
    if not _is_stored(home):
        _store(name, _fetched(name, _root(data_dir) / "downloads"), data_dir)
    return home


def source(
    name: str, *, data_dir: str | os.PathLike[str] | None = None, split: str = "train", is_raw: bool = False
) -> Sequence[dict[str, Any]]:
    """Returns the photographs of a dataset's split, each read when it is indexed; prepares the dataset if need be.

    Args:
      name: one of `names`.
      data_dir: the folder of datasets; that of TFDS by default.
      split: "train", or "validation" where the dataset has it.
      is_raw: whether "hr" is the content of the picture file.

    Returns:
      a sequence of `{"hr": uint8 [h, w, 3], "name": bytes}`.

    Raises:
      DataError: no such dataset or split, or one that cannot be prepared.
    """
    builder = _builder(name, data_dir)
    if split not in builder.info.splits:
        raise DataError(f"{name}: expected a split of {', '.join(builder.info.splits)}, got {split}")
    decoders = {"hr": tfds.decode.SkipDecoding()} if is_raw else None
    return builder.as_data_source(split=split, decoders=decoders)


def photographs(name: str, *, data_dir: str | os.PathLike[str] | None = None) -> tuple[list[Photo], list[Photo] | None]:
    """Returns the photographs of a dataset's train and validation splits; None for a split that it does not have.

    Raises:
      DataError: no such dataset, or one that cannot be prepared.
    """
    builder = _builder(name, data_dir)
    changed = Path(builder.data_dir, "dataset_info.json").stat().st_mtime_ns

    def in_split(split: str) -> list[Photo]:
        examples = source(name, data_dir=data_dir, split=split, is_raw=True)
        return [
            photos.from_bytes(f"{name}/{split}/{i}", (changed,), lambda i=i: examples[i]["hr"])
            for i in range(len(examples))
        ]

    return in_split("train"), in_split("validation") if "validation" in builder.info.splits else None


def _prepare_folder(folder: Path, data_dir: str | os.PathLike[str] | None) -> Path:
    """Stores the pictures of a folder under the folder's name."""
    # Resolved, because the name of "." is empty.
    name = re.sub(r"\W+", "_", folder.resolve().name).strip("_") or "pictures"
    home = _home(name, data_dir)
    if name in DATASETS:
        raise DataError(f"{folder}: expected another folder name, {name} is a dataset's own")
    if _is_stored(home):
        raise DataError(f"{folder}: expected a new name, {home} exists; delete it to prepare anew")
    if not photos.in_folder(folder):
        raise DataError(f"{folder}: expected pictures, got none")
    _require_array_record(name)
    _store(name, {"train": folder}, data_dir)
    return home


def _store(name: str, sources: dict[str, Path], data_dir: str | os.PathLike[str] | None) -> None:
    """Writes a dataset from the archive or folder of each split."""
    try:
        with _quiet():
            builder = Jsr(
                sources=sources,
                config=tfds.core.BuilderConfig(name=name),
                data_dir=os.fspath(_root(data_dir).parent),
                file_format="array_record",  # written and read without TensorFlow
            )
            builder.download_and_prepare()
    except zipfile.BadZipFile as error:
        raise DataError(f"{name}: an archive is broken ({error})") from error
    except OSError as error:
        raise DataError(f"{name}: cannot be stored in {_home(name, data_dir)}: {error.strerror or error}") from error


def _builder(name: str, data_dir: str | os.PathLike[str] | None) -> Any:
    """Returns TFDS's builder of a dataset, prepared first if need be."""
    if Path(name).is_dir():
        raise DataError(f"{name}: expected the name of a dataset, got a folder")
    return tfds.builder_from_directory(os.fspath(prepare(name, data_dir=data_dir)))


def _require_array_record(name: str) -> None:
    """Checks that TFDS can read and write its files; it imports array_record only then."""
    try:
        importlib.import_module("array_record")
    except ImportError as error:
        raise DataError(
            f"{name}: named datasets need array_record, which is not installed and has no Windows build;"
            " a folder of pictures works: --data DIR"
        ) from error


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Hides TFDS's messages about unknown sizes and configs; its progress bars are on stderr."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)


def _root(data_dir: str | os.PathLike[str] | None) -> Path:
    return (Path(data_dir).expanduser() if data_dir is not None else default_dir()) / "jsr"


def _home(name: str, data_dir: str | os.PathLike[str] | None) -> Path:
    return _root(data_dir) / name / "1.0.0"


def _is_stored(home: Path) -> bool:
    return (home / "dataset_info.json").exists()


def _fetched(name: str, downloads: Path) -> dict[str, Path]:
    """Returns the archive of each split, fetched where it is missing."""
    paths = {}
    for split, archive in DATASETS[name].items():
        try:
            paths[split] = archive.fetch(downloads)
        except OSError as error:
            raise DataError(
                f"{name}: cannot fetch {archive.url} ({archive.size / 1e9:.1f} GB): {error}; train on a folder of"
                f" pictures with --data DIR, or put the file into {downloads} and run python -m jsr.prepare {name}"
            ) from error
    return paths


def _files(path: Path) -> Iterator[tuple[str, bytes]]:
    """Yields the name and content of each picture file of a folder."""
    for photo in photos.in_folder(path):
        with photo.open() as file:
            yield photo.name, file.read()
