"""Small sites for tests, built in code."""

from linewatch.site.model import Line, Place, Section, Site
from linewatch.site.sensor import Sensor


def fence_site(length_m: float = 600.0, channels: int = 600, sections: int = 1, **sensor: object) -> Site:
    """A straight bench line with one fence cable `f1` over all of it, and a contact `c1` in the middle."""
    step_m = length_m / sections
    parts = tuple(
        Section(name=f"S{i + 1:02d}", line="main", from_m=i * step_m, to_m=(i + 1) * step_m) for i in range(sections)
    )
    line = Line(
        id="main",
        length_m=length_m,
        sections=parts,
        places=(Place("gate 1", "gate", length_m / 4), Place("post 2", "post", length_m * 3 / 4)),
    )
    cable = Sensor(
        id="f1",
        kind="fibre_vibration",
        line="main",
        from_m=0.0,
        to_m=length_m,
        channels=channels,
        **sensor,  # type: ignore[arg-type]  # keywords of Sensor, given by the test
    )
    contact = Sensor(id="c1", kind="contact", line="main", at_m=length_m / 2, range_m=1.0)
    return Site(name="bench", timezone="Europe/Warsaw", lines=(line,), sensors=(contact, cable))
