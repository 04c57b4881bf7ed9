"""The dashboard's files, read once: a request never touches the disk, nor a path that a client made up."""

import mimetypes
from collections.abc import Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from attrs import frozen

from ocpp_actors.operator.http.operations import Answer

INDEX: Final = "index.html"

_TYPES: Final = {
    ".js": "text/javascript",
    ".mjs": "text/javascript",
    ".webmanifest": "application/manifest+json",
}
_TEXTUAL: Final = frozenset({"application/json", "application/manifest+json", "image/svg+xml"})


@frozen
class StaticFile:
    """One file, ready to be sent."""

    body: bytes
    media_type: str
    etag: str

    def answer(self, headers: Mapping[str, str]) -> Answer:
        """Answer with the file, or with 304 where the client has it."""
        sent = {"ETag": self.etag, "Cache-Control": "no-cache"}
        wanted = [tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")]
        if self.etag in wanted or "*" in wanted:
            return Answer(status=304, headers=sent)
        return Answer(self.body, media_type=self.media_type, headers=sent)


def files_in(directory: Path) -> Iterator[tuple[str, StaticFile]]:
    """Yield the path and the file of every file; the index page also as the directory itself."""
    for path in sorted(directory.rglob("*")):
        if path.is_file() and not any(part.startswith(".") for part in path.relative_to(directory).parts):
            file = _read(path)
            url = "/" + path.relative_to(directory).as_posix()
            yield url, file
            if path.name == INDEX:
                yield url.removesuffix(INDEX).rstrip("/") or "/", file


def _read(path: Path) -> StaticFile:
    body = path.read_bytes()
    media_type: Any = (
        _TYPES.get(path.suffix) or mimetypes.guess_type(path.name)[0] or "application/octet-stream"
    )
    if media_type.startswith("text/") or media_type in _TEXTUAL:
        media_type += "; charset=utf-8"
    return StaticFile(body, media_type, f'"{sha256(body).hexdigest()[:32]}"')
