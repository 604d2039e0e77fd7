"""Every format that can be written. A further one is a module of this room and a line here."""

from pipeline.formats import (
    genai_bench_write,
    hpdv2,
    hpdv3,
    imagereward,
    pickapic,
    t2vqa_write,
    trl,
    ultrafeedback,
    unifiedreward,
    vbench_write,
    videoalign_write,
    videodpo,
    videofeedback_write,
    videoscore,
)
from pipeline.formats.writing import Writer

_ALL: tuple[Writer, ...] = (
    videoalign_write.VIDEOALIGN,
    videoalign_write.REWARDBENCH,
    videodpo.WRITER,
    unifiedreward.WRITER,
    vbench_write.WRITER,
    t2vqa_write.WRITER,
    genai_bench_write.WRITER,
    videofeedback_write.WRITER,
    videoscore.WRITER,
    hpdv2.WRITER,
    hpdv3.WRITER,
    imagereward.WRITER,
    pickapic.WRITER,
    trl.WRITER_PREFERENCE,
    trl.WRITER_UNPAIRED,
    ultrafeedback.WRITER,
)

WRITERS: dict[str, Writer] = {writer.name: writer for writer in _ALL}
