"""Fitted numbers that ship with Linewatch; see docs/models for what each was fitted on and what it cannot do."""

import io
from functools import lru_cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linewatch.errors import InputError
from linewatch.signals.act_model import ActModel, from_arrays


@lru_cache(maxsize=8)
def shipped_arrays(name: str) -> dict[str, NDArray[Any]]:
    """The arrays of one shipped model file. Raises `InputError` where there is no such model."""
    file = files(__name__) / f"{name}.npz"
    if not file.is_file():
        raise InputError(f"model: found {name!r}; allowed: the name of a file in linewatch/detect/models")
    with np.load(io.BytesIO(file.read_bytes())) as arrays:
        return {key: arrays[key] for key in arrays.files}


@lru_cache(maxsize=8)
def shipped_act_model(name: str, variant: str) -> ActModel:
    """The act model `variant` ("shape" or "level") of the file `name`."""
    prefix = f"{variant}."
    arrays = {k.removeprefix(prefix): v for k, v in shipped_arrays(name).items() if k.startswith(prefix)}
    if not arrays:
        raise InputError(f"model {name}: found no variant {variant!r}; allowed: shape, level")
    return from_arrays(arrays)


@lru_cache(maxsize=8)
def shipped_model(name: str) -> ActModel:
    """The one model of the file `name`."""
    return from_arrays(shipped_arrays(name))
