"""Tests ../../experiments/dictionaries.py."""

import numpy as np
import pytest

from experiments import dictionaries


@pytest.fixture
def planted(rng):
    """Atoms, and features that are combinations of two of them, and these: `[30, 20]`, `[1500, 20]`, `[1500, 30]`."""
    atoms = dictionaries.unit(rng.normal(size=(30, 20)).astype(np.float32))
    codes = np.zeros((1500, 30), np.float32)
    for code in codes:
        code[rng.choice(30, 2, replace=False)] = rng.choice([-1, 1], 2) * rng.uniform(0.5, 1.5, 2)
    return atoms, codes @ atoms, codes


def _pursue(feature, atoms, nonzeros):
    """Orthogonal matching pursuit by least squares."""
    rest, chosen, coefficients = feature, [], None
    for _ in range(nonzeros):
        chosen.append(int(np.argmax(np.abs(atoms @ rest))))
        coefficients = np.linalg.lstsq(atoms[chosen].T, feature, rcond=None)[0]
        rest = feature - coefficients @ atoms[chosen]
    return chosen, coefficients


def test_unit_scales_rows_to_length_one(rng):
    rows = rng.normal(size=(5, 3)).astype(np.float32)
    scaled = dictionaries.unit(rows)
    np.testing.assert_allclose(np.linalg.norm(scaled, axis=1), 1, rtol=1e-6)
    np.testing.assert_allclose(np.cross(scaled, rows), 0, atol=1e-6)
    assert (dictionaries.unit(0 * rows) == 0).all()


def test_encode_is_orthogonal_matching_pursuit(rng):
    atoms = dictionaries.unit(rng.normal(size=(40, 9)).astype(np.float32))
    features = rng.normal(size=(50, 9)).astype(np.float32)
    indices, coefficients = dictionaries.encode(features, atoms, nonzeros=4)
    for feature, ours, weights in zip(features, np.asarray(indices), np.asarray(coefficients), strict=True):
        expected, expected_weights = _pursue(feature, atoms, 4)
        assert ours.tolist() == expected
        np.testing.assert_allclose(weights, np.asarray(expected_weights), atol=1e-4)


def test_ksvd_finds_the_atoms_that_features_are_made_of(rng, planted):
    """As in the synthetic experiment of Aharon, Elad & Bruckstein 2006."""
    atoms, features, _ = planted
    learned = dictionaries.ksvd(rng, features, atoms=30, nonzeros=2, rounds=30)
    np.testing.assert_allclose(np.linalg.norm(learned, axis=1), 1, rtol=1e-5)
    assert (np.abs(atoms @ learned.T).max(axis=1) > 0.99).mean() > 0.7


def test_ksvd_with_one_coefficient_finds_directions(rng):
    """Features around three directions of either sign; an atom that none resembles is replaced."""
    directions = np.eye(6, dtype=np.float32)[:3]
    signs = rng.choice([-1, 1], (600, 1))
    features = signs * directions[rng.integers(0, 3, 600)] + 0.02 * rng.normal(size=(600, 6))
    learned = dictionaries.ksvd(rng, features.astype(np.float32), atoms=5, nonzeros=1, rounds=8)
    assert (np.abs(learned @ directions.T).max(axis=0) > 0.999).all()


def test_large_atoms_represent_the_details_by_the_codes_of_the_features(rng, planted):
    codes = planted[2]
    orthonormal = np.linalg.qr(rng.normal(size=(30, 30)))[0].astype(np.float32)  # codes are then found exactly
    large = rng.normal(size=(30, 7)).astype(np.float32)
    learned = dictionaries.large_atoms(codes @ orthonormal, codes @ large, orthonormal, nonzeros=2)
    np.testing.assert_allclose(learned, large, atol=1e-3)


def test_large_atoms_of_unused_atoms_are_zero(rng):
    features = np.outer(rng.normal(size=20), [1, 0, 0]).astype(np.float32)
    details = rng.normal(size=(20, 4)).astype(np.float32)
    learned = dictionaries.large_atoms(features, details, np.eye(3, dtype=np.float32), nonzeros=1)
    assert np.abs(learned[0]).max() > 0.1 and (learned[1:] == 0).all()


def test_regressions_are_those_of_the_nearest_features(rng):
    """Two groups of features, of which each has its own linear map, at any length and either sign."""
    centres = np.eye(8, dtype=np.float32)[:2]
    group = rng.integers(0, 2, 400)
    features = centres[group] + 0.1 * rng.normal(size=(400, 8)).astype(np.float32)
    features *= (rng.choice([-1, 1], (400, 1)) * rng.uniform(0.5, 4, (400, 1))).astype(np.float32)
    maps = rng.normal(size=(2, 8, 5)).astype(np.float32)
    details = np.einsum("nd,ndp->np", features, maps[group])
    learned = dictionaries.regressions(features, details, centres, neighbours=100, ridge=1e-8)
    np.testing.assert_allclose(learned, maps, atol=1e-2)
    shrunk = dictionaries.regressions(features, details, centres, neighbours=100, ridge=1e3)
    assert np.abs(shrunk).max() < 0.2 * np.abs(maps).max()
