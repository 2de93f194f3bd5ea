"""What every test may ask for: the folder of real recordings, and how hard Hypothesis tries."""

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

CHECKOUT = Path(__file__).resolve().parents[1]

# No deadline: a first call may compile a kernel, and a shared machine is sometimes slow. Neither is a finding.
settings.register_profile("dev", deadline=None)
# The same examples on every run, so that a red run means that the code has changed, not the luck.
settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
# For `make fuzz`: far more examples, and slow or picky generators are welcome.
settings.register_profile(
    "fuzz",
    deadline=None,
    max_examples=20_000,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") else "dev"))


def shared_folder() -> Path:
    """Where the real recordings should be: `LINEWATCH_SHARED`, or the folder `shared` beside the checkout."""
    named = os.environ.get("LINEWATCH_SHARED")
    return Path(named) if named else CHECKOUT.parent / "shared"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder `data` of the real recordings.

    The test is skipped, with the reason, where they are absent; with `LINEWATCH_REQUIRE_SHARED=1` it fails instead,
    so that the machine that decides can never pass by having skipped.
    """
    data = shared_folder() / "data"
    if data.is_dir():
        return data
    reason = f"real recordings not found: {data} is no folder (set LINEWATCH_SHARED to the folder that holds data/)"
    if os.environ.get("LINEWATCH_REQUIRE_SHARED") == "1":
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test that asks for the recordings, so that `-m "not shared"` leaves them out."""
    for item in items:
        if "shared_data" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.shared)
