"""Contestant ``distilabel``: the same work through distilabel.

With ``--images 1`` its own task for pictures, which takes one a row. With more, a task of ours in its
pipeline that reads a row's frames when its turn comes, because no task of its own shows several
pictures. A batch holds as many rows as may be in flight: its tasks send a batch at once and wait for
all of it. Its cache is off.
"""

import os
from typing import Any

from judging_work import MODEL, SYSTEM, USER, arguments, measure

work = arguments()
os.environ |= {
    "DISTILABEL_LOG_LEVEL": "WARNING",
    "DISTILABEL_CACHE_DIR": f"{work.folder}/distilabel",
    "HF_HOME": f"{work.folder}/hf",
    "HF_HUB_OFFLINE": "1",
    "HOME": work.folder,
}

from importlib.metadata import version  # noqa: E402

from distilabel.models import OpenAILLM  # type: ignore[import-not-found]  # noqa: E402
from distilabel.pipeline import Pipeline  # type: ignore[import-not-found]  # noqa: E402
from distilabel.steps import LoadDataFromDicts  # type: ignore[import-not-found]  # noqa: E402
from distilabel.steps.tasks import TextGenerationWithImage  # type: ignore[import-not-found]  # noqa: E402


class OnePicture(TextGenerationWithImage):  # type: ignore[misc]
    """The task as it is, but for the picture, which is read here instead of carried along."""

    def _transform_image(self, image: Any) -> str:
        return work.data_url(str(image))


class AllPictures(TextGenerationWithImage):  # type: ignore[misc]
    """One message with all pictures of the row."""

    def _prepare_message_content(self, input: dict[str, Any]) -> Any:
        images = [
            {"type": "image_url", "image_url": {"url": work.data_url(sha256)}}
            for sha256 in input["image"].split()
        ]
        text = {"type": "text", "text": input["instruction"]}
        return [{"role": "user", "content": [text, *images]}]


def ask_all() -> int:
    """Ask everything; the number of rows with a reply."""
    rows = [
        {"instruction": USER.format(prompt=clip.prompt), "image": " ".join(clip.sha256)}
        for clip, _ in work.items()
    ]
    task = OnePicture if work.images == 1 else AllPictures
    with Pipeline(name="bench", cache_dir=f"{work.folder}/pipeline") as pipeline:
        load = LoadDataFromDicts(data=rows, batch_size=work.concurrency)
        judge = task(
            name="judge",
            llm=OpenAILLM(
                model=MODEL,
                base_url=work.url,
                api_key="none",
                max_retries=0,
                timeout=120,
                generation_kwargs={
                    "temperature": 0.3,
                    "max_new_tokens": 512,
                    "response_format": {"type": "json_object"},
                },
            ),
            system_prompt=SYSTEM,
            input_batch_size=work.concurrency,
            add_raw_input=False,
            add_raw_output=False,
            use_cache=False,
        )
        load >> judge
    return sum(bool(row["generation"]) for row in pipeline.run(use_cache=False)["default"]["train"])


if __name__ == "__main__":
    measure(ask_all, {name: version(name) for name in ("distilabel", "openai")})
