"""Chance with a name: every use of random numbers has its own stream, whatever else is drawn before or beside it."""

import hashlib

import numpy as np


def stream(seed: int, *names: str | int) -> np.random.Generator:
    """The generator of this seed and these names; other names give an independent one, in any order of asking.

    The names are hashed into the spawn key of a `numpy.random.SeedSequence`, so that a scene to which an event is
    added keeps every other event as it was.
    """
    digest = hashlib.sha256("\0".join(str(name) for name in names).encode()).digest()
    key = tuple(int.from_bytes(digest[i : i + 4], "little") for i in (0, 4, 8, 12))
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))
