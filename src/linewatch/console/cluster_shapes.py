"""How the distributed engine is, where it makes the decisions of this store."""

import msgspec


class UnworkedShape(msgspec.Struct, frozen=True):
    """A section that no worker works on now: what is felt there is kept, and decided once one does."""

    line: str
    section: str
    since_ms: int
    """When that was noticed."""
    why: str


class ClusterShape(msgspec.Struct, frozen=True):
    """A run on a cluster, as its engine and its logs tell of it."""

    run: str
    """Folder of the run."""
    state: str
    """State of its job in the engine's words, or `no engine`, `no job`, `unreadable`."""
    why: str
    """What it failed with last, or why nothing can be told."""
    workers: int | None
    """Task managers that are there; null where the engine does not answer."""
    spare: int | None
    """Slots that nobody uses: warm spares."""
    restarts: int | None
    """How often the job was restored from a checkpoint."""
    checkpoint_age_s: float | None
    """Time since the last whole checkpoint."""
    shipped: int | None
    """Last tick that the site has shipped."""
    decided: int | None
    """Last tick that was decided."""
    behind_s: float | None
    """Length of what was shipped and is not decided; null before the first decision."""
    idle: bool
    """Whether all that was shipped is decided: then nobody waits for a worker."""
    sections: int
    """Sections of the plan."""
    without: list[UnworkedShape]
    """Those of them that nobody works on, while something waits for a decision."""
