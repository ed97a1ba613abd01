"""What numpy, pandas and sympy compute, as the values of Python that say the same; for `canonical`. Standard library alone.

The libraries are looked up among what the template has loaded; where there are none, this knows nothing. Only the libraries' own
methods are called, never those of a class that a program has made of theirs.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

MOST_ITEMS = 20_001  # of an array; one more than `canonical` looks at

Plain = Callable[[Any], object]


def writers() -> dict[type, Plain]:
    """For each kind of value the function that makes plain values of it, the more special kinds first."""
    found: dict[type, Plain] = {}
    if numpy := sys.modules.get("numpy"):
        found |= of_numpy(numpy)
    if pandas := sys.modules.get("pandas"):
        found |= of_pandas(pandas)
    if sympy := sys.modules.get("sympy"):
        found |= of_sympy(sympy)
    return found


def of_numpy(numpy: Any) -> dict[type, Plain]:
    array, generic = numpy.ndarray, numpy.generic
    masked = numpy.ma.MaskedArray

    def write_list(value: Any) -> object:
        flat = array.size.__get__(value) > MOST_ITEMS
        return [None] * MOST_ITEMS if flat else array.tolist(value)

    def scalar(value: Any) -> object:
        plain = generic.item(value)
        return float(plain) if type(plain) is type(value) else plain

    def without_mask(value: Any) -> object:
        return ("masked", array.tolist(value.filled()), array.tolist(numpy.ma.getmaskarray(value)))

    return {masked: without_mask, array: write_list, generic: scalar, numpy.dtype: lambda value: ("dtype", str(value))}


def of_pandas(pandas: Any) -> dict[type, Plain]:
    series, frame, index = pandas.Series, pandas.DataFrame, pandas.Index

    def plain(values: Any) -> list[object]:
        return [None if one is pandas.NA or one is pandas.NaT else one for one in values.tolist()[:MOST_ITEMS]]

    def of_series(value: Any) -> object:
        return ("Series", plain(series.to_numpy(value)), plain(series.index.__get__(value)))

    def of_frame(value: Any) -> object:
        columns = [plain(frame.iloc.fget(value)[:, at].to_numpy()) for at in range(frame.shape.fget(value)[1])]
        return ("DataFrame", plain(value.columns), columns, plain(value.index))

    moments = {pandas.Timestamp: pandas.Timestamp.isoformat, pandas.Timedelta: pandas.Timedelta.isoformat}
    return {series: of_series, frame: of_frame, index: plain, **moments}


def of_sympy(sympy: Any) -> dict[type, Plain]:
    core, matrix, boolean = sympy.Basic, sympy.MatrixBase, sympy.logic.boolalg.BooleanAtom

    def rational(value: Any) -> object:
        return int(value.p) if value.q == 1 else value.p / value.q

    def write_value(value: Any) -> object:
        return ("sympy", sympy.srepr(value))

    return {
        sympy.Rational: rational,
        sympy.Float: float,
        boolean: bool,
        matrix: lambda value: value.tolist(),
        sympy.Set: write_value,
        core: write_value,
    }
