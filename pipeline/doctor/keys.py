"""Keys, by the names of their variables alone, and whether the servers that they are for answer."""

import dataclasses
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx2

from annotators.chat.spec import Endpoint, check_url, key_of
from pipeline.config import Config
from pipeline.doctor.finding import Asked, Finding, fail, ok, refused, warn
from schemas.options import SetupError

ANSWER_S = 5.0
AT_ONCE = 8


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """One server that a block asks, and the key it is asked with."""

    who: str
    way: Endpoint


def keys(asked: Asked) -> Iterator[Finding]:
    """Whether every variable is set. Nothing of a value is told, not its length either."""
    for server in servers(asked.config) if asked.config else ():
        try:
            key_of(server.who, server.way)
        except SetupError as error:
            yield refused("keys", error)
        else:
            name = server.way.api_key_env
            yield ok(
                "keys", f"{server.who}: {f'{name} is set' if name else 'the server wants none'}"
            )


def servers(config: Config) -> list[Server]:
    """Every server that a configuration names, in its order, each with its key once."""
    found = []
    tried = config.study.annotators or () if config.study else ()
    for spec in (*config.annotators, *(one for one in tried if not isinstance(one, str))):
        ways = getattr(spec, "ways", ())  # of the kinds that ask servers
        found += [Server(who=f"annotator {spec.annotator_id}", way=way) for way in ways]
    for one in config.generators.pool if config.generators else ():
        if isinstance(way := getattr(one, "way", None), Endpoint):
            found.append(Server(who=f"generator {one.name}", way=way))
    return found


def reach(asked: Asked) -> list[Finding]:
    """Whether each server lists its models for the key; nothing is asked of a model."""
    if not asked.reach or asked.config is None:
        return []
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(_reached, servers(asked.config)))


def _reached(server: Server) -> Finding:
    url = server.way.url.rstrip("/") + "/models"
    try:
        check_url(server.who, server.way)  # one with a secret in it is not told
        key = key_of(server.who, server.way)
        headers = {"Authorization": f"Bearer {key or 'none'}"}
        # a redirect would hand the key to whoever it names
        answer = httpx2.get(url, headers=headers, timeout=ANSWER_S, follow_redirects=False)
    except SetupError as error:
        return refused("reach", error)
    except (httpx2.HTTPError, OSError) as error:
        said = f"{server.who}: {url} does not answer ({type(error).__name__})"
        return fail("reach", said, "start the server, or mend base_url, network or proxy")
    return _judged(server, url, answer.status_code)


def _judged(server: Server, url: str, status: int) -> Finding:
    said = f"{server.who}: {url} answers {status}"
    if status == 200:
        return ok("reach", said)
    if status in (401, 403):
        name = server.way.api_key_env
        into = f"into {name}" if name else "into a variable, and name that in api_key_env"
        return fail("reach", said, f"put a key that this server takes {into}")
    if status in (404, 405):  # not every server lists its models
        return warn("reach", said, "try `preview`: it asks five questions")
    if status == 429 or status >= 500:
        return warn("reach", said, "the server is there, and busy or ill; ask again later")
    return warn(
        "reach", said, "look whether base_url is the server's API (it ends in /v1 as a rule)"
    )
