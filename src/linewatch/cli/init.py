"""A new site: from a drawn line and a table of sensors, or from what is heard at a broker."""

import argparse
import os
from pathlib import Path

import msgspec

from linewatch.app.new_site import new_site
from linewatch.errors import InputError
from linewatch.site.load import describe
from linewatch.sources.mqtt.scout import Device, scout


def arguments(parser: argparse.ArgumentParser) -> None:
    """Arguments of this verb."""
    parser.add_argument("folder", type=Path, metavar="DIR", help="folder of the new site")
    parser.add_argument("--line", type=Path, metavar="FILE", help="course of the line: GeoJSON, KML or GPX")
    parser.add_argument("--sensors", type=Path, metavar="CSV", help="table of sensors (columns as keys of [[sensor]])")
    parser.add_argument(
        "--mqtt", metavar="URL", help="listen to this broker, mqtt://HOST:PORT, and place what is heard"
    )
    parser.add_argument("--seconds", type=float, default=60.0, help="how long to listen (default: 60)")
    parser.add_argument("--username", default="", help="log-in name at the broker")
    parser.add_argument("--password-env", default="", metavar="NAME", help="environment variable of its password")
    parser.add_argument("--timezone", default="UTC", help="time zone of the people there, such as Europe/Warsaw")


def run(args: argparse.Namespace) -> int:
    """0 when the site stands."""
    if not 0.0 < args.seconds <= 3600.0:
        raise InputError(f"--seconds: found {args.seconds:g}; allowed: above 0, at most 3600")
    devices: tuple[Device, ...] = ()
    if args.mqtt is not None:
        devices = _heard(args)
    credentials = [f"username = {msgspec.json.encode(args.username).decode()}"] if args.username else []
    credentials += [f'password = {{ env = "{args.password_env}" }}'] if args.password_env else []
    site = new_site(
        args.folder,
        line=args.line,
        sensors=args.sensors,
        url=args.mqtt,
        devices=devices,
        timezone=args.timezone,
        credentials=credentials,
    )
    if args.json:
        print(msgspec.json.encode({"folder": str(args.folder), "devices": devices}).decode())
        return 0
    print(f"written: {args.folder / 'site.toml'}")
    print(describe(site))
    if args.mqtt is not None:
        print(f"next: put at_m right in {args.folder / 'site.toml'}, then: linewatch run {args.folder}")
    return 0


def _heard(args: argparse.Namespace) -> tuple[Device, ...]:
    if not args.json:
        print(f"listening to {args.mqtt} for {args.seconds:g} s; let every sensor see somebody once", flush=True)
    password = os.environ.get(args.password_env, "") if args.password_env else ""
    devices, messages = scout(args.mqtt, args.seconds, username=args.username, password=password)
    if not args.json:
        print(f"{messages} messages, {len(devices)} devices that a site can use")
        for device in devices:
            print(f"  {device.map}: {device.address}: {device.kind}, heard {device.messages} times")
    return devices
