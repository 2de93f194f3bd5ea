"""A simulated scene, watched, as lines of text: incidents as they rise, with the time of the scene."""

import argparse

from linewatch.app.replay import replay
from linewatch.app.simulated import play, shipped, site_of
from linewatch.cli.printing import IncidentPrinter, incident_line
from linewatch.errors import InputError


def show(args: argparse.Namespace, scene: str, speed: float) -> int:
    """0 when the scene is over."""
    if scene not in shipped():
        raise InputError(f"--scene: found {scene!r}; allowed: {', '.join(shipped())}")
    site = site_of(scene)
    source = play(scene, site, args.seed)
    printer = IncidentPrinter(site, live=not args.json)
    if not args.json:
        length_km = sum(line.length_m for line in site.lines) / 1000
        print(f"{scene} on {site.name}: {length_km:.1f} km, {len(site.sensors)} sensors.")
        print(source.simulation.scene.text, end="\n\n")
    done = replay(site, [source], speed=speed or None, on_output=printer.show)
    if args.json:
        for incident in done.incidents:
            print(incident_line(incident))
    else:
        print()
        printer.summary(done.incidents)
        print("Nothing here was real: the scene was simulated, the watch was not.")
    return 0
