"""Random but sound records, for properties that must hold for all of them."""

from hypothesis import strategies as st

from linewatch.records import ACTS, MOVERS, Detection, quantise

T0_NS = 1_637_193_600_000_000_000
"""2021-11-18T00:00:00Z: where the times of tests begin."""


def times_ns(seconds: float = 10.0) -> st.SearchStrategy[int]:
    """A time within some seconds of `T0_NS`, on the microsecond."""
    return st.integers(0, round(seconds * 1e6)).map(lambda us: T0_NS + us * 1000)


def probabilities(names: tuple[str, ...]) -> st.SearchStrategy[tuple[float, ...] | None]:
    """None, or a distribution over these names."""
    weights = st.lists(st.integers(0, 9), min_size=len(names), max_size=len(names)).filter(any)
    return st.none() | weights.map(lambda w: tuple(x / sum(w) for x in w))


@st.composite
def detections(
    draw: st.DrawFn, sensors: tuple[str, ...] = ("f1", "f2"), length_m: float = 600.0, seconds: float = 10.0
) -> Detection:
    """One detection on line `main`, as the door would let it in."""
    chainage_m = draw(st.floats(0, length_m))
    half_m = draw(st.floats(0, 30))
    offset_m = draw(st.none() | st.floats(-500, 500))
    velocity_mps = draw(st.none() | st.floats(-40, 40))
    return quantise(
        Detection(
            line="main",
            sensor=draw(st.sampled_from(sensors)),
            time_ns=draw(times_ns(seconds)),
            duration_s=draw(st.floats(0, 10)),
            chainage_m=chainage_m,
            chainage_sigma_m=draw(st.floats(0.5, 30)),
            from_m=max(chainage_m - half_m, 0.0),
            to_m=min(chainage_m + half_m, length_m),
            strength_db=draw(st.floats(-10, 80)),
            probability=draw(st.floats(0, 1)),
            mover_probabilities=draw(probabilities(MOVERS)),
            act_probabilities=draw(probabilities(ACTS)),
            offset_m=offset_m,
            offset_sigma_m=None if offset_m is None else draw(st.floats(0.5, 30)),
            velocity_mps=velocity_mps,
            velocity_sigma_mps=None if velocity_mps is None else draw(st.floats(0.1, 5)),
            count_low=draw(st.none() | st.integers(1, 500)),
            sensor_track=draw(st.none() | st.sampled_from(["7", "abc"])),
        )
    )
