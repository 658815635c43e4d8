"""What `jsr.infer` says of options that other programs have: those of jsr/README.md, and more."""

INPUTS = "pictures and folders are named without an option"
MODEL = "the model is --model, a name or a file"
DENOISING = "noise and JPEG are removed by --restore"
DEVICE = "JAX takes the device that it finds; JAX_PLATFORMS=cpu chooses"
SEAMS = "there are no seams to avoid; the size of a tile is --tile"
FFMPEG = "ffmpeg does it, before or after"
DEPTH = "a result has the depth and the channels of its picture"
HABITS = {
    "-i": INPUTS,
    "--input": INPUTS,
    "-n": MODEL + "; noise is removed by --restore",
    "--model-name": MODEL,
    "--model_name": MODEL,
    "--model-path": MODEL,
    "--model_path": MODEL,
    "--model-dir": MODEL,
    "-m": MODEL + "; noise is removed by --restore",
    "--method": "the scale is --scale, and noise is removed by --restore",
    "--style": "the bundled models are for photographs; others are given by --model",
    "-z": "a model's scale is in its weights; that of the result is --scale",
    "--outscale": "the scale is --scale",
    "-w": "the width of the result is --width",
    "-r": "folders are always searched with their sub-folders; a size is --width and --height",
    "--recursive": "folders are always searched with their sub-folders",
    "-f": "the format is --format",
    "--ext": "the format is --format",
    "-c": "the strength of the compression is --quality",
    "--crf": "the strength of the compression is --quality",
    **dict.fromkeys(
        ("--preset", "--tune", "--max-fps", "--vf", "--pix-fmt", "--grain", "--rotate-left", "--rotate-right"), FFMPEG
    ),
    "-y": "earlier results are replaced; --skip-existing keeps them",
    "--resume": "what is done is left out by --skip-existing",
    "-d": DENOISING,  # of -dn
    "--denoise": DENOISING,
    "--denoise_strength": DENOISING,
    "--noise-level": DENOISING,
    "-x": "the mean over flips and turns is --ensemble",
    "--tta": "the mean over flips and turns is --ensemble",
    "-t": "the size of a tile is --tile",
    "--tile-size": "the size of a tile is --tile",
    "--tile_pad": SEAMS,
    "--pre_pad": SEAMS,
    "-g": DEVICE,
    "--gpu": DEVICE,
    "--gpu-id": DEVICE,
    "-j": "all cores are used",
    "--batch-size": "one tile is computed at a time; its size is --tile",
    "--half": "the precision is --precision bf16",
    "--fp32": "the precision is --precision, fp32 by default",
    "--disable-amp": "the precision is --precision, fp32 by default",
    "--alpha_upsampler": "transparency is always enlarged bicubically",
    "--depth": DEPTH,
    "--grayscale": DEPTH,
    "--image-lib": DEPTH,
    "--face_enhance": "there is no model of faces, because it would invent them",
}
