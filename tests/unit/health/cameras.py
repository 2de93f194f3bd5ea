"""Pictures for tests of camera health: a textured scene with noise, and a step that looks at them."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from linewatch.health.camera import CameraHealthSettings, CameraHealthStep
from linewatch.records import Block, Health, Tick
from linewatch.site.sensor import Sensor
from tests.strategies import T0_NS

HEIGHT, WIDTH, RATE_HZ = 120, 160, 10.0
CAMERA = Sensor("cam-1", "camera", "main", at_m=100.0, range_m=80.0, azimuth_deg=90.0, fov_deg=60.0)

Picture = NDArray[np.float32]


def scene(seed: int = 1) -> Picture:
    """Blocks of light and shade, as buildings and trees give."""
    rng = np.random.default_rng(seed)
    coarse = np.kron(rng.uniform(30, 200, (12, 16)), np.ones((10, 10)))
    fine = np.kron(rng.uniform(-15, 15, (60, 80)), np.ones((2, 2)))
    return np.clip(coarse + fine, 0, 240).astype(np.float32)


def watched(seconds: float, change: Callable[[Picture, float], Picture] | None = None, seed: int = 1) -> list[Picture]:
    """Noisy pictures of the scene; from 3 s on `change` is given each with the seconds since then."""
    rng = np.random.default_rng(seed + 100)
    still = scene(seed)
    out = []
    for number in range(round(seconds * RATE_HZ)):
        picture = np.clip(np.rint(still + rng.normal(0, 1.5, still.shape)), 0, 255).astype(np.float32)
        since_s = number / RATE_HZ - 3.0
        out.append(picture if change is None or since_s < 0 else change(picture, since_s).astype(np.float32))
    return out


def findings(pictures: Sequence[Picture], pieces: Sequence[int] = (1,), sensor: Sensor = CAMERA) -> list[Health]:
    """What the step says of pictures that arrive in blocks of these lengths, over and over."""
    step = CameraHealthStep(sensor, CameraHealthSettings())
    state: Any = step.initial()
    out: list[Health] = []
    first, number = 0, 0
    while first < len(pictures):
        count = pieces[number % len(pieces)]
        part = np.stack(pictures[first : first + count])
        block = Block("main", sensor.id, T0_NS, first, RATE_HZ, part.reshape(len(part), -1))
        state, found = step.step(state, (block,), Tick(number, block.end_ns, block.end_ns, 1))
        out += [record for record in found if isinstance(record, Health)]
        first, number = first + len(part), number + 1
    return out
