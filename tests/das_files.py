"""Files as an interrogator writes them, made by dascore, for tests."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


def write_das(path: Path, samples: NDArray[Any], start_ns: int, rate_hz: float = 1000.0, metres: float = 1.0) -> None:
    """Samples (rows, channels) as a DASDAE file; in one move, as far as whoever watches the folder can see."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of what dascore leans on
        import dascore  # noqa: PLC0415 - takes seconds

        times = np.datetime64(start_ns, "ns") + np.arange(len(samples)) * np.timedelta64(round(1e9 / rate_hz), "ns")
        distances = np.arange(samples.shape[1]) * metres
        patch = dascore.Patch(data=samples, dims=("time", "distance"), coords={"time": times, "distance": distances})
        hidden = path.with_name(f".{path.name}")
        patch.io.write(hidden, "dasdae")
    hidden.rename(path)
