"""Which steps hear the samples of a sensor: chosen by its kind, and nowhere else."""

from linewatch.app.settings import Settings, checked_settings
from linewatch.detect.classify import ClassifyStep
from linewatch.detect.geophone import GeophoneStep
from linewatch.detect.link import LinkStep
from linewatch.detect.pir import PirStep
from linewatch.detect.street import MovingSourceStep
from linewatch.detect.vibration import VibrationSettings, VibrationStep
from linewatch.detect.video import VideoStep
from linewatch.detect.walking import WalkingStep
from linewatch.health.camera import CameraHealthStep
from linewatch.health.channels import ChannelHealthStep
from linewatch.ports import AnyStep
from linewatch.site.model import Site
from linewatch.site.sensor import Sensor


def steps_for(site: Site, sensor: Sensor, settings: Settings) -> tuple[AnyStep, ...]:
    """The detectors of one sensor, and after them the step that watches over its health."""
    if sensor.kind == "camera":
        return (*detectors_for(site, sensor, settings), CameraHealthStep(sensor, settings.cameras))
    return (*detectors_for(site, sensor, settings), ChannelHealthStep(sensor, settings.channels))


def detectors_for(site: Site, sensor: Sensor, settings: Settings) -> tuple[AnyStep, ...]:
    """The detectors of one sensor, the first of them under the sensor's own id.

    A fence cable tells acts, a buried fibre that it was disturbed and that somebody walks there; with `roads.watched`
    it also looks for vehicles that drive along it. Whatever has no detector of its own is listened to as vibration.
    """
    sections = _of_sections(site, sensor, settings)
    match sensor.kind:
        case "fibre_vibration":
            return (ClassifyStep(sensor, settings.vibration, settings.classify, sections=sections),)
        case "fibre_das":
            walking = (WalkingStep(sensor, settings.walking),) if settings.walking.watched else ()
            roads = (MovingSourceStep(sensor, settings.roads.slant),) if settings.roads.watched else ()
            return (VibrationStep(sensor, settings.vibration, sections), *walking, *roads)
        case "geophone":
            return (GeophoneStep(sensor, settings.geophone),)
        case "pir":
            return (PirStep(sensor, settings.pir),)
        case "microwave" | "radio_link":
            return (LinkStep(sensor, settings.link),)
        case "camera":
            return (VideoStep(sensor, site.line(sensor.line), settings.video),)
        case _:
            return (VibrationStep(sensor, settings.vibration, sections),)


def _of_sections(site: Site, sensor: Sensor, settings: Settings) -> tuple[tuple[float, float, VibrationSettings], ...]:
    """Start, end and settings of the sections along this sensor that have vibration settings of their own."""
    from_m, to_m = sensor.extent_m()
    return tuple(
        (section.from_m, section.to_m, checked_settings(section.settings, "", "", settings)[0].vibration)
        for section in site.line(sensor.line).sections
        if "vibration" in section.settings and section.from_m < to_m and section.to_m > from_m
    )
