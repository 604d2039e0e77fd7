"""The pipelines of a run on one folder, in order. Resumable throughout."""

from annotators.journal import Journal
from pipeline.failed import TakenUp
from pipeline.gate import keep_judged
from pipeline.stages.annotate import annotate
from pipeline.stages.assemble import assemble
from pipeline.stages.check import check
from pipeline.stages.collect import collect
from pipeline.stages.compare import compare
from pipeline.stages.consensus import learn
from pipeline.stages.gate import STAGE as GATE
from pipeline.stages.gate import gate
from pipeline.waves import Waves


class Job(Waves):
    """The pipelines of one run; each stage skips what is whole."""

    def run(self) -> str:
        """All of them. Returns the fingerprint of the tables.

        Raises ``Stopped``, ``BooksError`` and ``RequirementError``.
        """
        self.home.begin()
        self.note("running")
        gate(self)
        made = collected = check(self, collect(self))
        if self.config.protocol.scores:
            made = annotate(self, collected)
            self.notes += learn(self)
        if self.config.protocol.compares:
            made = compare(self, collected, made)
        made = assemble(self, made)
        keep_judged(self.order, self.config, self.plan, self.layout)
        return made

    def take_up(self, failed: TakenUp) -> None:
        """Have this run try again what failed.

        Paid replies that were of no use stay in the journal and no longer count; the waves that hold
        such failures are done anew, from the journal for everything else.
        """
        for wave in sorted(failed.waves):
            self.again(wave)
        if self.order.judged is None:
            self.again(GATE)
        clips = {clip.video_id: clip for clip in self.plan.clips}
        for failure in failed.failures:
            clip = clips.get(failure.key) if failure.stage == "video" else None
            if clip is not None and clip.path is None:
                self.recipe.generators[clip.generator].ask_again(clip, self.recipe.tools)
        if failed.replies:
            Journal(self.recipe.resources.journal).set_aside(failed.replies)
        if not failed.failures:
            self.say("no failure is left to take up: going on with the run, which is not complete")
            return
        n_failed, n_paid = len(failed.failures), len(failed.replies)
        self.say(f"taking up {n_failed} failures, {n_paid} of them paid replies")
