"""`videoprefer rate` on a small finished run: files, blindness, refusals, and clips that are no H.264."""

import io
import json
from pathlib import Path

import av
import numpy as np
import pytest
from coded_clips import hide_tail, number_in, write_clip
from PIL import Image
from report_run import GENERATORS, make_run, picture

from pipeline import __main__ as cli
from pipeline.dataset.parquet import parts, publish, read_rows, write_rows
from pipeline.media.errors import MediaError
from pipeline.media.options import FramesOptions
from pipeline.rating.ask import Ask, ask_people
from pipeline.rating.clips import PageClip, for_browsers
from pipeline.rating.dimensions import asked_about
from pipeline.rating.items import Candidate, Item, chosen_because
from pipeline.rating.page import render_page
from schemas import HumanVote, Video
from schemas.layout import Layout
from schemas.options import SetupError

RUBRICS = [
    {"name": "videoprefer/prompt_following", "version": 1, "text": None},
    {"name": "videoprefer/video_quality", "version": 1, "text": None},
]


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two prompts with a pair each; five clips with scores."""
    root = tmp_path_factory.mktemp("rate") / "run"
    record = make_run(root, stages=False) | {"rubrics": RUBRICS}
    Layout(root).run.write_text(json.dumps(record))
    return root


def test_the_verb_writes_a_page_tasks_and_the_analysts_list(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert cli.main(["rate", str(run), "--output", str(out), "--items", "2"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("2 pairs: 1 by random, 1 by ")
    assert f"LABEL_STUDIO_LOCAL_FILES_DOCUMENT_ROOT={tmp_path}" in said
    assert f"--items {out / 'items.csv'} --output {out / 'audit'}" in said
    assert sorted(p.name for p in out.iterdir()) == [
        "clips", "items.csv", "label_studio_config.xml", "label_studio_tasks.json", "rate.html"
    ]  # fmt: skip
    tasks = [task["data"] for task in json.loads((out / "label_studio_tasks.json").read_text())]
    pairs = {tuple(sorted((task["video_a"], task["video_b"]))) for task in tasks}
    assert pairs == set(chosen_because(out / "items.csv"))
    for task in tasks:
        for url in (task["url_a"], task["url_b"]):
            assert url.startswith("/data/local-files/?d=out/clips/")
            assert (out / "clips" / url.rpartition("/")[2]).is_file()
    before = {p.name: p.read_bytes() for p in out.iterdir() if p.is_file()}
    assert cli.main(["rate", str(run), "--output", str(out), "--items", "2"]) == 0
    assert {p.name: p.read_bytes() for p in out.iterdir() if p.is_file()} == before


def test_another_selection_is_refused_where_answers_may_exist(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    assert cli.main(["rate", str(run), "--output", str(out), "--items", "2"]) == 0
    for more in (["--items", "1"], ["--mode", "clips"], ["--dimension", "video_quality"]):
        before = {p: p.read_bytes() for p in out.rglob("*") if p.is_file()}
        assert cli.main(["rate", str(run), "--output", str(out), "--items", "2", *more]) == 2
        assert "holds another selection" in capsys.readouterr().err
        assert {p: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before


@pytest.mark.parametrize("mode", ["pairs", "clips"])
def test_no_generator_is_named_in_what_raters_get(run: Path, tmp_path: Path, mode: str) -> None:
    ask_people(Ask(run=run, output=tmp_path / "o", mode=mode, items=9))
    for name in ("rate.html", "label_studio_tasks.json", "label_studio_config.xml"):
        text = (tmp_path / "o" / name).read_text()
        assert not any(generator in text for generator in GENERATORS), name
        assert "beta &lt;i&gt;" not in text
        assert "disagreement" not in text  # nor why an item was chosen
    listed = (tmp_path / "o" / "items.csv").read_text()
    assert all(generator in listed for generator in GENERATORS)
    page = (tmp_path / "o" / "rate.html").read_text()
    assert "</script><img" not in page  # a hostile prompt
    assert "default-src 'none'" in page
    assert "http" not in page.replace('http-equiv="', "")


def test_the_prefix_of_addresses_is_the_users(run: Path, tmp_path: Path) -> None:
    ask_people(
        Ask(run=run, output=tmp_path / "o", url_prefix="https://h/c/", page_mb=None, mode="clips")
    )
    tasks = json.loads((tmp_path / "o" / "label_studio_tasks.json").read_text())
    assert len(tasks) == 5
    assert all(task["data"]["url"].startswith("https://h/c/") for task in tasks)
    assert not (tmp_path / "o" / "rate.html").exists()


def test_a_page_that_would_be_too_large_is_refused_before_anything_is_written(
    run: Path, tmp_path: Path
) -> None:
    with pytest.raises(SetupError, match=r"--page-mb allows 0\.001.*--items 1.*--no-page"):
        ask_people(Ask(run=run, output=tmp_path / "o", page_mb=0.001))
    assert not (tmp_path / "o").exists()


def test_votes_of_people_are_not_asked_for_again(run: Path, tmp_path: Path) -> None:
    layout = Layout(run)
    first, second = chosen_because(_list(run, tmp_path / "all"))
    table = tmp_path / "votes.csv"
    table.write_text(
        "prompt_id,video_a,video_b,rater,dimension,choice\n"
        f"{_prompt(layout, first)},{first[1]},{first[0]},r,video_quality,tie\n"
    )
    items = ask_people(Ask(run=run, output=tmp_path / "o", rated=[table], random_share=0)).items
    assert [item.candidate.key for item in items if item.asked] == [second]
    # a vote on a dimension that is not asked about changes nothing
    ask = Ask(
        run=run, output=tmp_path / "p", rated=[table], dimensions=["prompt_following"], items=2
    )
    assert len([i for i in ask_people(ask).items if i.asked]) == 2


def test_what_people_call_otherwise_is_not_asked_for_again(run: Path, tmp_path: Path) -> None:
    """``audit.dimensions`` of the run says which of people's dimensions answers for one of its own."""
    layout = Layout(run)
    before = layout.run.read_text()
    key, _ = chosen_because(_list(run, tmp_path / "all"))
    table = tmp_path / "votes.csv"
    table.write_text(
        "prompt_id,video_a,video_b,rater,dimension,choice\n"
        f"{_prompt(layout, key)},{key[0]},{key[1]},r,alignment,a\n"
    )

    def asked(output: str) -> int:
        found = ask_people(Ask(run=run, output=tmp_path / output, rated=[table]))
        return sum(item.asked for item in found.items)

    assert asked("o") == 2
    record = json.loads(before)
    record["config"]["audit"] = {"dimensions": {"prompt_following": ["alignment"]}}
    try:
        layout.run.write_text(json.dumps(record))
        assert asked("p") == 1
    finally:
        layout.run.write_text(before)


def test_simulated_votes_are_nobodys_word(run: Path, tmp_path: Path) -> None:
    layout = Layout(run)
    key, _ = chosen_because(_list(run, tmp_path / "all"))
    kept = list(read_rows(HumanVote, parts(layout.table("human_votes"))))
    try:
        for simulated, n in ((True, 2), (False, 1)):
            vote = HumanVote(
                prompt_id=_prompt(layout, key), video_a=key[0], video_b=key[1], rater="r",
                dimension="video_quality", choice="a", source="x", simulated=simulated,
            )  # fmt: skip
            staged = write_rows(HumanVote, [vote], tmp_path / "v.parquet")
            publish([staged], layout.table("human_votes"), HumanVote)
            items = ask_people(Ask(run=run, output=tmp_path / f"o{n}")).items
            assert sum(item.asked for item in items) == n
    finally:
        staged = write_rows(HumanVote, kept, tmp_path / "v.parquet")
        publish([staged], layout.table("human_votes"), HumanVote)


def _list(run: Path, output: Path) -> Path:
    ask_people(Ask(run=run, output=output, page_mb=None))
    return output / "items.csv"


def _prompt(layout: Layout, key: tuple[str, ...]) -> str:
    rows = read_rows(Video, parts(layout.table("videos")))
    return next(row.prompt_id for row in rows if row.video_id == key[0])


def test_what_can_be_known_before_is_refused(run: Path, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="not a complete run"):
        ask_people(Ask(run=tmp_path, output=tmp_path / "o"))
    with pytest.raises(SetupError, match="--dimension charm: is no dimension of this run"):
        ask_people(Ask(run=run, output=tmp_path / "o", dimensions=["charm"]))
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="is a file"):
        ask_people(Ask(run=run, output=tmp_path / "file"))


def test_clips_that_went_away_are_told(run: Path, tmp_path: Path) -> None:
    layout = Layout(run)
    gone = layout.clip_path(
        next(iter(read_rows(Video, parts(layout.table("videos"))))).uri  # of a clip with a score
    )
    data = gone.read_bytes()
    gone.unlink()
    try:
        written = ask_people(Ask(run=run, output=tmp_path / "o", mode="clips"))
    finally:
        gone.write_bytes(data)
    assert "a clip is not on this machine" in written.notes[0]
    assert len(written.items) in (4, 5)


def test_a_clip_that_is_not_the_one_judged_is_refused(run: Path, tmp_path: Path) -> None:
    layout = Layout(run)
    (judged, _), *_ = chosen_because(_list(run, tmp_path / "all"))
    uri = next(
        v.uri for v in read_rows(Video, parts(layout.table("videos"))) if v.video_id == judged
    )
    clip = layout.clip_path(uri)
    data = clip.read_bytes()
    clip.write_bytes(data + b"\0")
    try:
        with pytest.raises(SetupError, match="is not the file that was judged"):
            ask_people(Ask(run=run, output=tmp_path / "o", mode="clips"))
    finally:
        clip.write_bytes(data)
    assert not (tmp_path / "o").exists()


def test_a_prompt_that_looks_like_a_place_of_the_page_is_left_as_it_is() -> None:
    one = Candidate(videos=("v",), generators=("g",), prompt_id="p", margin=0.0)
    items = [Item(item="0001", why="random", asked=True, candidate=one)]
    clip = PageClip(data=b"abc", suffix=".mp4", recoded=False)
    page = render_page(items, "clips", (), {"v": clip}, {"p": "@CLIPS@ @SCRIPT@ </script>"})
    assert '"prompt":"@CLIPS@ @SCRIPT@ \\u003c/script\\u003e"' in page
    assert page.count('id="clip-0"') == 1


def test_dimensions_carry_the_words_of_the_runs_rubrics() -> None:
    own = (
        "dimensions:\n- name: charm\n  question: Is it charming?\n"
        "  scale:\n  - {score: 0, label: No, anchor: dull}\n  - {score: 1, label: Yes, anchor: nice}\n"
    )
    record = {"rubrics": [*RUBRICS, {"name": "mine", "version": 1, "text": own}]}
    charm, look, plain = asked_about(record, ["charm", "video_quality", "odd_one"])
    assert (charm.question, [p.anchor for p in charm.scale]) == (
        "Is it charming?",
        ["dull", "nice"],
    )
    assert look.scale[4].label == "Excellent"
    assert [p.label for p in plain.scale] == ["Bad", "Poor", "Fair", "Good", "Excellent"]
    assert plain.question == "How good is the odd one?"


# ---- clips ----


def frames_of(clip: PageClip) -> tuple[str, list[int], list[float]]:
    with av.open(io.BytesIO(clip.data)) as container:
        stream = container.streams.video[0]
        assert len(container.streams) == 1
        frames = list(container.decode(stream))
        numbers = [number_in(frame.to_ndarray(format="rgb24")) for frame in frames]
        return stream.codec_context.name, numbers, [float(f.time or 0) for f in frames]


def test_what_browsers_play_keeps_its_pictures_and_loses_its_metadata(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp4") as container:
        container.metadata["title"] = "made by alpha"
        video = container.add_stream("libx264", rate=8, options={"crf": "30"})
        video.width = video.height = 96
        video.pix_fmt = "yuv420p"
        sound = container.add_stream("aac", rate=44100)
        for step in range(12):
            container.mux(video.encode(av.VideoFrame.from_image(picture(1, step))))
        silence = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
        silence.sample_rate = 44100
        container.mux(sound.encode(silence))
        container.mux([*video.encode(), *sound.encode()])
    path.write_bytes(buffer.getvalue())
    assert b"made by alpha" in path.read_bytes()
    clip = for_browsers(path, FramesOptions())
    assert (clip.suffix, clip.mime, clip.recoded) == (".mp4", "video/mp4", False)
    assert b"made by alpha" not in clip.data
    assert frames_of(clip)[0] == "h264"
    with av.open(str(path)) as one, av.open(io.BytesIO(clip.data)) as other:
        for a, b in zip(one.decode(video=0), other.decode(video=0), strict=True):
            assert np.array_equal(a.to_ndarray(), b.to_ndarray())
            assert a.time == pytest.approx(b.time)


@pytest.mark.parametrize(
    ("codec", "suffix"),
    [("mpeg4", ".mp4"), ("libx265", ".mp4"), ("mjpeg", ".avi"), ("mpeg2video", ".mpeg")],
)
def test_what_browsers_do_not_play_is_coded_anew_frame_for_frame(
    tmp_path: Path, codec: str, suffix: str
) -> None:
    path = tmp_path / f"clip{suffix}"
    try:
        pixels = "yuvj420p" if codec == "mjpeg" else ""
        write_clip(path, range(24), codec=codec, pix_fmt=pixels)
    except ValueError as error:  # an encoder that this build of FFmpeg lacks
        pytest.skip(str(error))
    clip = for_browsers(path, FramesOptions())
    name, numbers, times = frames_of(clip)
    assert (clip.suffix, clip.recoded, name) == (".mp4", True, "h264")
    assert numbers == list(range(24))
    assert times == sorted(times)
    assert for_browsers(path, FramesOptions()).data == clip.data


def test_frames_that_an_edit_list_hides_stay_hidden(tmp_path: Path) -> None:
    whole = write_clip(tmp_path / "whole.mp4", range(24))
    clip = for_browsers(hide_tail(whole, 1000), FramesOptions())  # eight frames a second
    assert clip.recoded
    assert frames_of(clip)[1] == list(range(8))


def test_a_gif_without_delays_plays_at_ten_frames_a_second(tmp_path: Path) -> None:
    pictures = [picture(2, step) for step in range(6)]
    path = tmp_path / "clip.gif"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=0, loop=0)
    name, _, times = frames_of(for_browsers(path, FramesOptions()))
    assert name == "h264"
    assert times == pytest.approx([0, 0.1, 0.2, 0.3, 0.4, 0.5])


def test_an_animated_webp_keeps_its_uneven_times(tmp_path: Path) -> None:
    pictures: list[Image.Image] = [picture(2, step) for step in range(4)]
    path = tmp_path / "clip.webp"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=[100, 300, 50, 100])
    _, _, times = frames_of(for_browsers(path, FramesOptions()))
    assert times == pytest.approx([0, 0.1, 0.4, 0.45])


def test_what_is_no_clip_is_named(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    path.write_text("ffconcat version 1.0\nfile other.mp4\n")
    with pytest.raises(MediaError, match=r"clip\.mp4: not a video file"):
        for_browsers(path, FramesOptions())
