"""Measures models on videos: fidelity to compressed clips, and flicker: `python -m scripts.measure_video HR_PICTURES`.

The table in `jsr/video/README.md` comes from here. PSNR and LPIPS: a clip pans over each picture by fractions of a
pixel, is reduced four times by antialiased bicubic interpolation, and encoded by x264; "raw" is not encoded. Flicker:
the frames of a clip show one still scene, each with noise and JPEG compression of its own; the mean absolute difference
between consecutive results, divided by bicubic interpolation's, tells how much of what changes in the input is
amplified.
"""

import argparse
import io
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
from PIL import Image

from jsr import command_line, pictures
from jsr.metrics import fidelity, lpips, lpips_model
from jsr.models import Model
from jsr.upscaling import tiles
from jsr.weights import zoo

MODELS = (
    *("bicubic", "espcn", "srcnn", "light", "light-photo", "srresnet", "srresnet-photo", "blend:0,0.5"),
    *(zoo.DEFAULT, "srgan", "srgan-photo"),
)
HEIGHT, WIDTH = 72, 110  # of the small clips; four times as large fits in the pictures of BSD100
FRAMES, SCORED = 12, (5, 11)  # of a clip; the second lies far from its key frame
PAN = (1.3, 2.7)  # pixels of the picture, down and right, from frame to frame
FACTORS = (None, 18, 23, 28)  # x264's CRF; None for a clip that is not encoded
NOISE, QUALITY = 3.0, 75  # levels of 255, and of JPEG, of the still scene
BICUBIC = MODELS[0]


def clip(picture: Image.Image) -> Iterator[Image.Image]:
    """Yields large frames that pan over a picture."""
    for i in range(FRAMES):
        matrix = (1, 0, i * PAN[1], 0, 1, i * PAN[0])
        yield picture.transform((4 * WIDTH, 4 * HEIGHT), Image.Transform.AFFINE, matrix, Image.Resampling.BICUBIC)


def small(frame: Image.Image) -> np.ndarray:
    """Returns a frame, four times smaller."""
    return np.asarray(frame.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC))


def compressed(frames: list[np.ndarray], crf: int) -> list[np.ndarray]:
    """Returns frames as H.264 shows them."""
    file = io.BytesIO()
    with av.open(file, "w", format="matroska") as container:
        stream = container.add_stream("libx264", rate=24, options={"crf": str(crf)})
        stream.height, stream.width = frames[0].shape[:2]
        for i, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts = i
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    file.seek(0)
    with av.open(file, "r") as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


def still(frame: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Returns a still scene as one frame of a camera shows it, with noise and JPEG compression."""
    noisy = np.clip(np.round(frame + rng.normal(0, NOISE, frame.shape)), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noisy).save(file, "JPEG", quality=QUALITY)
    return np.asarray(Image.open(file))


def flicker(model: Model, frames: list[np.ndarray]) -> float:
    """Returns the mean absolute difference between consecutive results, in levels of 255."""
    large = [tiles.upscale(model, frame).astype(np.float32) for frame in frames]
    return float(np.mean([np.abs(b - a).mean() for a, b in zip(large, large[1:], strict=False)]))


def main() -> None:
    """Prints a table in Markdown, a row for each model."""
    parser = command_line.Parser(prog="python -m scripts.measure_video", description="Measures models on videos.")
    parser.add_argument("folder", type=Path, help="of pictures of 480x320 pixels or more")
    parser.add_argument("--count", type=int, default=12, help="of pictures (default: 12)")
    args: argparse.Namespace = parser.parse_args()
    reference = lpips_model.load()
    if reference is None:
        parser.error("expected the weights of LPIPS; jsr fetch lpips gets them")
    found = []
    for path in pictures.list_pictures(args.folder):
        picture = Image.fromarray(pictures.rgb(pictures.read(path)))
        if picture.width >= 4 * WIDTH + PAN[1] * FRAMES and picture.height >= 4 * HEIGHT + PAN[0] * FRAMES:
            found.append([*clip(picture)])
    clips = found[: args.count]
    if not clips:
        parser.error(f"{args.folder}: expected pictures of 480x320 pixels or more")

    rng = np.random.default_rng(0)
    scenes = [[still(small(frames[0]), rng) for _ in range(4)] for frames in clips]
    inputs = {}
    for crf in FACTORS:
        for number, frames in enumerate(clips):
            reduced = [small(frame) for frame in frames]
            inputs[crf, number] = reduced if crf is None else compressed(reduced, crf)

    heads = ["raw" if crf is None else f"CRF {crf}" for crf in FACTORS]
    print("| `--model` | " + " | ".join(heads) + " | flicker |")
    print("|---" * (2 + len(FACTORS)) + "|")
    steady = 1.0
    for name in MODELS:
        model, cells = zoo.ready(name), []
        for crf in FACTORS:
            scores = []
            for number, frames in enumerate(clips):
                for i in SCORED:
                    large, truth = tiles.upscale(model, inputs[crf, number][i]), np.asarray(frames[i])
                    scores.append((fidelity.psnr(large, truth), lpips.distance(large, truth, reference)))
            cells.append(" / ".join(f"{mean:.{2 + k}f}" for k, mean in enumerate(np.mean(scores, axis=0))))
        change = float(np.mean([flicker(model, frames) for frames in scenes]))
        steady = change if name == BICUBIC else steady
        print(f"| `{name}` | {' | '.join(cells)} | {change / steady:.2f} |", flush=True)


if __name__ == "__main__":
    main()
