"""What a user chooses of a balloon."""

from __future__ import annotations

from dataclasses import dataclass

from emu.arch.virtio import BALLOON, DeviceType
from emu.arch.virtio_balloon import BalloonFeature
from emu.devices.host import Host
from emu.devices.virtio.balloon.balloon import POLLING_INTERVAL_MAX_S, Balloon, pages_of_mib
from emu.devices.virtio.config import Offer
from emu.errors import BoardError


@dataclass(frozen=True, slots=True, kw_only=True)
class BalloonConfig:
    """What a user chooses of a balloon.

    Attributes:
        id: what tells it from others in a machine.
        amount_mib: size that it shall have at first, in MiB.
        deflate_on_oom: whether the guest may take pages back when it runs out of memory.
        stats_polling_interval_s: how often the guest is asked for statistics, in seconds of virtual
            time, at most 65535; 0 for never, and then not even later.
        free_page_hinting: whether the guest can be asked which of its pages are free.
        free_page_reporting: whether the guest may tell of free pages by itself.
    """

    id: str = "balloon"
    amount_mib: int = 0
    deflate_on_oom: bool = False
    stats_polling_interval_s: int = 0
    free_page_hinting: bool = False
    free_page_reporting: bool = False

    @property
    def type(self) -> DeviceType:
        """A balloon."""
        return BALLOON

    def build(self, host: Host, offer: Offer) -> Balloon:
        """The device.

        Raises:
            BoardError: the monitor does not have what was chosen, or a number is too large.
        """
        if not 0 <= self.stats_polling_interval_s <= POLLING_INTERVAL_MAX_S:
            raise BoardError(
                f"balloon {self.id}: stats_polling_interval_s is {self.stats_polling_interval_s}; "
                f"expected 0 to {POLLING_INTERVAL_MAX_S}"
            )
        return Balloon(
            self.id,
            host,
            features=self._features(offer),
            queue_size=offer.queue_size,
            knows_hints=bool(offer.features >> BalloonFeature.FREE_PAGE_HINT & 1),
            target_pages=pages_of_mib(self.id, self.amount_mib),
            stats_polling_interval_s=self.stats_polling_interval_s,
        )

    def _features(self, offer: Offer) -> int:
        """What the device offers: of the features that are a choice, those that were chosen."""
        choices = {
            BalloonFeature.STATS_VQ: self.stats_polling_interval_s > 0,
            BalloonFeature.DEFLATE_ON_OOM: self.deflate_on_oom,
            BalloonFeature.FREE_PAGE_HINT: self.free_page_hinting,
            BalloonFeature.PAGE_REPORTING: self.free_page_reporting,
        }
        chosen = sum(1 << bit for bit, is_chosen in choices.items() if is_chosen)
        if missing := chosen & ~offer.features:
            raise BoardError(
                f"balloon {self.id}: the board's monitor does not offer "
                f"{', '.join(BALLOON.feature_names(missing))}: take a later release of it, or "
                "leave out what asks for that"
            )
        return offer.features & ~sum(1 << bit for bit in choices) | chosen
