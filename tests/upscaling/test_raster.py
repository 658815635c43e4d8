"""Tests ../../jsr/upscaling/raster.py, and rasters from file to file."""

import numpy as np
import pytest
import tifffile
from scipy import ndimage

from jsr import infer, pictures
from jsr.models import Model
from jsr.models.classical.interpolation import Interpolation
from jsr.pictures import Raster
from jsr.upscaling import raster
from jsr.weights import zoo

BICUBIC = Model(Interpolation(), {}, {})


@pytest.fixture
def field(rng):
    """Smooth measurements of two bands, of very different ranges, with a few outliers."""
    smooth = ndimage.gaussian_filter(rng.normal(size=(40, 50, 2)), (3, 3, 0))
    smooth = smooth / smooth.std(axis=(0, 1)) * (3.0, 2e5) + (280.0, -5e6)
    smooth[5, 7] *= 1.5
    return smooth


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int32])
@pytest.mark.parametrize("name", ["bicubic", "espcn"])
def test_bands_keep_their_type_and_mean(field, dtype, name):
    """Within a thousandth of the mean, or of the range where the mean is nothing beside it."""
    samples = field.astype(dtype)
    large = raster.enlarge(zoo.ready(name), Raster(samples)).samples
    assert large.dtype == dtype and large.shape == (160, 200, 2)
    means, expected = (x.astype(np.float64).mean(axis=(0, 1)) for x in (large, samples))
    np.testing.assert_allclose(means, expected, rtol=1e-3)


def test_bicubic_of_a_band_is_bicubic_whatever_its_range(field):
    """What lies beyond the percentiles, and what rounding loses, is not lost."""
    large = raster.enlarge(BICUBIC, Raster(field)).samples
    plain = raster.resized(Raster(field), 160, 200).samples
    spread = field.max(axis=(0, 1)) - field.min(axis=(0, 1))
    # Bicubic overshoots the levels that a model returns, where it is clipped: at the outlier alone.
    assert np.quantile(abs(large - plain) / spread, 0.99) < 1e-4


def test_limits_are_those_that_are_asked_for(field):
    """The further apart they are, the fewer levels are left for the model, and the more is the bicubic rest."""
    near = raster.enlarge(BICUBIC, Raster(field[..., :1]), limits=(200.0, 500.0))
    far = raster.enlarge(BICUBIC, Raster(field[..., :1]), limits=(-1000.0, 3000.0))
    np.testing.assert_allclose(near.samples, far.samples, atol=0.05)
    assert near.metadata.notes == ("range of the model: 200 to 500",)


@pytest.mark.parametrize("missing", [None, -9999.0])
def test_missing_values_stay_missing_and_touch_no_others(field, missing):
    samples = np.full((40, 50, 1), 7.0)
    samples[10:20, 10:25] = np.nan if missing is None else missing
    large = raster.enlarge(BICUBIC, Raster(samples, missing=missing)).samples
    is_missing = np.isnan(large) if missing is None else large == missing
    expected = np.zeros((160, 200, 1), bool)
    expected[40:80, 40:100] = True
    np.testing.assert_array_equal(is_missing, expected)
    np.testing.assert_allclose(large[~expected], 7.0, atol=1e-3)


def test_colours_share_their_limits(rng):
    """Scaled each by itself, grey would get a tint."""
    samples = rng.random((20, 20, 4)).astype(np.float32)
    samples[..., 1] = samples[..., 0]
    samples[..., 2] = samples[..., 0]
    large = raster.enlarge(BICUBIC, Raster(samples, is_rgb=True)).samples
    np.testing.assert_allclose(large[..., 0], large[..., 1], atol=1e-6)
    np.testing.assert_allclose(large[..., 0], large[..., 2], atol=1e-6)


def test_a_satellite_picture_keeps_bands_type_and_place(tmp_path, rng, capsys):
    samples = rng.integers(0, 10000, (24, 32, 6), np.uint16)
    scale = (33550, "d", 3, (10.0, 10.0, 0.0), True)
    tie = (33922, "d", 6, (0, 0, 0, 500000.0, 5400000.0, 0), True)
    tifffile.imwrite(tmp_path / "a.tif", samples, planarconfig="contig", extratags=[scale, tie])
    assert infer.main([str(tmp_path / "a.tif"), "-o", str(tmp_path / "b.tif"), "--model", "bicubic"]) == 0
    with tifffile.TiffFile(tmp_path / "b.tif") as file:
        page = file.pages[0]
        assert isinstance(page, tifffile.TiffPage)
        large = page.asarray()
        assert page.tags[33550].value == (2.5, 2.5, 0.0) and page.tags[33922].value[3:5] == (500000.0, 5400000.0)
    assert large.shape == (96, 128, 6) and large.dtype == np.uint16
    np.testing.assert_allclose(large.mean(axis=(0, 1)), samples.mean(axis=(0, 1)), rtol=1e-3)
    assert infer.main([str(tmp_path / "a.tif"), "--model", "bicubic"]) == 0
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a_x4.tif"), large)
    capsys.readouterr()
    assert infer.main([str(tmp_path / "a.tif"), "--model", "bicubic", "--format", "png"]) == 1
    message = capsys.readouterr().err
    assert "such as -o NAME.tif or --format tiff, for 6 bands of uint16" in message and message.count("\n") == 1


def test_an_array_of_numpy_becomes_one(tmp_path, field):
    np.save(tmp_path / "a.npy", field.astype(np.float32))
    assert infer.main([str(tmp_path / "a.npy"), "--model", "bicubic", "--scale", "2"]) == 0
    large = np.load(tmp_path / "a_x2.npy")
    assert large.shape == (80, 100, 2) and large.dtype == np.float32
    np.testing.assert_allclose(large.mean(axis=(0, 1)), field.mean(axis=(0, 1)), rtol=1e-3)


def test_a_slice_of_dicom_keeps_its_unit(tmp_path, rng, capsys):
    """Hounsfield units: stored values, times a slope, plus an intercept."""
    pydicom = pytest.importorskip("pydicom")
    stored = rng.integers(0, 2000, (24, 32)).astype(np.uint16)
    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = pydicom.uid.ExplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID = pydicom.uid.CTImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID = pydicom.uid.generate_uid()
    dataset.Rows, dataset.Columns = stored.shape
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation = 15, 0
    dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
    dataset.PixelData = stored.tobytes()
    dataset.save_as(tmp_path / "a.dcm", enforce_file_format=True)
    assert infer.main([str(tmp_path / "a.dcm"), "--model", "bicubic"]) == 0
    large = tifffile.imread(tmp_path / "a_x4.tif")
    assert large.dtype == np.int16 and large.shape == (96, 128)
    np.testing.assert_allclose(large.mean(), stored.mean() - 1024, atol=1)
    assert "what DICOM says of patient and device is not kept" in capsys.readouterr().out


def test_three_bands_become_colours(tmp_path, rng, capsys):
    """Of whole numbers, a picture in any format; of others, a raster with colours."""
    samples = rng.integers(0, 10000, (24, 32, 6), np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", samples, planarconfig="contig")
    arguments = ["--bands", "3", "0", "5", "--model", "bicubic"]
    assert infer.main([str(tmp_path / "a.tif"), "--format", "png", *arguments]) == 0
    picture = pictures.read(tmp_path / "a_x4.png").pixels
    assert picture.shape == (96, 128, 3) and picture.dtype == np.uint16
    np.testing.assert_allclose(picture.mean(axis=(0, 1)), samples[..., [3, 0, 5]].mean(axis=(0, 1)), rtol=1e-3)
    tifffile.imwrite(tmp_path / "f.tif", samples.astype(np.float32), planarconfig="contig")
    assert infer.main([str(tmp_path / "f.tif"), *arguments]) == 0
    large = pictures.open(tmp_path / "f_x4.tif")
    assert isinstance(large, Raster) and large.is_rgb and large.samples.shape == (96, 128, 3)
    assert infer.main([str(tmp_path / "a.tif"), "--bands", "0", "1", "6"]) == 1
    assert "--bands: expected 0 to 5, got 0 1 6" in capsys.readouterr().err
