"""What tests of `jsr.infer` share: its calls, pictures of noise, and small networks."""

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageCms

from jsr import infer
from jsr.models import Model
from jsr.models.srresnet import SRResNet
from jsr.weights import file as weights_file

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def picture(name, height=6, width=8, *, seed=0, **options):
    """Saves a picture of noise, with options of Pillow; returns its pixels."""
    pixels = np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return pixels


def run(*argv):
    """Runs the command with bicubic interpolation, which is quick; returns its status."""
    return infer.main([*argv, "--model", "bicubic"])


def refused(capsys, *argv):
    """Runs the command with wrong arguments; returns its only line."""
    with pytest.raises(SystemExit) as stop:
        infer.main(list(argv))
    output = capsys.readouterr()
    assert stop.value.code == 2 and output.out == ""
    assert output.err.count("\n") == 1 and output.err.startswith("jsr.infer: error: ")
    return output.err


def size(path):
    """Returns the width and height of a picture file."""
    with Image.open(path) as image:
        return image.size


def network(path, *, factors=(2, 2), seed=0):
    """A small random network; returns the model as it is saved."""
    fields = {"factors": factors, "features": 4, "blocks": 1}
    module = SRResNet(**fields)
    variables: Any = module.init(jax.random.key(seed), jnp.zeros((1, 8, 8, 3)))
    weights_file.save(path, "srresnet", fields, variables, {})
    return Model(module, variables, {})
