"""Draw the coverage of the reference line on a bad night: `python examples/coverage_in_a_storm.py FILE.svg`.

A storm stands over 70 km of forest and fen, a feed has no power, both fibres are cut through, sixty cameras are
dazzled, and heavy machines swamp 2 km. All of it is made up; the picture in the documentation was made by this program.
"""

import sys
from pathlib import Path

from linewatch.records import Outage, Weather
from linewatch.site.coverage import Coverage, RaisedFloor
from linewatch.site.reference import reference_site
from linewatch.site.strip_chart import strip_chart

LINE = "main"


def outage(reason: str, *sensors: str, first_channel: int | None = None, last_channel: int | None = None) -> Outage:
    """Sensors (or their channels) that do not watch at all."""
    return Outage(
        id=reason,
        line=LINE,
        sensors=sensors,
        cause="supply" if "power" in reason else "fibre_cut" if "cut" in reason else "dazzled",
        from_m=0.0,
        to_m=0.0,
        start_ns=0,
        noticed_ns=0,
        end_ns=None,
        remaining_fraction=0.0,
        reason=reason,
        first_channel=first_channel,
        last_channel=last_channel,
    )


def main() -> None:
    """Put a bad night on the reference line and draw it."""
    site = reference_site()
    coverage = Coverage(site)
    coverage.update(
        weather=[
            Weather(
                line=LINE,
                from_m=60_000.0,
                to_m=130_000.0,
                time_ns=0,
                temperature_c=8.0,
                wind_mps=14.0,
                gust_mps=20.0,
                rain_mm_per_h=6.0,
                visibility_m=800.0,
            )
        ],
        outages=[
            outage("feed-20 has no power", *(sensor.id for sensor in site.sensors if sensor.power == "feed-20")),
            outage("cut at km 92", "das-a-3", first_channel=2_494, last_channel=3_351),
            outage("cut at km 92 as well", "das-b-4", first_channel=818, last_channel=3_352),
            outage("dazzled", *(f"camera-{number:04d}" for number in range(1_200, 1_260))),
        ],
        floors=[
            RaisedFloor(LINE, "fence-020", 38_000.0, 40_000.0, rise_db=25.0),
            RaisedFloor(LINE, "das-a-1", 38_000.0, 40_000.0, rise_db=22.0),
            RaisedFloor(LINE, "das-b-2", 38_000.0, 40_000.0, rise_db=22.0),
        ],
    )
    picture = strip_chart(coverage, title="The reference line on a bad night (simulated)")
    Path(sys.argv[1]).write_text(picture, encoding="utf-8")
    print(f"not watched for a person walking: {coverage.not_watched_m():,.0f} m")


if __name__ == "__main__":
    main()
