"""The state of a step as bytes, so that a watch stopped at any moment goes on as if it had not been.

States are `msgspec.Struct`s of numbers, strings, tuples, lists, dicts, other such structs and numpy arrays. They
are written with their arrays' bytes as they are, so nothing is rounded, and read without running any code: unlike
a pickle, a store from elsewhere can be opened.
"""

import ast
from functools import lru_cache
from typing import Any, TypeVar, get_origin

import msgspec
import numpy as np

StateT = TypeVar("StateT")


@lru_cache(maxsize=256)
def _dtype_text(dtype: np.dtype[Any]) -> str:
    """The dtype as the text of NumPy's own file format, fields of a structured one included."""
    return repr(np.lib.format.dtype_to_descr(dtype))


@lru_cache(maxsize=256)
def _dtype_of(text: str) -> np.dtype[Any]:
    dtype: np.dtype[Any] = np.lib.format.descr_to_dtype(ast.literal_eval(text))
    return dtype


def _encode(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        if value.dtype.hasobject:
            raise TypeError(f"an array of {value.dtype} cannot be kept in a state; allowed are numbers and booleans")
        return (_dtype_text(value.dtype), value.shape, np.ascontiguousarray(value).tobytes())
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"a state cannot hold a {type(value).__name__}; allowed are structs, numbers, text and arrays")


def _decode(kind: Any, value: Any) -> Any:
    if (get_origin(kind) or kind) is np.ndarray:
        dtype, shape, raw = value
        return np.frombuffer(raw, dtype=_dtype_of(dtype)).reshape(shape).copy()
    raise TypeError(f"a state cannot hold a {kind}")


_ENCODER = msgspec.msgpack.Encoder(enc_hook=_encode)


def freeze(state: Any) -> bytes:
    """The state as bytes; equal states give equal bytes. Raises `TypeError` on what a state may not hold."""
    return _ENCODER.encode(state)


def thaw(raw: bytes, kind: type[StateT]) -> StateT:
    """The state again. Raises `msgspec.ValidationError` where the bytes are of another kind of state."""
    return msgspec.msgpack.decode(raw, type=kind, dec_hook=_decode)
