"""What a trained arm leaves behind for the experiment: a model's folder and what was measured."""

import dataclasses
from pathlib import Path
from typing import Any

from pipeline.videorm.data.groups import Corpus
from pipeline.videorm.training.train import Trained
from pipeline.videorm.training.validation import reward_tables

RewardTables = dict[str, dict[str, list[float]]]  # by split and video_id, in the dimensions' order


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class ArmResult:
    """A trained arm on disk. JSON but for the folder."""

    folder: Path  # of the saved model
    parameters: int
    trained_parameters: int
    selected_epoch: int
    log_k: dict[str, float]  # of the tie model, by dimension
    overall: dict[str, float]  # weights of the dimensions
    curve: list[dict[str, Any]]
    rewards: RewardTables  # of the validation and test splits' clips
    notes: list[str]

    @property
    def held_out(self) -> dict[str, list[float]]:
        """Rewards by video_id, of both splits."""
        return {video: row for table in self.rewards.values() for video, row in table.items()}


def leave(trained: Trained, corpus: Corpus, folder: Path) -> ArmResult:
    """Save the model to ``folder`` and measure the rewards of the held-out clips."""
    model = trained.model
    model.save_pretrained(folder)
    return ArmResult(
        folder=folder,
        parameters=model.parameters_count,
        trained_parameters=sum(p.numel() for p in model.parameters() if p.requires_grad),
        selected_epoch=trained.epoch,
        log_k=dict(model.config.log_k),
        overall=dict(model.config.overall),
        curve=list(trained.curve),
        rewards=reward_tables(model, corpus, trained.inputs, trained.compute),
        notes=list(trained.notes),
    )
