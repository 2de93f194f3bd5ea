"""Datagrams of ground radars: a UDP socket in a thread of its own, for one address or a multicast group."""

import math
from collections.abc import Mapping
from typing import Final

from linewatch.clock import Clock
from linewatch.errors import InputError
from linewatch.ports import Item
from linewatch.records import Detection
from linewatch.site.geometry import geometry_of
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor
from linewatch.site.vertices import WGS84
from linewatch.sources.arrivals import Arrived, event_time_ns, health_of
from linewatch.sources.asterix._reading import Plot, read_datagram
from linewatch.sources.datagram_door import datagram_socket, receive
from linewatch.sources.ground import FAR_M, detection_at
from linewatch.sources.link_state import LinkWords
from linewatch.sources.time_of_day import time_of_day_ns
from linewatch.sources.worked import WorkedSource
from linewatch.sources.worker import FIRST_RETRY_S, Worker

_WAIT_S: Final = 0.25
_PROBABILITY: Final = 0.8
"""Of a plot, which says nothing of how sure it is (*assumed*)."""


class AsterixSource(WorkedSource):
    """Satisfies `ports.LiveSource`."""

    def __init__(
        self,
        site: Site,
        name: str,
        address: tuple[str, int],
        radars: Mapping[str, str],
        *,
        range_sigma_m: float,
        azimuth_sigma_deg: float,
        lateness_s: float = 0.25,
        oldest_s: float = 60.0,
        first_retry_s: float = FIRST_RETRY_S,
        clock: Clock | None = None,
    ) -> None:
        words = LinkWords("the door failed: ", "the door stands again", "nothing has come yet")
        super().__init__(site, name, sorted(set(radars.values())), words, lateness_s=lateness_s, clock=clock)
        self.address = address
        self._radars = {origin: site.sensor(sensor) for origin, sensor in radars.items()}
        self._range_sigma_m = range_sigma_m
        self._azimuth_sigma_deg = azimuth_sigma_deg
        self._oldest_s = oldest_s
        self._worker = Worker(name, self._hear, self._link.lost, first_retry_s=first_retry_s, close_s=5.0)

    def start(self) -> None:
        """Listen. Raises `InputError` where the address cannot be taken."""
        self._worker.start_open()

    def _hear(self) -> None:
        """One socket, for as long as it holds."""
        with datagram_socket(*self.address) as socket:
            socket.settimeout(_WAIT_S)
            self.address = socket.getsockname()[:2]
            self._worker.opened()
            while not self._worker.stopping.is_set():
                raw, where = receive(socket)
                if not where:
                    continue
                try:
                    self.take(raw, self._clock.now_ns(), where)
                except Exception as error:  # noqa: BLE001 - what one radar sends must not deafen the door to others
                    self._arrivals.failed(error)
                self._link.back()

    def take(self, raw: bytes, received_ns: int, where: str = "") -> None:
        """Take one datagram."""
        try:
            datagram = read_datagram(raw)
        except InputError as error:
            self._arrivals.trouble("", "refused", "note", "a datagram that is no ASTERIX")
            self._arrivals.shown(received_ns, where, b"", (), str(error))
            return
        for fault in datagram.faults:
            self._arrivals.trouble("", "refused", "note", fault.split(" (", maxsplit=1)[0])
        items = [item for plot in datagram.plots if (item := self._item(plot, received_ns)) is not None]
        self._arrivals.put(Arrived(received_ns, tuple(items)))
        text = f"{len(datagram.plots)} records, {datagram.passed_over} blocks of other categories"
        self._arrivals.shown(received_ns, where, text.encode(), items, "; ".join(datagram.faults))

    def _item(self, plot: Plot, received_ns: int) -> Item | None:
        origin = f"{plot.origin[0]}.{plot.origin[1]}"
        sensor = self._radars.get(origin)
        if sensor is None:
            self._arrivals.unknown(f"radar {origin}")
            return None
        stamped_ns = None if plot.day_s is None else time_of_day_ns(plot.day_s, received_ns)
        at_ns, wrong = event_time_ns(stamped_ns, received_ns, self._oldest_s)
        if wrong:
            self._arrivals.trouble(sensor.id, "clock_skew", "note", f"a record {wrong}")
        if at_ns < 0:
            return None
        if plot.category == 34:
            return health_of(self._site, sensor.id, at_ns, "heartbeat", "ok", "the radar turns")
        return self._detection(plot, sensor, at_ns)

    def _detection(self, plot: Plot, sensor: Sensor, at_ns: int) -> Detection | None:
        sigma_m = self._range_sigma_m
        if plot.lon is not None and plot.lat is not None:
            lon, lat = plot.lon, plot.lat
        elif plot.range_m is not None and plot.azimuth_deg is not None:
            own_lon, own_lat = geometry_of(self._site.line(sensor.line)).to_lonlat(sensor.at_m or 0.0, sensor.offset_m)
            lon, lat, _ = WGS84.fwd(float(own_lon), float(own_lat), plot.azimuth_deg, plot.range_m)
            sigma_m = max(sigma_m, math.radians(self._azimuth_sigma_deg) * plot.range_m)
        else:
            self._arrivals.trouble(sensor.id, "refused", "note", "a record that says no place")
            return None
        name = None if plot.track is None else str(plot.track)
        try:
            return detection_at(self._site, sensor, (lon, lat), sigma_m, at_ns, _PROBABILITY, sensor_track=name)
        except InputError:
            # Told in one text however far each of them is: findings are counted by their text.
            self._arrivals.trouble(sensor.id, "refused", "note", f"a place further than {FAR_M:.0f} m from the line")
            return None
