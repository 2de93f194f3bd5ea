"""SAPIENT's numbers for units and states, for rooms that do not import its messages."""

import math
from typing import Final

from sapient_msg.bsi_flex_335_v2_0.alert_ack_pb2 import AlertAck
from sapient_msg.bsi_flex_335_v2_0.alert_pb2 import Alert
from sapient_msg.bsi_flex_335_v2_0.location_pb2 import LocationCoordinateSystem as _Location
from sapient_msg.bsi_flex_335_v2_0.range_bearing_pb2 import RangeBearingCoordinateSystem as _Bearing
from sapient_msg.bsi_flex_335_v2_0.status_report_pb2 import StatusReport
from sapient_msg.bsi_flex_335_v2_0.task_ack_pb2 import TaskAck

LOCATION_UNITS: Final[dict[int, float]] = {
    _Location.LOCATION_COORDINATE_SYSTEM_LAT_LNG_DEG_M: 1.0,
    _Location.LOCATION_COORDINATE_SYSTEM_LAT_LNG_RAD_M: math.degrees(1.0),
}
"""Degrees in one unit of a location, by coordinate system; UTM is not among them."""
BEARING_UNITS: Final[dict[int, tuple[float, float]]] = {
    _Bearing.RANGE_BEARING_COORDINATE_SYSTEM_DEGREES_M: (1.0, 1.0),
    _Bearing.RANGE_BEARING_COORDINATE_SYSTEM_RADIANS_M: (math.degrees(1.0), 1.0),
    _Bearing.RANGE_BEARING_COORDINATE_SYSTEM_DEGREES_KM: (1.0, 1000.0),
    _Bearing.RANGE_BEARING_COORDINATE_SYSTEM_RADIANS_KM: (math.degrees(1.0), 1000.0),
}
"""Degrees and metres in one unit of a bearing and of a range, by coordinate system."""
SYSTEM_WARNING: Final = StatusReport.SYSTEM_WARNING
SYSTEM_ERROR: Final = StatusReport.SYSTEM_ERROR
GOODBYE: Final = StatusReport.SYSTEM_GOODBYE
INFO_NEW: Final = StatusReport.INFO_NEW
NOT_DETECTING: Final = StatusReport.STATUS_TYPE_NOT_DETECTING
ALERT_FAULTS: Final = frozenset({Alert.ALERT_TYPE_ERROR, Alert.ALERT_TYPE_FATAL})
"""Alerts about the node itself."""
ALERT_ACCEPTED: Final = AlertAck.ALERT_ACK_STATUS_ACCEPTED
ALERT_REJECTED: Final = AlertAck.ALERT_ACK_STATUS_REJECTED
TASK_STATES: Final[dict[int, str]] = {
    TaskAck.TASK_STATUS_ACCEPTED: "accepted",
    TaskAck.TASK_STATUS_REJECTED: "rejected",
    TaskAck.TASK_STATUS_COMPLETED: "completed",
    TaskAck.TASK_STATUS_FAILED: "failed",
}
