"""Records of the journal as Arrow tables: one column for each field, times as timestamps, the rest as it is."""

import types
from collections.abc import Sequence
from typing import Any, Final, Literal, Union, get_args, get_origin, get_type_hints

import msgspec
import pyarrow as pa

from linewatch.store.archive.columns import TEXT, TIME

_SCALARS: Final[dict[object, Any]] = {
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    str: pa.string(),
    bytes: pa.binary(),
}


def rows_table(kind: type[msgspec.Struct], rows: Sequence[tuple[int, msgspec.Struct]]) -> pa.Table:
    """Records of one type, each with the journal entry that holds it (`seq`), as a table with a column for each field.

    A field `..._ns` becomes a timestamp without that ending (`raised_ns` -> `raised`). What is neither a plain value
    nor a list of texts is left out.
    """
    names, arrays = ["seq"], [pa.array([seq for seq, _ in rows], pa.int64())]
    for field, hint in get_type_hints(kind).items():
        if (column := _type_of(field, hint)) is None:
            continue
        values = [getattr(row, field) for _, row in rows]
        if column == TIME:
            times = pa.array([None if value is None else value // 1000 for value in values], pa.int64())
            names.append(field.removesuffix("_ns"))
            arrays.append(times.cast(TIME))
        else:
            names.append(field)
            plain = pa.string() if column == TEXT else column
            array = pa.array(values, plain)
            arrays.append(array.dictionary_encode() if column == TEXT else array)
    return pa.Table.from_arrays(arrays, names=names)


def _type_of(field: str, hint: Any) -> Any:
    """The Arrow type of a field; None where it has none."""
    if get_origin(hint) in (Union, types.UnionType):
        inner = [part for part in get_args(hint) if part is not type(None)]
        return _type_of(field, inner[0]) if len(inner) == 1 else None
    if get_origin(hint) is Literal:
        return TEXT
    if get_origin(hint) is tuple:
        parts = get_args(hint)
        return pa.list_(pa.string()) if len(parts) == 2 and parts[1] is ... and _is_text(parts[0]) else None
    if hint is int and field.endswith("_ns"):
        return TIME
    return _SCALARS.get(hint)


def _is_text(hint: Any) -> bool:
    return hint is str or get_origin(hint) is Literal
