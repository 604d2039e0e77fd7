"""Contestant ``bare``: the least a client can do, an asyncio loop over the ``openai`` package.

Nothing is kept, nothing is asked again, no reply is read: it is the yardstick, not a way to work.

Its first round is spread over one latency. Requests that start together stay together where every
reply takes equally long: the loop would then prepare all of the next round while nothing is in flight,
and at 3 s reach three quarters of what it can.
"""

import asyncio
from typing import Any

import openai
from judging_work import MODEL, RESPONSE_FORMAT, SYSTEM, USER, Clip, Work, arguments, measure


async def ask_all(work: Work) -> int:
    """Ask everything; the number of replies."""
    limits = type(openai.DEFAULT_CONNECTION_LIMITS)(
        max_connections=work.concurrency, max_keepalive_connections=work.concurrency
    )
    client = openai.AsyncOpenAI(
        api_key="none",
        base_url=work.url,
        max_retries=0,
        timeout=120,
        http_client=openai.DefaultAsyncHttpxClient(limits=limits, timeout=120),
    )
    slots = asyncio.Semaphore(work.concurrency)

    async def ask(number: int, clip: Clip) -> bool:
        async with slots:
            if number < work.concurrency:
                await asyncio.sleep(work.latency_s * number / work.concurrency)
            reply = await client.chat.completions.create(
                model=MODEL,
                messages=messages(work, clip),
                temperature=0.3,
                max_tokens=512,
                response_format=RESPONSE_FORMAT,
            )
        return bool(reply.choices[0].message.content)

    asked = [ask(number, clip) for number, (clip, _) in enumerate(work.items())]
    return sum(await asyncio.gather(*asked))


def messages(work: Work, clip: Clip) -> Any:
    """System and user message; the frames are read here, in the slot, so few are held at once."""
    images = [
        {"type": "image_url", "image_url": {"url": work.data_url(sha256), "detail": "low"}}
        for sha256 in clip.sha256
    ]
    text = {"type": "text", "text": USER.format(prompt=clip.prompt)}
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": [text, *images]}]


if __name__ == "__main__":
    work = arguments()
    measure(lambda: asyncio.run(ask_all(work)), {"openai": openai.__version__})
