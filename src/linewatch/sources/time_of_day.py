"""What sources share whose senders say a time of day without its date."""

from typing import Final

_S_PER_DAY: Final = 86_400
_NS_PER_S: Final = 1_000_000_000


def time_of_day_ns(day_s: float, received_ns: int) -> int:
    """The moment at this time of day that is nearest to when it came: right across midnight, too."""
    day_ns = _S_PER_DAY * _NS_PER_S
    midnight_ns = received_ns // day_ns * day_ns
    at_ns = midnight_ns + round(day_s * _NS_PER_S)
    return min((at_ns - day_ns, at_ns, at_ns + day_ns), key=lambda t: abs(t - received_ns))
