"""Datasets by name, kept by TensorFlow Datasets, without TensorFlow, as array_record files.

A picture is stored as the file it came as, never decoded on the way: `{"hr": uint8 [h, w, 3],
"name": bytes}` when it is read. Archives are read where they lie, member by member, so that nothing
is unpacked and no member's name can lead anywhere. What was prepared lies in `data_dir/jsr/NAME`,
its archives in `data_dir/jsr/downloads`.
"""

import contextlib
import hashlib
import io
import logging
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import tensorflow_datasets as tfds

from jsr.data import photos
from jsr.data.photos import Item
from jsr.errors import DataError
from jsr.files import download
from jsr.pictures import folders

MEMBER_BYTES = 1 << 28  # a picture's file is smaller; a larger member is no picture but a bomb


class Archive(NamedTuple):
    """A zip file of pictures, by where it is and what it is."""

    url: str
    size: int  # bytes
    sha256: str


# Each split's archive. Sizes and hashes are those that TFDS 4.9.10 records for its own builders.
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
    """Pictures of zip files or of a folder, as TFDS keeps them; its config names the dataset."""

    VERSION = tfds.core.Version("1.0.0")

    def __init__(self, *, sources: dict[str, Path], **options: Any):
        self._sources = sources
        super().__init__(**options)

    def _info(self) -> tfds.core.DatasetInfo:
        features = tfds.features.FeaturesDict(
            {"hr": tfds.features.Image(shape=(None, None, 3)), "name": tfds.features.Text()}
        )
        return tfds.core.DatasetInfo(builder=self, features=features)

    def _split_generators(self, dl_manager: Any) -> dict[str, Any]:
        return {s: self._generate_examples(path) for s, path in self._sources.items()}

    def _generate_examples(self, path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, content in _folder(path) if path.is_dir() else _archive(path):
            yield name, {"hr": content, "name": name}


def default_dir() -> Path:
    """Returns the folder that TFDS keeps datasets in."""
    return Path(os.environ.get("TFDS_DATA_DIR") or Path.home() / "tensorflow_datasets")


def names(data_dir: str | os.PathLike | None = None) -> list[str]:
    """Returns the names that `prepare` knows, and those of the folders prepared in `data_dir`."""
    found = _root(data_dir).glob("*/1.0.0/dataset_info.json")
    return sorted({*DATASETS, *(path.parts[-3] for path in found)})


def prepare(name: str, *, data_dir: str | os.PathLike | None = None) -> Path:
    """Fetches a dataset, where that was not yet done, and stores it for `open`.

    A folder is stored under its own name. An archive that already lies in `data_dir/jsr/downloads`
    is not fetched.

    Returns:
      the folder that the dataset lies in.

    Raises:
      DataError: no such dataset, it cannot be fetched, or there is nothing in it.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        # Resolved, for "." has no name.
        name, known = re.sub(r"\W+", "_", folder.resolve().name).strip("_") or "pictures", False
        if name in DATASETS:
            raise DataError(f"{folder}: expected another folder name, {name} is a dataset's own")
    else:
        known = name in DATASETS
    home = _root(data_dir) / name / "1.0.0"
    if not folder.is_dir():
        if name not in names(data_dir):
            choices = ", ".join(names(data_dir))
            raise DataError(f"{name}: expected a folder of pictures or one of {choices}")
        if (home / "dataset_info.json").exists():
            return home
    elif (home / "dataset_info.json").exists():
        raise DataError(f"{folder}: expected a new name, {home} exists; delete it to prepare anew")
    elif not photos.items(folder):
        raise DataError(f"{folder}: expected pictures, got none")
    sources = _fetched(name, _root(data_dir) / "downloads") if known else {"train": folder}
    try:
        with _quiet():
            builder = Jsr(
                sources=sources,
                config=tfds.core.BuilderConfig(name=name),
                data_dir=os.fspath(_root(data_dir).parent),
                file_format="array_record",  # written and read without TensorFlow
            )
            builder.download_and_prepare()
    except zipfile.BadZipFile as e:
        raise DataError(f"{name}: an archive is broken ({e})") from e
    except OSError as e:
        raise DataError(f"{name}: cannot be stored in {home}: {e.strerror or e}") from e
    return home


def open(name: str, *, data_dir: str | os.PathLike | None = None, split: str = "train", raw: bool = False) -> Any:
    """Opens a dataset, prepared first if need be.

    Args:
      name: a dataset of `names`.
      data_dir: where datasets are kept; TFDS's own place by default.
      split: "train", or "validation" where the dataset has it.
      raw: leave pictures as the bytes of their files.

    Returns:
      a sequence of `{"hr": uint8 [h, w, 3], "name": bytes}`.

    Raises:
      DataError: no such dataset or split, or it cannot be fetched.
    """
    builder = _builder(name, data_dir)
    if split not in builder.info.splits:
        raise DataError(f"{name}: expected a split of {', '.join(builder.info.splits)}, got {split}")
    decoders = {"hr": tfds.decode.SkipDecoding()} if raw else None
    return builder.as_data_source(split=split, decoders=decoders)


def items(name: str, *, data_dir: str | os.PathLike | None = None) -> tuple[list[Item], list[Item] | None]:
    """Returns the pictures of a dataset's train and validation splits, not yet read.

    The second is None where the dataset has no such split.

    Raises:
      DataError: no such dataset, or it cannot be fetched.
    """
    builder = _builder(name, data_dir)
    changed = Path(builder.data_dir, "dataset_info.json").stat().st_mtime_ns

    def split(split: str) -> list[Item]:
        source = open(name, data_dir=data_dir, split=split, raw=True)
        return [
            photos.bytes_item(f"{name}/{split}/{i}", (changed,), lambda i=i: source[i]["hr"])
            for i in range(len(source))
        ]

    return split("train"), split("validation") if "validation" in builder.info.splits else None


def _builder(name: str, data_dir: str | os.PathLike | None) -> Any:
    if Path(name).is_dir():
        raise DataError(f"{name}: expected the name of a dataset, got a folder")
    return tfds.builder_from_directory(os.fspath(prepare(name, data_dir=data_dir)))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps back TFDS's words on sizes and configs it does not know; its bars are on stderr."""
    logger = logging.getLogger("absl")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)


def _root(data_dir: str | os.PathLike | None) -> Path:
    return (Path(data_dir).expanduser() if data_dir is not None else default_dir()) / "jsr"


def _fetched(name: str, downloads: Path) -> dict[str, Path]:
    """Returns each split's archive, fetched where it is missing."""
    paths = {}
    for split, archive in DATASETS[name].items():
        path = downloads / archive.url.rsplit("/", 1)[-1]
        try:
            if path.exists():
                if _sha256(path) != archive.sha256:
                    raise DataError(f"{path}: expected SHA-256 {archive.sha256}, got another file's")
            else:
                downloads.mkdir(parents=True, exist_ok=True)
                download.fetch(archive.url, path, sha256=archive.sha256)
        except OSError as e:
            raise DataError(
                f"{name}: cannot fetch {archive.url} ({archive.size / 1e9:.1f} GB): {e}; train on "
                f"a folder of pictures with --data DIR, or put the file into {downloads} and run "
                f"python -m jsr.prepare {name}"
            ) from e
        paths[split] = path
    return paths


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _archive(path: Path) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(path) as archive:
        for member in sorted(archive.infolist(), key=lambda m: m.filename):
            name = member.filename
            hidden = name.rsplit("/", 1)[-1].startswith(".") or name.startswith("__MACOSX/")
            if hidden or not name.lower().endswith(folders.SUFFIXES):
                continue
            if member.file_size > MEMBER_BYTES:
                raise zipfile.BadZipFile(f"{name} has {member.file_size} bytes")
            yield name, archive.read(member)  # which checks its CRC


def _folder(path: Path) -> Iterator[tuple[str, bytes]]:
    for item in photos.items(path):
        with item.open() as file:
            yield item.name, file.read()
