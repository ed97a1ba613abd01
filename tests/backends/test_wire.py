from __future__ import annotations

import pytest

from local_swarm.backends import wire


@pytest.mark.parametrize(
    "report",
    [
        wire.Loaded(8192, 1024, 5_000_000, "<s>", "</s>", on_gpu=True),
        wire.JobAccepted(1, 20),
        wire.SeatText(1, 2, 'a "quote" \n and ünïcode', []),
        wire.SeatDone(1, 2, "stop", 12, -3.5, 0.25, 7),
        wire.Beat(3, 1, 400, 7, 12),
    ],
)
def test_reports_survive_the_wire(report: wire.Report) -> None:
    line = wire.encode(report)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert wire.decode_report(line) == report


def test_commands_survive_the_wire() -> None:
    order = wire.Generate(7, "me", "text", [0.0, 0.8], [1, 2], None, ["stop"], {"top_k": 40})
    assert wire.decode_command(wire.encode(order)) == order
    assert wire.decode_command(wire.encode(wire.Cancel(7))) == wire.Cancel(7, None)


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b'{"is":"Nothing"}', b'{"is":"Beat"}', b"llama_decode: failed"])
def test_what_is_no_message_is_told_apart(line: bytes) -> None:
    with pytest.raises(ValueError):
        wire.decode_report(line)
