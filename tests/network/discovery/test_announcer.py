"""What a node announces follows its interfaces, its key and its invitations."""

from __future__ import annotations

from pathlib import Path

import pytest

from local_swarm.network.discovery.announcement import Announcement
from local_swarm.network.discovery.announcer import OwnAnnouncement, SleepDetector
from local_swarm.network.discovery.lan import Interface, LanInterfaces
from local_swarm.network.trust.pairing import Invitations
from local_swarm.network.trust.store import open_trust


@pytest.mark.parametrize(("slept_s", "woke"), [(0.0, False), (4.0, False), (3600.0, True)])
def test_a_sleep_shows_in_the_wall_clock_alone(slept_s: float, woke: bool) -> None:
    wall, steady = [100.0], [5.0]
    detector = SleepDetector(lambda: wall[0], lambda: steady[0])
    wall[0] += 2.0 + slept_s
    steady[0] += 2.0
    assert detector.woke() is woke
    assert detector.woke() is False, "it is told once"


def test_the_announcement_is_that_of_now(tmp_path: Path) -> None:
    trust, interfaces = open_trust(tmp_path), LanInterfaces()
    invitations = Invitations(trust, "ab" * 32, "me")
    fixed = Announcement(id="1" * 32, name="me", port=1, addresses=(), swarm="", workers=3)
    own = OwnAnnouncement(fixed, trust, invitations, interfaces)
    assert own.current().addresses == () and own.current().invitation == ""
    interfaces.selected = (Interface("eth0", ("192.168.1.5",)),)
    number = invitations.invite().number
    assert own.current().addresses == ("192.168.1.5",) and own.current().invitation == number
    assert own.current().swarm == trust.tag and own.current().workers == 3
