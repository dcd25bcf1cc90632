"""Pictures that are drawn, so that what is in them is known to the pixel."""

import numpy as np

from . import arguments

NOISE = 5.0  # electrons, of reading a pixel


def sky(n, size=32, seed=0, blur=1.2):
    """Return n pictures of the night sky, and where cosmic rays hit them.

    The sky glows with 20 to 80 electrons a pixel. On it are stars, spots
    that the telescope blurs, of 100 to 100,000 electrons each. A cosmic ray
    goes straight through the detector: its track of a few pixels is sharp,
    and most have some hundreds of electrons a pixel. On average 250 pixels
    share a star, and 250 a track. What is counted scatters as a number of
    electrons does, and reading adds noise of 5 electrons.

    Parameters
    ----------
    n : int
        The number of pictures.
    size : int
        Their height and width in pixels.
    seed : int
        Seed of all that is drawn.
    blur : float
        The standard deviation of a star's spot, in pixels.

    Returns
    -------
    images : ndarray
        Electrons in each pixel, (n, size, size).
    hit : ndarray of bool
        Which pixels a cosmic ray went through, (n, size, size).

    Raises
    ------
    ValueError
        If a number is not whole, n below 1, the size below 8 or the blur not
        positive.

    Notes
    -----
    As in exposures of some minutes by Hubble's camera ACS; on the ground the
    air blurs more. Bad pixels,
    galaxies and the glare of bright stars are left out.

    Examples
    --------
    >>> images, hit = sky(2)
    >>> images.shape, f"{images[~hit].min():.0f}", f"{hit.mean():.1%}"
    ((2, 32, 32), '12', '1.9%')
    """
    arguments.whole("n", n, 1)
    arguments.whole("size", size, 8)
    arguments.positive("blur", blur)
    rng = np.random.default_rng(arguments.whole("seed", seed))
    light = np.ones((n, size, size)) * rng.uniform(20, 80, (n, 1, 1))
    rays = np.zeros_like(light)
    for stars, tracks in zip(light, rays):
        for _ in range(rng.poisson(size**2 / 250)):
            _add_star(stars, blur, rng)
        for _ in range(rng.poisson(size**2 / 250)):
            _add_track(tracks, rng)
    mean = light + rays
    return rng.normal(mean, np.sqrt(mean + NOISE**2)), rays > 0


def _add_star(image, blur, rng):
    pixels = np.arange(len(image))
    down, across = (
        np.exp(-((pixels - centre) ** 2) / (2 * blur**2))
        for centre in rng.uniform(0, len(image), 2)
    )
    electrons = 10 ** rng.uniform(2, 5)
    image += electrons / (2 * np.pi * blur**2) * np.outer(down, across)


def _add_track(image, rng):
    start, angle = (
        rng.uniform(0, len(image), (2, 1)),
        rng.uniform(0, 2 * np.pi),
    )
    # Ten steps a pixel.
    steps = np.arange(0, 1 + rng.exponential(4), 0.1)
    places = start + steps * [[np.sin(angle)], [np.cos(angle)]]
    places = np.floor(places).astype(int)
    inside = ((places >= 0) & (places < len(image))).all(axis=0)
    electrons = 500 * np.exp(rng.standard_normal())
    np.add.at(image, tuple(places[:, inside]), electrons / 10)
