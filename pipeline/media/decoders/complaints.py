"""What FFmpeg's decoders say in their log alone: that they have patched up damage in a picture."""

import logging

import av
from av.packet import Packet
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

# What no frame shows. Of H.264: pictures that are to be forgotten are not there, as after a jump, and in
# clips cut out of longer ones, where groups of pictures are open. Of PNG: its end mark is missing, and
# all of the picture is there, or the decoder would have given none.
_HARMLESS = frozenset({"mmco: unref short failure", "0 bytes left"})

av.logging.set_level(av.logging.ERROR)
av.logging.set_skip_repeated(False)
logging.getLogger("libav").addHandler(
    logging.NullHandler()
)  # what is not listened to is not printed
logging.getLogger("libav").propagate = False


def decoded_aloud(
    codec: VideoCodecContext, packet: "Packet[VideoStream] | None"
) -> tuple[list[VideoFrame], bool]:
    """The frames that a packet gives, and whether the decoder complained of it. Raises what PyAV raises.

    A decoder of one thread complains of the packet it was given, before it shows the frame.
    """
    with av.logging.Capture() as complaints:
        frames = codec.decode(packet)
    return frames, any(text.strip() not in _HARMLESS for _, _, text in complaints)
