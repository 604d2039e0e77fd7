"""Long waits at the same time: each on a thread that does not keep the process alive."""

import threading
from collections.abc import Callable, Sequence

LOOK_EVERY_S = 0.2


def side_by_side(tasks: Sequence[Callable[[], None]]) -> list[BaseException]:
    """Run the tasks at once and wait for all of them; the errors that ended some.

    The wait can be interrupted: Ctrl-C ends the process though a task would go on for hours, so a
    task must be safe to kill. One task alone runs on the caller's own thread.
    """
    if len(tasks) == 1:
        return _attempt(tasks[0])
    errors: list[BaseException] = []
    threads = [
        threading.Thread(target=lambda task=task: errors.extend(_attempt(task)), daemon=True)
        for task in tasks
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        while thread.is_alive():
            thread.join(LOOK_EVERY_S)
    return errors


def aside(task: Callable[[], None]) -> None:
    """Begin a task and wait for nothing."""
    threading.Thread(target=task, daemon=True).start()


def _attempt(task: Callable[[], None]) -> list[BaseException]:
    try:
        task()
    except Exception as error:
        return [error]
    return []
