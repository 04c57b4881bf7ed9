"""What keeps a session apart from everything else: its directory, its names, and what it refuses to touch."""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from attrs import define, field

from ocpp_actors.settings import is_loopback
from ocpp_actors.testbench.profiles.profile import Profile, ProfileError

LABEL_LETTERS: Final = "bcdfghjkmnpqrstvwxz23456789"
"""Letters of labels: none that are taken for another, and none that make words."""

LABEL_LENGTH: Final = 5

STORAGE: Final = ("database", "message_log")
ADDRESSES: Final = ("host", "port", "api_host", "api_port")
OWN_SETTINGS: Final = ("api_token",)
NOTHING: Final = "off"
"""The message log that keeps nothing."""


def new_label() -> str:
    """Return what the names of one session begin with; two sessions have the same once in fourteen million."""
    return "".join(secrets.choice(LABEL_LETTERS) for _ in range(LABEL_LENGTH))


def refuse_what_is_not_ours(profile: Profile) -> None:
    """Go on where the profile touches nothing but what the session makes, or says in so many words that it may.

    Raises ProfileError: it does not; the message says which words are missing.
    """
    for complaint in _complaints(profile):
        raise ProfileError(f"profile {profile.name}: {complaint}")


def _complaints(profile: Profile) -> Iterator[str]:
    central = profile.central_system
    if not central.anywhere:
        for host in _hosts(profile):
            if not is_loopback(host):
                yield (
                    f"{host} is beyond this machine: if the session may reach what is there, or be reached from there, "
                    "say --anywhere, or central_system.anywhere = true"
                )
    yield from _about_a_foreign_server(profile) if central.url is not None else _about_the_own_server(profile)


def _hosts(profile: Profile) -> Iterator[str]:
    central, own = profile.central_system, profile.server
    urls = [url for url in (central.url, central.api_url) if url is not None]
    for group in profile.chargers:
        if group.kind == "attached":
            urls += [*group.api, f"//{group.listen}"]
    yield from (urlsplit(url).hostname or "" for url in urls)
    yield from (str(own[name]) for name in ("host", "api_host") if name in own)


def _about_a_foreign_server(profile: Profile) -> Iterator[str]:
    central = profile.central_system
    own = [f"server.{name}" for name in profile.server] + (["restarts"] if profile.restarts else [])
    if own:
        yield (
            f"{', '.join(own)}: for the session's own server only, and {central.url} is not: take them out of a copy "
            "(testbench new NAME --from PROFILE), or run validation, which is for any central system"
        )
    if profile.misbehaviour and central.api_url is None:
        yield "misbehaviour needs the API of the central system: central_system.api_url, or --api-url"
    if not central.foreign:
        yield (
            f"{central.url} is not the session's own central system: if it may be tested, and hold what is left of it, "
            "say central_system.foreign = true, or give it as --url"
        )


def _about_the_own_server(profile: Profile) -> Iterator[str]:
    if profile.central_system.api_url is not None:
        yield "central_system.api_url goes with central_system.url only"
    for name in OWN_SETTINGS:
        if name in profile.server:
            yield f"server.{name} is made by the session, it cannot be given"
    for name in (*STORAGE, *ADDRESSES):
        if profile.server.get(name, NOTHING) != NOTHING and not profile.central_system.foreign_storage:
            what = "storage" if name in STORAGE else "an address"
            yield (
                f"server.{name} is {what} that the session did not make: if it may be used, and changed, say "
                "central_system.foreign_storage = true"
            )


@define
class SessionDirectory:
    """The directory of one session: the report, the frames, and ``work``, which only a failure leaves behind."""

    path: Path
    label: str
    keep: bool = False
    """Leave everything behind."""
    discard: bool = field(init=False, default=False)
    """Leave nothing behind."""

    @property
    def work(self) -> Path:
        """Where database, message log, stores and logs are."""
        return self.path / "work"

    @property
    def frames(self) -> Path:
        """Where the frames of each charger are."""
        return self.path / "frames"


@contextmanager
def session_directory(parent: Path, name: str, label: str, now: datetime) -> Iterator[SessionDirectory]:
    """Have a new directory for the length of the block, in ``parent``, which is made and unmade if need be.

    After the block the work is removed unless ``keep`` was set, or the block raised; all of it if ``discard`` was set.

    Raises ProfileError: it cannot be made.
    """
    made = [each for each in (parent, *parent.parents) if not each.exists()]
    path = parent / f"{now:%Y%m%d-%H%M%S}-{name}-{label}"
    try:
        path.mkdir(parents=True)
        directory = SessionDirectory(path, label)
        directory.work.mkdir(mode=0o700)
        directory.frames.mkdir()
    except OSError as error:
        raise ProfileError(f"the directory {path} cannot be made: {error.strerror}") from None
    try:
        yield directory
    except BaseException:
        if directory.discard:
            _remove_all(path, made)
        raise
    if directory.discard:
        _remove_all(path, made)
    elif not directory.keep:
        shutil.rmtree(directory.work, ignore_errors=True)
        if not any(directory.frames.iterdir()):
            directory.frames.rmdir()


def _remove_all(path: Path, parents: list[Path]) -> None:
    shutil.rmtree(path, ignore_errors=True)
    for parent in parents:
        if any(parent.iterdir()):
            return
        parent.rmdir()
