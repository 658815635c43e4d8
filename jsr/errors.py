"""The errors that jsr raises, each with a message of one line that tells the user what was expected and what to do.

    Error(ValueError)
    ├── PictureError      a picture file that cannot be read or written
    ├── VideoError        a video file that cannot be read or written
    ├── DataError         a folder, dataset or benchmark set that cannot be trained or scored on
    ├── WeightsError      weights that are missing, damaged, or those of another network
    ├── ConfigError       options that no run can use, or a folder that holds another run
    ├── CheckpointError   a checkpoint that is missing, damaged, or cannot be saved
    ├── TrainingError     a run that cannot go on
    └── DownloadError     a file that cannot be downloaded; an OSError too

Programs catch `Error` and `OSError`. Any other exception is a bug and shows its traceback.
"""


class Error(ValueError):
    """The root of all errors that a user can cause and mend."""


class PictureError(Error):
    """A picture file that cannot be read or written."""


class VideoError(Error):
    """A video file that cannot be read or written."""


class DataError(Error):
    """A folder, dataset or benchmark set that cannot be trained or scored on."""


class WeightsError(Error):
    """Weights that are missing, damaged, or those of another network."""


class ConfigError(Error):
    """Options that no run can use, or a folder that holds another run."""


class CheckpointError(Error):
    """A checkpoint that is missing, damaged, or cannot be saved."""


class TrainingError(Error):
    """A run that cannot go on."""


class DownloadError(Error, OSError):
    """A file that cannot be downloaded; the caller knows its address."""
