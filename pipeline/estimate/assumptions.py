"""What nobody can know before the replies are there. Each is named in the estimate that it shapes."""

from pipeline.generators.base import Declared

OUTPUT_TOKENS = 120  # per dimension: a score and at most 60 words of rationale, as JSON
LATENCY_S = 5.0  # of one reply
# Mean over about 50 clips of four text-to-video models and some camera footage, quality 85; single
# clips have 0.09 to 0.45
JPEG_BYTES_PER_PIXEL = 0.22
# a clip of a generator that declares nothing
ASSUMED_CLIP = Declared(width_px=512, height_px=512, n_frames=16, fps=8.0)
BYTES_PER_PIXEL = (
    0.02  # of a made clip's file, for each pixel of each frame: H.264 at usual quality
)
REPLY_BYTES = 2_000  # a journal entry without the words of its request
ALTERNATIVE_BYTES = 80  # of a journal entry, for each alternative of each token of a reply
ROW_BYTES = 500  # an annotation with its rationale, compressed
