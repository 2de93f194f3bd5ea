"""What Linewatch says of itself and of what it sees, as SAPIENT messages of a fusion node."""

from collections.abc import Sequence
from typing import Final

import msgspec
from sapient_msg.bsi_flex_335_v2_0.alert_pb2 import Alert
from sapient_msg.bsi_flex_335_v2_0.location_pb2 import Location, LocationCoordinateSystem, LocationDatum
from sapient_msg.bsi_flex_335_v2_0.registration_pb2 import Registration
from sapient_msg.bsi_flex_335_v2_0.sapient_message_pb2 import SapientMessage
from sapient_msg.bsi_flex_335_v2_0.status_report_pb2 import StatusReport
from sapient_msg.bsi_flex_335_v2_0.task_pb2 import Task

from linewatch.protocols.sapient import ICD_VERSION, new_message, ulid_of

DEGREES: Final = LocationCoordinateSystem.LOCATION_COORDINATE_SYSTEM_LAT_LNG_DEG_M
WGS84: Final = LocationDatum.LOCATION_DATUM_WGS84_E
CLASSES: Final = ("Human", "Animal", "Land Vehicle", "Unknown")
"""Classes of the fixed taxonomy that are sent; the sex of a person is not."""
_SECONDS: Final = Registration.TIME_UNITS_SECONDS


class Seen(msgspec.Struct, frozen=True):
    """One mover as a detection report tells it."""

    name: str
    """Its id with us."""
    lon: float
    """Longitude in degrees."""
    lat: float
    """Latitude in degrees."""
    sigma_m: float
    """Standard deviation of where it is."""
    confidence: float
    """Probability that it is there, 0 to 1."""
    classes: tuple[tuple[str, float], ...]
    """Classes with their probabilities."""
    east_mps: float = 0.0
    """Speed towards east."""
    north_mps: float = 0.0
    """Speed towards north."""


def location(lon: float, lat: float, sigma_m: float | None = None) -> Location:
    """A place on Earth."""
    made = Location(x=lon, y=lat, coordinate_system=DEGREES, datum=WGS84)
    if sigma_m is not None:
        made.x_error = made.y_error = sigma_m
    return made


def registration(
    node_id: str, at_ns: int, name: str, version: str, status_s: float, *, node_type: int | None = None
) -> SapientMessage:
    """Who we are and what we can say."""
    message = new_message(node_id, at_ns)
    about = message.registration
    about.node_definition.add(node_type=Registration.NODE_TYPE_FUSION_NODE if node_type is None else node_type)
    about.icd_version = ICD_VERSION
    about.name, about.short_name = f"Linewatch {name}"[:200], "Linewatch"
    about.capabilities.add(category="fusion", type="tracks and incidents along a line")
    about.status_definition.status_interval.units = _SECONDS
    about.status_definition.status_interval.value = status_s
    mode = about.mode_definition.add(mode_name="Default", mode_type=Registration.MODE_TYPE_PERMANENT)
    mode.settle_time.units, mode.settle_time.value = _SECONDS, 0.0
    mode.tracking_type = Registration.TRACKING_TYPE_TRACK
    what = mode.detection_definition.add()
    what.location_type.location_units, what.location_type.location_datum = DEGREES, WGS84
    classes = what.detection_class_definition.add()
    for each in CLASSES:
        classes.class_definition.add(type=each)
    mode.task.region_definition.region_type.append(Registration.REGION_TYPE_AREA_OF_INTEREST)
    area = mode.task.region_definition.region_area.add()
    area.location_units, area.location_datum = DEGREES, WGS84
    about.config_data.add(manufacturer="Linewatch", model="linewatch", software_version=version)
    return message


def status(node_id: str, at_ns: int, *, new: bool, blind: Sequence[str] = ()) -> SapientMessage:
    """How we are; `blind` says in words which stretches are not watched."""
    message = new_message(node_id, at_ns)
    report = message.status_report
    report.report_id = ulid_of(node_id, "status", at_ns)
    report.system = StatusReport.SYSTEM_WARNING if blind else StatusReport.SYSTEM_OK
    report.info = StatusReport.INFO_NEW if new else StatusReport.INFO_UNCHANGED
    report.mode = "Default"
    for text in blind:
        report.status.add(
            status_type=StatusReport.STATUS_TYPE_NOT_DETECTING,
            status_level=StatusReport.STATUS_LEVEL_WARNING_STATUS,
            status_value=text[:400],
        )
    return message


def detection(node_id: str, at_ns: int, seen: Seen) -> SapientMessage:
    """One mover now. All of one scan carry the same time."""
    message = new_message(node_id, at_ns)
    report = message.detection_report
    report.report_id = ulid_of(node_id, "detection", seen.name, at_ns)
    report.object_id = ulid_of(node_id, "object", seen.name)
    report.location.CopyFrom(location(seen.lon, seen.lat, seen.sigma_m))
    report.detection_confidence = seen.confidence
    for kind, confidence in seen.classes:
        report.classification.add(type=kind, confidence=confidence)
    report.enu_velocity.east_rate, report.enu_velocity.north_rate = seen.east_mps, seen.north_mps
    return message


def alert(
    node_id: str,
    at_ns: int,
    name: str,
    *,
    text: str,
    priority: int,
    confidence: float,
    over: bool,
    lon: float,
    lat: float,
    sigma_m: float,
) -> SapientMessage:
    """An incident. Priority 1 is critical and high, 2 and 3 a warning, the rest information."""
    message = new_message(node_id, at_ns)
    made = message.alert
    made.alert_id = ulid_of(node_id, "alert", name)
    made.alert_type = (
        Alert.ALERT_TYPE_CRITICAL
        if priority <= 1
        else Alert.ALERT_TYPE_WARNING
        if priority <= 3
        else Alert.ALERT_TYPE_INFORMATION
    )
    made.status = Alert.ALERT_STATUS_CLEAR if over else Alert.ALERT_STATUS_ACTIVE
    made.description = text[:1000]
    made.location.CopyFrom(location(lon, lat, sigma_m))
    made.priority = (
        Alert.DISCRETE_PRIORITY_HIGH
        if priority <= 1
        else Alert.DISCRETE_PRIORITY_MEDIUM
        if priority <= 3
        else Alert.DISCRETE_PRIORITY_LOW
    )
    made.confidence = confidence
    return message


def look_at(node_id: str, destination: str, at_ns: int, task_id: str, lon: float, lat: float) -> SapientMessage:
    """Ask a node to look at a place."""
    message = new_message(node_id, at_ns, destination)
    task = message.task
    task.task_id, task.control = task_id, Task.CONTROL_START
    task.command.look_at.location_list.locations.append(location(lon, lat))
    return message
