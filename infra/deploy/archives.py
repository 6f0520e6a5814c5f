"""Archives of a release: written so that the same files give the same bytes, and read as what a stranger may have made.

Python 3.10, no packages.
"""

import gzip
import hashlib
import io
import re
import struct
import tarfile
import zipfile
import zlib

SUMS = "SHA256SUMS"

# What is read of an archive of functions at the most: on disk, unpacked, and in files. One has some 22 MB, 48 MB and 11
# files; of development builds, three times as much.
ARCHIVE_MAX_BYTES = 128 * 1024 * 1024
UNPACKED_MAX_BYTES = 512 * 1024 * 1024
FILES_MAX = 64
# What a ZIP's directory comes to at the most: `zipfile` reads all of it, however many files it says that there are.
DIRECTORY_MAX_BYTES = 16 * 1024

# The end of a ZIP: its signature, four numbers (of disks and files), where its directory is, and the length of a comment.
END = struct.Struct("<4s4H2LH")
END_MARK, LONG_END_MARK, LONG_END_BYTES = b"PK\5\6", b"PK\6\7", 20

# The earliest time that a ZIP can name; no file's own time is in an archive.
NO_TIME = (1980, 1, 1, 0, 0, 0)

SUM = re.compile(r"^([0-9a-f]{64}) [ *]([A-Za-z0-9][A-Za-z0-9._-]*)$")


class Refused(Exception):
    """What is wrong with a release, as a sentence."""


def mode_of(is_program):
    return 0o755 if is_program else 0o644


def write_zip(path, entries, level=9):
    """Writes name → (bytes, whether it is a program)."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=level) as archive:
        for name, (content, is_program) in sorted(entries.items()):
            info = zipfile.ZipInfo(name, NO_TIME)
            info.create_system = 3  # Unix, for the mode
            info.external_attr = (0o100000 | mode_of(is_program)) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, content)


def write_tar(path, folder, entries, level=9):
    """Writes name → (bytes, whether it is a program), all below a folder."""
    with open(path, "wb") as file, gzip.GzipFile("", "wb", level, file, mtime=0) as packed:
        with tarfile.open(fileobj=packed, mode="w", format=tarfile.USTAR_FORMAT) as archive:
            for name, (content, is_program) in sorted(entries.items()):
                info = tarfile.TarInfo(f"{folder}/{name}")
                info.size = len(content)
                info.mode = mode_of(is_program)
                archive.addfile(info, io.BytesIO(content))


def digest(path):
    hashed = hashlib.sha256()
    with open(path, "rb") as file:
        while block := file.read(1 << 20):
            hashed.update(block)
    return hashed.hexdigest()


def write_sums(folder):
    """Writes the checksums of a folder's files beside them, as `sha256sum` does."""
    files = sorted(one for one in folder.iterdir() if one.name.startswith("sluice-"))
    lines = [f"{digest(one)}  {one.name}\n" for one in files]
    (folder / SUMS).write_text("".join(lines), encoding="utf-8")


def read_sums(text):
    """File's name → checksum."""
    found = {}
    for line in text.splitlines():
        matched = SUM.match(line)
        if not matched or matched[2] in found:
            raise Refused(f"{SUMS} has a line that is no checksum of a file, or one of a file named before: {line[:100]!r}")
        found[matched[2]] = matched[1]
    return found


def verify(path, sums):
    """Holds a file to its checksum."""
    if path.name not in sums:
        raise Refused(f"{SUMS} has no checksum of {path.name}")
    found = digest(path)
    if found != sums[path.name]:
        raise Refused(f"{path.name} isn't what was released: its SHA-256 is {found}, and {SUMS} has {sums[path.name]}")


def judge_end(path):
    """Refuses a ZIP whose directory is longer than a release's, before anything of it is read."""
    with open(path, "rb") as file:
        length = file.seek(0, io.SEEK_END)
        file.seek(max(0, length - END.size - LONG_END_BYTES))
        last = file.read()
    ends = last[-END.size :]
    if len(ends) < END.size or not ends.startswith(END_MARK) or not ends.endswith(b"\0\0"):
        raise Refused(f"{path.name} can't be read as a ZIP archive: it doesn't end like one, or has a comment")
    _, _, _, _, count, directory, _, _ = END.unpack(ends)
    # Where there are 65,535 files or more, or 4 GB, another record has the true numbers.
    if last[: -END.size].startswith(LONG_END_MARK):
        raise Refused(f"{path.name} can't be read as a ZIP archive: it is of the kind for large ones (ZIP64)")
    if count > FILES_MAX:
        raise Refused(f"{path.name} has more than {FILES_MAX} files")
    if directory > DIRECTORY_MAX_BYTES:
        raise Refused(f"{path.name} has a directory of more than {DIRECTORY_MAX_BYTES} bytes")


def read_zip(path, allowed):
    """Name → content of an archive whose files' names all match `allowed`; nothing is written anywhere.

    A name with `..`, an absolute one, a link or a folder is no file of a release, and refused with the archive.
    """
    if path.stat().st_size > ARCHIVE_MAX_BYTES:
        raise Refused(f"{path.name} is larger than {ARCHIVE_MAX_BYTES} bytes")
    judge_end(path)
    found, left = {}, UNPACKED_MAX_BYTES
    try:
        with zipfile.ZipFile(path) as archive:
            infos = archive.infolist()
            if len(infos) > FILES_MAX:
                raise Refused(f"{path.name} has more than {FILES_MAX} files")
            for info in infos:
                kind = info.external_attr >> 28
                if not allowed.fullmatch(info.filename) or info.filename in found or kind != 0o10:
                    raise Refused(f"{path.name} has a file that no release has: {info.filename[:100]!r}")
                if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise Refused(f"{path.name} has a file that isn't packed as a release's are: {info.filename}")
                # What the archive says of its size isn't believed.
                with archive.open(info) as file:
                    content = file.read(left + 1)
                left -= len(content)
                if left < 0:
                    raise Refused(f"{path.name} unpacks to more than {UNPACKED_MAX_BYTES} bytes")
                found[info.filename] = content
    except (
        zipfile.BadZipFile,
        zlib.error,
        NotImplementedError,
        RuntimeError,
        EOFError,
        OSError,
        OverflowError,
        ValueError,
        struct.error,
    ) as error:
        raise Refused(f"{path.name} can't be read as a ZIP archive: {error}") from error
    return found
