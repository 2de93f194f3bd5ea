"""Raw samples: the same from wherever they are read, and with the physics that their docstrings promise."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from linewatch.errors import InputError
from linewatch.ports import Recording
from linewatch.records import Block
from linewatch.simulate import RawSource, bench_site, read_scene_text
from linewatch.simulate.air import Sky
from linewatch.simulate.hiss import Coloured, fading
from linewatch.simulate.stretch import add_pulses
from linewatch.sources.checks import Span, run_checks

SITE = bench_site()
HEAD = 'start = "2021-11-18T22:00:00Z"\nduration = "00:00:30"\n'
WALKER = '[[mover]]\nwho="person"\nname="walker"\nat="00:00:05"\nwhere=300.0\noffset_m=5.0\ndoes=["along 60 m"]\n'
CLIMBER = '[[mover]]\nwho="person"\nname="climber"\nat="00:00:02"\nwhere=305.0\noffset_m=0.0\ndoes=["climb 25 s"]\n'


def source_of(story: str, seed: int = 1, from_m: float = 250.0, to_m: float = 400.0) -> RawSource:
    return RawSource(read_scene_text("made.toml", HEAD + story, SITE), SITE, seed, from_m=from_m, to_m=to_m)


def samples_of(source: RawSource) -> dict[str, NDArray[np.float32]]:
    parts: dict[str, list[NDArray[np.float32]]] = {}
    for item in source.poll(source.end_ns):
        assert isinstance(item, Block)
        parts.setdefault(item.sensor, []).append(item.samples)
    return {sensor: np.concatenate(each) for sensor, each in parts.items()}


def in_band(samples: NDArray[np.float32], rate_hz: float, low_hz: float, high_hz: float) -> NDArray[np.float64]:
    spectrum = np.fft.rfft(samples, axis=0)
    frequencies = np.fft.rfftfreq(len(samples), 1.0 / rate_hz)
    spectrum[(frequencies < low_hz) | (frequencies > high_hz)] = 0.0
    return np.fft.irfft(spectrum, n=len(samples), axis=0)


def test_it_is_a_recording_and_conforms_to_what_every_source_must_do() -> None:
    short = HEAD.replace("00:00:30", "00:00:04") + WALKER.replace("00:00:05", "00:00:01")

    def made() -> Recording:
        return RawSource(read_scene_text("made.toml", short, SITE), SITE, 1, from_m=290.0, to_m=320.0)

    span = Span(made().start_ns, made().end_ns + 10**9)
    assert "check_cut" in run_checks(made, span)


def test_only_channels_on_the_stretch_are_made_and_named_by_their_number() -> None:
    blocks = {b.sensor: b for b in source_of("").poll(source_of("").start_ns + 10**9) if isinstance(b, Block)}
    assert set(blocks) == {"fence-1", "fibre-1", "geo-290", "geo-310"}
    assert (blocks["fence-1"].first_channel, blocks["fence-1"].n_channels) == (250, 150)
    assert (blocks["fibre-1"].first_channel, blocks["fibre-1"].n_channels) == (25, 15)


def test_without_anybody_there_is_noise_of_unit_power() -> None:
    samples = samples_of(source_of(""))
    for sensor in ("fence-1", "fibre-1"):
        high = in_band(samples[sensor], 1_000.0, 50.0, 450.0)
        assert np.sqrt((high**2).mean() * 500.0 / 400.0) == pytest.approx(1.04, abs=0.03)  # and the common part


def test_steps_have_the_cadence_of_a_walker_at_the_channels_beside_it() -> None:
    fibre = in_band(samples_of(source_of(WALKER))["fibre-1"], 1_000.0, 10.0, 40.0)
    nearest = np.abs(fibre[5_000:29_000]).reshape(-1, 20, fibre.shape[1]).mean(axis=1)
    envelope = nearest.max(axis=1) - nearest.max(axis=1).mean()
    power = np.abs(np.fft.rfft(envelope)) ** 2
    frequencies = np.fft.rfftfreq(len(envelope), 0.02)
    band = (frequencies > 1.0) & (frequencies < 3.2)
    assert 1.4 <= frequencies[band][power[band].argmax()] <= 2.6
    active = np.argmax((fibre[5_000:29_000] ** 2).mean(axis=0))
    assert 250.0 + 10.0 * active == pytest.approx(315.0, abs=25.0)


def test_a_climber_is_felt_on_the_fence_where_he_is_and_not_by_the_fibre() -> None:
    quiet, loud = samples_of(source_of("")), samples_of(source_of(CLIMBER))
    power = {s: ((loud[s].astype(float) ** 2).mean(axis=0) / (quiet[s].astype(float) ** 2).mean(axis=0)) for s in loud}
    assert 250.5 + power["fence-1"].argmax() == pytest.approx(305.0, abs=6.0)
    assert power["fence-1"].max() > 2.0
    assert power["fibre-1"].max() < 1.1


def test_gusts_are_as_strong_as_stated_and_alike_at_near_places_only() -> None:
    storm = "[[weather]]\nwind_mps=12.0\ngust_mps=27.0\n"
    scene = read_scene_text("made.toml", HEAD.replace("00:00:30", "04:00:00") + storm, SITE)
    sky = Sky(scene, SITE.lines[0], 2)
    times = np.arange(0.0, 14_400.0, 5.0)
    wind = {}
    for at_m in (0.0, 20.0, 100.0, 600.0):
        where = np.full(len(times), at_m)
        wind[at_m] = sky.blowing_mps(where, times, sky.at(where, times))
    assert wind[0.0].mean() == pytest.approx(12.0, abs=1.0)
    assert wind[0.0].std() == pytest.approx(5.0, abs=0.8)
    near, middle, far = (float(np.corrcoef(wind[0.0], wind[x])[0, 1]) for x in (20.0, 100.0, 600.0))
    assert near > 0.9
    assert near > middle > abs(far)


def test_wind_lifts_the_floor_of_the_fence_by_what_is_stated() -> None:
    quiet = samples_of(source_of("[[weather]]\nwind_mps=3.0\ngust_mps=3.0\n"))["fence-1"]
    windy = samples_of(source_of("[[weather]]\nwind_mps=12.0\ngust_mps=12.0\n"))["fence-1"]
    powers = [float((in_band(x, 1_000.0, 10.0, 40.0) ** 2).mean()) for x in (quiet, windy)]
    assert 10.0 * np.log10(powers[1] / powers[0]) == pytest.approx(20.0 * np.log10(12.0 / 3.0), abs=1.0)


def test_a_truck_reaches_far_channels_later() -> None:
    truck = (
        '[[mover]]\nwho="vehicle"\nname="truck"\nat="00:00:02"\nwhere=300.0\n'
        'offset_m=10.0\nspeed_mps=0.5\ndoes=["along 10 m"]\n'
    )
    fibre = in_band(samples_of(source_of(truck, from_m=300.0, to_m=420.0))["fibre-1"], 1_000.0, 4.0, 22.0)[4_000:20_000]
    delay = [np.correlate(fibre[:, c], fibre[500:-500, 0], "valid").argmax() - 500 for c in (3, 6, 9)]
    assert delay[0] < delay[1] < delay[2]
    assert delay[2] - delay[0] == pytest.approx(60.0 / 300.0 * 1_000.0, rel=0.25)


def test_faults_silence_darken_and_shift() -> None:
    story = (
        '[[fault]]\nwhat="dead"\nsensors=["geo-290"]\nfrom="00:00:10"\n'
        '[[fault]]\nwhat="cut"\nsensors=["fibre-1"]\nwhere=330.0\nfrom="00:00:10"\n'
        '[[fault]]\nwhat="skew"\nsensors=["geo-310"]\namount=2.5\n'
    )
    source = source_of(story)
    blocks = [item for item in source.poll(source.end_ns) if isinstance(item, Block)]
    assert max(b.end_ns for b in blocks if b.sensor == "geo-290") == source.start_ns + 10 * 10**9
    assert min(b.start_ns for b in blocks if b.sensor == "geo-310") == source.start_ns + 2_500_000_000
    fibre = np.concatenate([b.samples for b in blocks if b.sensor == "fibre-1"])
    lit, dark = fibre[10_000:, :8].std(), fibre[10_000:, 8:].std()
    assert lit > 0.95
    assert dark == pytest.approx(0.3, abs=0.02)


def test_an_impossible_stretch_is_refused() -> None:
    with pytest.raises(InputError, match="0 to 600 m"):
        source_of("", from_m=500.0, to_m=700.0)


def test_coloured_noise_has_unit_power_in_its_band_and_no_seam() -> None:
    noise = Coloured(1, "n", 500, 8, 500.0, (10.0, 40.0))
    whole = np.concatenate([noise.chunk(k) for k in range(40)]).astype(float)
    assert (whole**2).mean() == pytest.approx(1.0, abs=0.05)
    assert (in_band(whole.astype(np.float32), 500.0, 8.0, 42.0) ** 2).mean() / (whole**2).mean() > 0.98
    # The power is the same at the seams as between them.
    by_phase = (whole.reshape(40, 500, 8) ** 2).mean(axis=(0, 2)).reshape(10, 50).mean(axis=1)
    assert by_phase.max() / by_phase.min() < 1.35
    again = Coloured(1, "n", 500, 8, 500.0, (10.0, 40.0))
    assert (again.chunk(17) == noise.chunk(17)).all()


def test_a_fading_channel_has_a_rayleigh_amplitude() -> None:
    gains = np.concatenate([fading(1, "f", 500, 60.0 * k) for k in range(20)])
    assert (gains**2).mean() == pytest.approx(1.0, abs=0.03)
    assert (gains < 0.1).mean() == pytest.approx(1.0 - np.exp(-0.01), abs=0.005)


def test_the_pulse_kernel_agrees_with_plain_numpy() -> None:
    rng = np.random.default_rng(0)
    n, channels, pulses, rate_hz = 400, 5, 60, 500.0
    start_s, channel = rng.uniform(-0.5, 1.0, pulses), rng.integers(0, channels, pulses)
    size, frequency_hz, decay_s = rng.uniform(0, 3, pulses), rng.uniform(5, 60, pulses), rng.uniform(0.01, 0.1, pulses)
    made = np.zeros((n, channels), dtype=np.float32)
    add_pulses(made, start_s, channel, size, frequency_hz, decay_s, rate_hz)
    plain = np.zeros((n, channels))
    t = np.arange(n) / rate_hz
    for p in range(pulses):
        tau = t - start_s[p]
        wave = size[p] * np.exp(-tau / decay_s[p]) * np.sin(2 * np.pi * frequency_hz[p] * tau)
        plain[:, channel[p]] += np.where((tau >= 0) & (tau <= 6 * decay_s[p]), wave, 0.0)
    np.testing.assert_allclose(made, plain, atol=0.02)


def test_the_seed_makes_another_night(tmp_path: Path) -> None:
    one, two = samples_of(source_of(WALKER, 1)), samples_of(source_of(WALKER, 2))
    assert (one["fibre-1"] == samples_of(source_of(WALKER, 1))["fibre-1"]).all()
    assert not (one["fibre-1"] == two["fibre-1"]).any(axis=1).all()
