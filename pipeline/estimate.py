"""What a run would ask for, before anything is sent."""

from annotators import OpenAISpec
from pipeline.config import Config
from pipeline.plan import Plan


def estimate(config: Config, plan: Plan) -> str:
    """Requests and images per annotator, as text. Costs need a price and the clips' frames."""
    lines = [
        f"{len(plan.prompts)} prompts, {len(plan.clips)} clips, "
        f"{len(plan.dimensions)} dimensions, {config.frames.count} frames per clip at most"
    ]
    for annotator in plan.annotators:
        requests = len(plan.clips) * len(plan.rubrics) * annotator.draws
        lines.append(
            f"  {annotator.annotator_id}: {requests} questions"
            + (
                f" = {requests} requests with {requests * config.frames.count} images at most, up to "
                f"{requests * annotator.max_output_tokens} output tokens"
                if isinstance(annotator, OpenAISpec)
                else ", free"
            )
        )
    return "\n".join([*lines, *(f"note: {note}" for note in plan.notes)])
