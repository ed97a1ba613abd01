"""Programs in, the installed scientific libraries that they import out; and what of a library is to be loaded."""

from __future__ import annotations

import importlib.util
import re
import sysconfig
from collections.abc import Iterable
from functools import cache

# What of each is loaded, since a program cannot open the files of the rest.
LIBRARIES: dict[str, tuple[str, ...]] = {
    "numpy": (
        "linalg",
        "random",
        "fft",
        "ma",
        "polynomial",
        "testing",
        "typing",
        "lib.stride_tricks",
        "lib.recfunctions",
        "char",
    ),
    "scipy": (
        "cluster.hierarchy",
        "cluster.vq",
        "constants",
        "fft",
        "fftpack",
        "integrate",
        "interpolate",
        "linalg",
        "ndimage",
        "optimize",
        "signal",
        "sparse",
        "sparse.csgraph",
        "sparse.linalg",
        "spatial",
        "spatial.distance",
        "spatial.transform",
        "special",
        "stats",
    ),
    "pandas": ("api.types", "testing", "tseries.offsets"),
    "sympy": (
        "abc",
        "calculus",
        "combinatorics",
        "functions",
        "geometry",
        "integrals",
        "logic",
        "matrices",
        "ntheory",
        "physics",
        "plotting",
        "polys",
        "printing",
        "series",
        "sets",
        "simplify",
        "solvers",
        "stats",
        "tensor",
        "utilities",
        "utilities.iterables",
        "parsing.sympy_parser",
        "functions.combinatorial.numbers",
        "ntheory.factor_",
    ),
    "mpmath": (),
    "networkx": ("algorithms", "algorithms.community", "generators", "utils"),
    "sklearn": (
        "cluster",
        "datasets",
        "decomposition",
        "ensemble",
        "linear_model",
        "metrics",
        "metrics.pairwise",
        "model_selection",
        "naive_bayes",
        "neighbors",
        "pipeline",
        "preprocessing",
        "svm",
        "tree",
        "feature_extraction.text",
    ),
    "skimage": (
        "color",
        "draw",
        "exposure",
        "feature",
        "filters",
        "measure",
        "morphology",
        "restoration",
        "segmentation",
        "transform",
        "util",
    ),
    "statsmodels": ("api",),
    "patsy": (),
    "joblib": (),
    "sortedcontainers": (),
    "more_itertools": (),
    "toolz": (),
    "cytoolz": (),
    "dateutil": ("parser", "relativedelta", "rrule", "tz"),
    "pytz": (),
    "tzdata": (),
    "regex": (),
    "yaml": (),
    "attr": (),
    "attrs": (),
    "typing_extensions": (),
    "bitarray": (),
    "gmpy2": (),
    "shapely": ("geometry",),
    "xarray": (),
    "numexpr": (),
    "tabulate": (),
    "Levenshtein": (),
    "rapidfuzz": (),
    "unidecode": (),
    "inflect": (),
    "uncertainties": (),
}
# Run once before anything is sealed, line by line: common functions, for what a library loads at their first use.
FIRST_USES: dict[str, str] = {
    "numpy": """
import numpy as np; str(np.array([1.5])); np.linalg.inv(np.eye(2)); np.median([1]); np.unique([1])
""",
    "scipy": """
from scipy import stats, optimize
stats.norm.fit([1, 2, 3]); stats.linregress([1, 2], [1, 3])
optimize.minimize(lambda x: x[0] ** 2, [1.0]); optimize.linprog([1.0])
""",
    "pandas": r"""
import io, pandas as pd
frame = pd.DataFrame({"a": [1, 2, 2], "b": ["x", "y", "z"], "t": pd.to_datetime(["2020-01-01"] * 3)})
frame.groupby("a").agg({"b": "count"}); frame.merge(frame, on="a"); frame.pivot_table(index="a", aggfunc="size")
str(frame); frame.to_string(); frame.describe(); frame["a"].rolling(2).mean()
frame.set_index("t").resample("D")["a"].sum()
frame.sort_values("b").drop_duplicates().to_csv(); frame.to_dict("records"); frame.to_json(); frame["b"].str.upper()
pd.read_csv(io.StringIO("a,b\n1,2")); pd.date_range("2020", periods=2); pd.concat([frame, frame])
pd.cut(frame["a"], 2); pd.get_dummies(frame["b"]); pd.melt(frame); frame["a"].value_counts(); frame[["a"]].corr()
""",
    "sympy": """
import sympy as s; x, y = s.symbols("x y"); f = s.Function("f")
s.solve(x**2 - y, x); s.solve([x + y, x - y]); s.solveset(x**2 - 1, x); s.roots(x**2 - 1)
s.integrate(s.sin(x) * x, (x, 0, 1)); s.limit(s.sin(x) / x, x, 0); s.series(s.exp(x), x); s.summation(x, (x, 1, 3))
s.simplify(s.sin(x) ** 2 + s.cos(x) ** 2); s.factor(x**2 - 1); s.apart(1 / (x**2 - 1)); s.nsimplify(0.5); s.N(s.pi, 20)
s.Matrix([[1, 2], [3, 4]]).eigenvals()
s.dsolve(f(x).diff(x) - f(x))
s.latex(x**2); str(x**2); s.sympify("x + 1"); s.lambdify(x, x**2, "math")(2)
list(s.primerange(10)); s.factorint(12); s.diophantine(x - 2 * y); s.reduce_inequalities(x > 1, x)
""",
    "networkx": """
import networkx as n; g = n.path_graph(3); n.shortest_path(g, 0, 2)
n.pagerank(g); n.to_numpy_array(g)
""",
}
IMPORT = re.compile(r"^[ \t]*(?:from[ \t]+([A-Za-z_]\w*)|import[ \t]+([A-Za-z_][\w., \t]*))", re.MULTILINE)
NAME = re.compile(r"(?:^|,)[ \t]*([A-Za-z_]\w*)")


def imported_libraries(programs: Iterable[str]) -> frozenset[str]:
    """Names of the libraries that these programs import. By lines: an import within a text counts too, and does no harm."""
    named: set[str] = set()
    for program in programs:
        for one, several in IMPORT.findall(program):
            named |= {one} if one else set(NAME.findall(several))
    return frozenset(name for name in named if name in LIBRARIES and is_installed(name))


@cache
def is_installed(library: str) -> bool:
    try:
        return importlib.util.find_spec(library) is not None
    except (ImportError, ValueError):
        return False


def modules(libraries: Iterable[str]) -> list[str]:
    """What is to be loaded for these."""
    return [name for one in sorted(libraries) for name in (one, *(f"{one}.{part}" for part in LIBRARIES[one]))]


def first_uses(libraries: Iterable[str]) -> list[str]:
    return [line for one in sorted(libraries) for line in FIRST_USES.get(one, "").strip().split("\n")]


def places() -> list[str]:
    """The folders that this environment's libraries are in."""
    return list(dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib")))
