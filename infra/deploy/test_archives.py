"""Shows that archives of the same files are the same bytes, and each way in which a stranger's archive is refused.

    .venv/lint/bin/python -m unittest discover --start-directory infra/deploy
"""

import re
import stat
import tempfile
import unittest
import zipfile
import zlib
from pathlib import Path
from unittest import mock

import archives
from archives import Refused

ALLOWED = re.compile(r"template\.yaml|functions/[a-z]+/bootstrap")
ENTRIES = {"template.yaml": (b"a: 1\n", False), "functions/ingest/bootstrap": (b"code" * 100, True)}


class Archives(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)
        self.path = self.folder / "sluice-it.zip"

    def refused(self, words):
        with self.assertRaisesRegex(Refused, words):
            archives.read_zip(self.path, ALLOWED)
        self.assertEqual([one.name for one in self.folder.iterdir()], [self.path.name], "nothing is written")

    def written(self, name, kind=stat.S_IFREG, content=b"x"):
        """An archive with one more file."""
        archives.write_zip(self.path, ENTRIES)
        with zipfile.ZipFile(self.path, "a") as archive:
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, (kind | 0o644) << 16
            archive.writestr(info, content)

    def test_the_same_files_are_the_same_bytes_whatever_their_order(self):
        for write in (archives.write_zip, lambda path, entries: archives.write_tar(path, "top", entries)):
            made = []
            for entries in (ENTRIES, dict(reversed(ENTRIES.items()))):
                write(self.path, entries)
                made.append(self.path.read_bytes())
            self.assertEqual(made[0], made[1])

    def test_what_is_written_is_read_and_programs_can_be_run(self):
        archives.write_zip(self.path, ENTRIES)
        read = archives.read_zip(self.path, ALLOWED)
        self.assertEqual(read, {name: content for name, (content, _) in ENTRIES.items()})
        with zipfile.ZipFile(self.path) as archive:
            modes = {one.filename: one.external_attr >> 16 & 0o777 for one in archive.infolist()}
        self.assertEqual(modes, {"template.yaml": 0o644, "functions/ingest/bootstrap": 0o755})

    def test_a_name_that_leads_out_of_the_folder_is_refused(self):
        for name in ("../template.yaml", "/template.yaml", "functions/../../bootstrap", "functions/in/gest/bootstrap"):
            with self.subTest(name):
                self.written(name)
                self.refused("a file that no release has")

    def test_a_link_or_a_folder_is_refused(self):
        for kind in (stat.S_IFLNK, stat.S_IFDIR):
            self.written("functions/payments/bootstrap", kind)
            self.refused("a file that no release has")

    def test_a_file_that_is_there_twice_is_refused(self):
        with self.assertWarns(UserWarning):
            self.written("template.yaml")
        self.refused("a file that no release has")

    def test_too_many_files_are_refused(self):
        archives.write_zip(self.path, {f"functions/{'a' * (one + 1)}/bootstrap": (b"", True) for one in range(65)})
        self.refused("more than 64 files")

    def patched(self, *places):
        """The archive with numbers of its end record changed: (offset from the record's beginning, bytes)."""
        content = bytearray(self.path.read_bytes())
        at = content.rindex(archives.END_MARK)
        for offset, value in places:
            content[at + offset : at + offset + len(value)] = value
        self.path.write_bytes(content)

    def test_a_directory_is_not_read_that_is_longer_than_a_releases_whatever_it_says_of_its_files(self):
        archives.write_zip(self.path, {f"functions/{'a' * (one + 1)}/bootstrap": (b"", True) for one in range(200)})
        self.patched((8, b"\1\0\1\0"))
        with mock.patch.object(archives.zipfile, "ZipFile", side_effect=AssertionError("the directory is read")):
            self.refused("a directory of more than 16384 bytes")
        archives.write_zip(self.path, {f"functions/{'a' * (one + 1)}/bootstrap": (b"", True) for one in range(65)})
        with mock.patch.object(archives.zipfile, "ZipFile", side_effect=AssertionError("the directory is read")):
            self.refused("more than 64 files")
        # Files more than it says are counted as well.
        self.patched((8, b"\1\0\1\0"))
        self.refused("more than 64 files")

    def test_the_kind_for_large_archives_is_refused(self):
        with mock.patch.object(zipfile, "ZIP_FILECOUNT_LIMIT", 0):
            archives.write_zip(self.path, ENTRIES)
        self.assertIn(archives.LONG_END_MARK, self.path.read_bytes())
        self.refused("ZIP64")

    def test_an_archive_with_a_comment_is_refused_also_if_that_looks_like_an_end(self):
        for comment in (b"text", b"PK\5\6" + bytes(16) + b"\1\0"):
            archives.write_zip(self.path, ENTRIES)
            with zipfile.ZipFile(self.path, "a") as archive:
                archive.comment = comment
            self.refused("or has a comment")

    def test_what_is_packed_in_another_way_is_refused(self):
        for kind in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
            with self.subTest(kind):
                archives.write_zip(self.path, ENTRIES)
                with zipfile.ZipFile(self.path, "a") as archive:
                    info = zipfile.ZipInfo("functions/payments/bootstrap")
                    info.create_system, info.external_attr, info.compress_type = 3, (stat.S_IFREG | 0o755) << 16, kind
                    archive.writestr(info, b"code" * 100)
                self.refused("isn't packed as a release's are: functions/payments/bootstrap")

    def test_a_broken_stream_is_refused_also_where_the_directory_is_right(self):
        archives.write_zip(self.path, ENTRIES)
        with zipfile.ZipFile(self.path) as archive:
            info = archive.getinfo("functions/ingest/bootstrap")
        content = bytearray(self.path.read_bytes())
        begins = info.header_offset + 30 + len(info.filename)
        # No block of a deflate stream has this type.
        content[begins] = 0b111
        self.path.write_bytes(content)
        with zipfile.ZipFile(self.path) as archive, self.assertRaises(zlib.error):
            archive.read(info.filename)
        self.refused("can't be read as a ZIP archive: .*invalid block type")

    def test_whichever_byte_is_changed_the_archive_is_read_or_refused(self):
        archives.write_zip(self.path, ENTRIES)
        whole = self.path.read_bytes()
        for at in range(len(whole)):
            for bits in (0x01, 0x80, 0xFF):
                self.path.write_bytes(whole[:at] + bytes([whole[at] ^ bits]) + whole[at + 1 :])
                try:
                    archives.read_zip(self.path, ALLOWED)
                except Refused:
                    pass

    def test_more_than_the_limit_unpacked_is_refused_whatever_the_archive_says(self):
        archives.write_zip(self.path, ENTRIES)
        with mock.patch.object(archives, "UNPACKED_MAX_BYTES", 404):
            self.refused("unpacks to more than 404 bytes")
        with mock.patch.object(archives, "UNPACKED_MAX_BYTES", 405):
            archives.read_zip(self.path, ALLOWED)

    def test_a_large_archive_is_refused_before_it_is_read(self):
        archives.write_zip(self.path, ENTRIES)
        with mock.patch.object(archives, "ARCHIVE_MAX_BYTES", self.path.stat().st_size - 1):
            self.refused("is larger than")

    def test_what_is_no_archive_or_a_broken_one_is_refused(self):
        archives.write_zip(self.path, ENTRIES)
        whole = self.path.read_bytes()
        for content in (b"", b"not a ZIP", whole[: len(whole) // 2]):
            self.path.write_bytes(content)
            self.refused("can't be read as a ZIP archive")

    def test_checksums_are_read_as_they_are_written(self):
        archives.write_zip(self.path, ENTRIES)
        archives.write_sums(self.folder)
        sums = archives.read_sums((self.folder / archives.SUMS).read_text())
        self.assertEqual(list(sums), [self.path.name])
        archives.verify(self.path, sums)
        self.path.write_bytes(self.path.read_bytes() + b"!")
        with self.assertRaisesRegex(Refused, "isn't what was released"):
            archives.verify(self.path, sums)
        with self.assertRaisesRegex(Refused, "has no checksum of sluice-it.zip"):
            archives.verify(self.path, {})

    def test_lines_that_are_no_checksums_are_refused(self):
        good = f"{'a' * 64}  sluice-it.zip\n"
        for line in ("<html>", f"{'a' * 63}  sluice-it.zip", f"{'a' * 64}  ../it.zip", f"{'b' * 64}  sluice-it.zip"):
            with self.subTest(line), self.assertRaisesRegex(Refused, "a line that is no checksum"):
                archives.read_sums(good + line + "\n")


if __name__ == "__main__":
    unittest.main()
