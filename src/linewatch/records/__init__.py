"""What flows: one frozen record type for each level of data, and those that stand beside them.

Every field states its meaning; every float carries its unit in its name. Records are quantised at the door
(`quantise`, `batch_of`) and have one canonical encoding (`canonical_bytes`).
"""

from linewatch.records.block import Block, BlockHeader, header_of
from linewatch.records.context import (
    Attention,
    Clip,
    ClipRequest,
    Emergency,
    KnownActivity,
    KnownMover,
    SourcePosition,
    Tick,
    Truth,
    WalkTest,
    Weather,
)
from linewatch.records.detection import Detection, Detections, batch_of, concatenate, order_of, quantise_batch
from linewatch.records.health import Health, Outage
from linewatch.records.ids import content_id, incident_id, outage_id, track_id
from linewatch.records.incident import Incident, OperatorAct, Party, calls, interrupts, standing
from linewatch.records.quantise import quantise, quantise_time_ns
from linewatch.records.track import HandOver, Track
from linewatch.records.vocabulary import ACTS, KINDS, MOVERS, SENSOR_KINDS, derive_kind
from linewatch.records.wire import SCHEMA_VERSION, Record, Row, canonical_bytes, from_bytes, line_of_json

__all__ = [
    "ACTS",
    "KINDS",
    "MOVERS",
    "SCHEMA_VERSION",
    "SENSOR_KINDS",
    "Attention",
    "Block",
    "BlockHeader",
    "Clip",
    "ClipRequest",
    "Detection",
    "Detections",
    "Emergency",
    "HandOver",
    "Health",
    "Incident",
    "KnownActivity",
    "KnownMover",
    "OperatorAct",
    "Outage",
    "Party",
    "Record",
    "Row",
    "SourcePosition",
    "Tick",
    "Track",
    "Truth",
    "WalkTest",
    "Weather",
    "batch_of",
    "calls",
    "canonical_bytes",
    "concatenate",
    "content_id",
    "derive_kind",
    "from_bytes",
    "header_of",
    "incident_id",
    "interrupts",
    "line_of_json",
    "order_of",
    "outage_id",
    "quantise",
    "quantise_batch",
    "quantise_time_ns",
    "standing",
    "track_id",
]
