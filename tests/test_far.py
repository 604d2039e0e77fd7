"""What stores say when something is wrong, in words that tell what to do, and what is asked again."""

import errno

import pytest
from botocore.exceptions import ClientError, ConnectTimeoutError, NoCredentialsError
from s3fs.errors import translate_boto_error

from schemas import far
from schemas.address import Address, place_of
from schemas.far import StoreError, asked, may_pass, told
from schemas.options import SetupError
from schemas.store import Store


class HttpError(Exception):
    """As gcsfs has it."""

    def __init__(self, code: int, message: str = "") -> None:
        super().__init__(message)
        self.code = code


def s3(code: str, status: int) -> BaseException:
    """What s3fs raises for an answer of S3."""
    answer = {
        "Error": {"Code": code, "Message": code},
        "ResponseMetadata": {"HTTPStatusCode": status},
    }
    return translate_boto_error(ClientError(answer, "PutObject"))


PASSING = [
    TimeoutError(),
    ConnectionResetError(),
    HttpError(429),
    HttpError(503),
    s3("SlowDown", 503),
    s3("InternalError", 500),
    s3("ConditionalRequestConflict", 409),  # two writers at once: one may try again
    ConnectTimeoutError(endpoint_url="http://x"),
    OSError(errno.EBUSY, "busy"),
]
STAYING = [
    (s3("AccessDenied", 403), "this account may not: log in (aws configure"),
    (NoCredentialsError(), "nobody is logged in, or no longer: log in (aws configure"),
    (s3("NoSuchBucket", 404), "is there a bucket s3://bucket? create it"),
    (ImportError("no s3fs"), "s3:// needs a package: pip install s3fs"),
    (s3("InvalidBucketName", 400), "check the address and the network"),
    (HttpError(401), "nobody is logged in"),
    (OSError("Forbidden: https://x?X-Goog-Signature=abc"), "this account may not"),
]


@pytest.mark.parametrize("error", PASSING, ids=repr)
def test_what_may_pass_is_asked_again(error):
    answers = iter([error, error])

    def ask():
        for one in answers:
            raise one
        return "at last"

    assert may_pass(error)
    assert asked("s3://bucket/x", "cannot be read", ask) == "at last"


@pytest.mark.parametrize(("error", "remedy"), STAYING, ids=repr)
def test_what_stays_is_told_at_once_with_what_to_do(error, remedy):
    n = []

    def ask():
        n.append(1)
        raise error

    assert not may_pass(error)
    with pytest.raises((StoreError, FileNotFoundError)) as raised:
        asked("s3://bucket/x", "cannot be read", ask)
    said = str(raised.value)
    assert said.startswith("s3://bucket/x: cannot be read: ")
    assert remedy in said
    assert "abc" not in said  # a signature that grants access
    assert len(n) == 1


def test_an_object_that_is_not_there_is_an_answer():
    def ask():
        raise s3("NoSuchKey", 404)

    with pytest.raises(FileNotFoundError) as raised:
        asked("s3://bucket/x", "cannot be read", ask)
    assert not isinstance(raised.value, StoreError)


def test_the_endpoint_of_the_environment_is_named(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:1")
    said = str(told("s3://bucket/x", "cannot be read", TimeoutError()))
    assert "check the network and AWS_ENDPOINT_URL=http://127.0.0.1:1" in said
    assert "what is done is kept" in said


def test_a_store_without_a_condition_of_its_own_is_not_written():
    with pytest.raises(StoreError, match=r"hf://.*could overwrite each other.*gs:// or s3://"):
        Store("hf://datasets/a/b").put("x", b"1")
    with pytest.raises(SetupError, match="could overwrite each other"):
        StoreThatLists("hf://datasets/a/b").check()


class StoreThatLists(Store):
    def names(self, folder=""):
        return iter(())


def test_a_store_that_works_passes_the_check_and_keeps_nothing_of_it(tmp_path):
    for root in (str(tmp_path), "memory://checked"):
        Store(root).check()
        assert list(Store(root).names()) == []


def test_a_store_that_overwrites_is_refused(monkeypatch):
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setattr(Store, "put", lambda self, name, data: True)
    with pytest.raises(SetupError, match="overwrites a name that is there though asked not to"):
        Store("memory://careless").check()


def test_a_path_in_a_store_is_called_by_its_address_and_opens_as_a_copy():
    store = Store("memory://tables")
    store.put("a/m.csv", b"1")
    path = place_of("memory://tables/a/m.csv")
    assert isinstance(path, Address)
    assert (str(path), path.name, path.suffix) == ("memory://tables/a/m.csv", "m.csv", ".csv")
    assert str(path.parent / "b.csv") == "memory://tables/a/b.csv"
    assert (path.read_bytes(), path.is_file()) == (b"1", True)
    store.delete("a/m.csv")
    assert not path.is_file()
    store.put("a/m.csv", b"22")
    assert path.read_bytes() == b"22"  # what lies there now
    assert place_of("set/m.csv") == place_of(place_of("set/m.csv"))
    assert not isinstance(place_of("set/m.csv"), Address)


def test_requests_keep_the_order_of_their_items():
    assert far.each(lambda n: n * 2, range(200)) == [n * 2 for n in range(200)]
    assert far.each(lambda n: n, []) == []
