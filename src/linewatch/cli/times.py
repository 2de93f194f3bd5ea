"""Times as people write them on the command line."""

from datetime import UTC, datetime

from linewatch.errors import InputError


def time_ns_of(text: str, option: str) -> int:
    """UTC nanoseconds of an ISO 8601 time; without a zone it is UTC. Raises `InputError` naming the option."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(f"{option}: found {text!r}; allowed: a time such as 2021-11-18T04:00:00Z") from None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1_000_000) * 1_000
