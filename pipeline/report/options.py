"""What a run may say about its pages."""

from pydantic import Field

from schemas.options import Options


class ReportOptions(Options):
    """The ``report:`` block of the configuration."""

    prompts: int = Field(0, ge=0)  # most prompts in the explorer, chosen by hash; 0: all of them
    prompts_per_file: int = Field(12, ge=1)  # prompts in one data script, loaded when looked at
    clips: bool = True  # false: frames only
    # whether clips that browsers do not play (HEVC, MPEG-2, GIF, ..) get small copies; false: frames only
    previews: bool = True
    # after which no more are begun; those that are missing are made when the report is drawn again
    preview_minutes: float = Field(30, gt=0, allow_inf_nan=False)
    failure_examples: int = Field(3, ge=0)  # messages shown for each stage and reason
