"""Tests ../../jsr/video/containers.py."""

import pytest

from jsr.video import codecs, containers


@pytest.mark.parametrize(
    "name, head, expected",
    [
        ("a.mp4", b"", True),
        ("A.MKV", b"anything", True),
        ("a.png", b"\x1a\x45\xdf\xa3", False),
        ("stdin", b"\0\0\0\x20ftypisom", True),
        ("stdin", b"\x1a\x45\xdf\xa3", True),
        ("stdin", b"RIFF\0\0\0\0AVI ", True),
        ("stdin", b"RIFF\0\0\0\0WAVE", False),
        ("stdin", b"\0\0\1\xba", True),
        ("stdin", b"\0\0\1\0", False),  # an icon of Windows
        ("a.ts", b"import { x } from 'y'\n" * 10, False),  # TypeScript
        ("a.ts", (b"G" + bytes(187)) * 2, True),
        ("a.m2ts", (bytes(4) + b"G" + bytes(187)) * 2, True),
        ("notes", b"Good morning", False),
    ],
)
def test_is_video_by_suffix_or_beginning(name, head, expected):
    assert containers.is_video(name, head[: containers.HEAD]) == expected


def test_results_keep_their_container_where_it_is_written():
    names = ("a.mp4", "a.MOV", "a.webm", "a.avi", "a.ts", "stdin")
    assert [containers.result_suffix(name) for name in names] == [".mp4", ".mov", ".webm", ".mkv", ".mkv", ".mkv"]


def test_written_containers_name_codecs_that_exist():
    assert {name for kind in containers.CONTAINERS for name in kind.codecs} == set(codecs.CODECS)
