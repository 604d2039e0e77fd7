"""The Beam runner that the options name: whether what it needs is there."""

from pipeline.brought import plugins_in
from pipeline.doctor.child import in_child
from pipeline.doctor.finding import Asked, Finding


def runner(asked: Asked) -> list[Finding]:
    """In a child: Beam takes seconds to import, and the room that knows it stands above this one."""
    return in_child(
        "runner",
        "pipeline.transforms.examined",
        "look",
        list(asked.flags),
        asked.home,
        asked.reach,
        [plugin.distribution for plugin in plugins_in(asked.config)] if asked.config else [],
        todo="pip install --force-reinstall apache-beam",
    )
