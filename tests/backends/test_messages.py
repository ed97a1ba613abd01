from __future__ import annotations

import pytest

from local_swarm.backends.process import messages


@pytest.mark.parametrize(
    "report",
    [
        messages.Loaded(8192, 1024, 5_000_000, "<s>", "</s>", on_gpu=True),
        messages.JobAccepted(1, 20),
        messages.SeatText(1, 2, 'a "quote" \n and ünïcode', []),
        messages.SeatDone(1, 2, "stop", 12, -3.5, 0.25, 7),
        messages.Beat(3, 1, 400, 7, 12),
    ],
)
def test_reports_survive_the_wire(report: messages.Report) -> None:
    line = messages.encode(report)
    assert line.endswith(b"\n") and line.count(b"\n") == 1
    assert messages.decode_report(line) == report


def test_commands_survive_the_wire() -> None:
    order = messages.Generate(7, "me", "text", [0.0, 0.8], [1, 2], None, ["stop"], {"top_k": 40})
    assert messages.decode_command(messages.encode(order)) == order
    assert messages.decode_command(messages.encode(messages.Cancel(7))) == messages.Cancel(7, None)


@pytest.mark.parametrize("line", [b"", b"{}", b"[]", b'{"is":"Nothing"}', b'{"is":"Beat"}', b"llama_decode: failed"])
def test_what_is_no_message_is_told_apart(line: bytes) -> None:
    with pytest.raises(ValueError):
        messages.decode_report(line)
