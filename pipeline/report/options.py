"""What a run may say about its pages."""

from pydantic import Field

from schemas.options import Options


class ReportOptions(Options):
    """The ``report:`` block of the configuration."""

    prompts: int = Field(0, ge=0)  # most prompts in the explorer, chosen by hash; 0: all of them
    prompts_per_file: int = Field(12, ge=1)  # prompts in one data script, loaded when looked at
    clips: bool = True  # false: frames only
    failure_examples: int = Field(3, ge=0)  # messages shown for each stage and reason
