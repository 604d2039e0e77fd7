"""Every check, one after another; those that wait for a process or a server do so side by side."""

import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor

from pipeline.doctor import disk, keys, machine, models, packages, plugged, runner, stores, video
from pipeline.doctor.child import end_all
from pipeline.doctor.finding import Asked, Finding, fail

Check = Callable[[Asked], Iterable[Finding]]
# in the order in which they are told
CHECKS: dict[str, Check] = {
    "system": machine.system,
    "python": packages.python,
    "names": packages.names,
    "packages": packages.packages,
    "extras": packages.extras,
    "plugins": plugged.plugins,
    "torch": models.models,
    "ffmpeg": video.program,
    "decoders": video.decoders,
    "cores": machine.cores,
    "memory": machine.memory,
    "shared memory": machine.shared_memory,
    "disk": disk.disks,
    "plan": disk.plan,
    "keys": keys.keys,
    "reach": keys.reach,
    "stores": stores.stores,
    "runner": runner.runner,
}
AT_ONCE = 4


def examine(asked: Asked) -> list[Finding]:
    """What every check finds, in their order. Never raises: a check that does is a failure itself."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            found = pool.map(lambda name: _guarded(name, asked), CHECKS)
            return [finding for findings in found for finding in findings]
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            end_all()
            raise


def _guarded(name: str, asked: Asked) -> list[Finding]:
    try:
        return list(CHECKS[name](asked))
    except Exception as error:
        last = traceback.format_exception_only(error)[-1].strip()
        return [fail(name, f"the check itself failed: {last}", "report it with this line")]
