"""The drawn pictures: their light, noise and tracks are what is promised."""

import numpy as np
import pytest
from scipy import ndimage

from utils import images

PICTURES, HIT = images.sky(60, size=64, seed=5)


def test_a_seed_draws_the_same_sky_again_and_another_draws_another():
    again, hit = images.sky(60, size=64, seed=5)
    assert np.array_equal(again, PICTURES) and np.array_equal(hit, HIT)
    assert not np.array_equal(images.sky(60, size=64, seed=6)[1], HIT)


def test_pictures_and_tracks_have_the_size_that_is_asked_for():
    pictures, hit = images.sky(3, size=10)
    assert pictures.shape == hit.shape == (3, 10, 10)
    assert pictures.dtype == float and hit.dtype == bool


def test_the_dark_sky_scatters_as_electrons_and_reading_do():
    glow = np.median(PICTURES, axis=(1, 2))
    assert 20 < glow.min() < 30 and 70 < glow.max() < 90
    # What lies below the median is sky alone: half of a normal curve.
    below = np.where(PICTURES < glow[:, None, None], PICTURES, np.nan)
    scatter = np.sqrt(
        np.nanmean((below - glow[:, None, None]) ** 2, axis=(1, 2))
    )
    # Faint light of stars lifts the median, and with it the scatter.
    excess = scatter / np.sqrt(glow + 25)
    assert 1 < excess.mean() < 1.1
    assert abs(np.corrcoef(excess, glow)[0, 1]) < 0.5


def test_a_track_is_in_one_piece_and_there_is_one_for_250_pixels():
    tracks = sum(ndimage.label(hit, np.ones((3, 3)))[1] for hit in HIT)
    # Where two cross they count once.
    assert 0.8 < tracks / (HIT.size / 250) < 1
    assert 0.02 < HIT.mean() < 0.03


def test_tracks_are_sharp_and_stars_are_not():
    around = ndimage.maximum_filter(HIT, (0, 3, 3)) & ~HIT
    glow = np.median(PICTURES, axis=(1, 2), keepdims=True)
    bright = PICTURES - glow
    assert 200 < np.median(bright[HIT]) < 800
    # Beside a track the sky is dark, apart from the stars.
    assert np.median(bright[around]) < 10
    # The corners around a star's brightest pixel have a part of its light;
    # those around a pixel of a track have none.
    far = ~ndimage.maximum_filter(HIT, (0, 5, 5))
    peak = (bright == ndimage.maximum_filter(bright, (0, 3, 3))) & far
    peak &= bright > 1000
    beside = ndimage.minimum_filter(bright, (0, 3, 3))
    assert peak.sum() > 100
    assert (beside[peak] / bright[peak]).min() > 0.15
    sharp = HIT & (bright > 1000)
    assert np.median(beside[sharp] / bright[sharp]) < 0.02


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n": 0}, "n must be whole, at least 1, .*got 0"),
        ({"n": 1, "size": 7}, "size must be whole, at least 8, .*got 7"),
        ({"n": 1, "seed": 0.5}, "seed must be whole, .*got 0.5"),
    ],
)
def test_the_sky_says_what_does_not_fit(arguments, message):
    with pytest.raises(ValueError, match=message):
        images.sky(**arguments)
