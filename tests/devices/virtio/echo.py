"""A virtio device of no real type: it answers each request with its bytes, backwards."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from emu.arch.virtio import DeviceType, Feature
from emu.devices.host import Host
from emu.devices.virtio.chain import Chain
from emu.devices.virtio.device import VirtioDevice, VirtioState

ECHO: Final = DeviceType("virtio-echo", 42, {0: "SHOUT", 50: "WHISPER"})

OFFERED: Final = sum(
    1 << bit for bit in (0, 50, Feature.INDIRECT_DESC, Feature.EVENT_IDX, Feature.VERSION_1)
)
QUEUE_SIZES: Final = (16, 8)
CONFIG: Final = bytes.fromhex("0123456789abcdef")


@dataclass(slots=True, kw_only=True)
class EchoState:
    """All of the device's state; its configuration space can be written."""

    virtio: VirtioState = field(default_factory=lambda: VirtioState(avail_features=OFFERED))
    config: bytes = CONFIG


class Echo(VirtioDevice):
    """The device. `served` has the queues that it looked at, in order."""

    type = ECHO

    def __init__(self, host: Host, *, features: int = OFFERED) -> None:
        super().__init__("echo", host, features=features, queue_sizes=QUEUE_SIZES)
        self.config = CONFIG
        self.served: list[int] = []

    @property
    def config_space(self) -> bytes:
        return self.config

    def write_config(self, offset: int, data: bytes) -> None:
        end = offset + len(data)
        if end > len(CONFIG):
            super().write_config(offset, data)
        else:
            self.config = self.config[:offset] + data + self.config[end:]

    def process(self, queue: int) -> None:
        self.served.append(queue)
        self.drain(queue, self._answer)

    def reset(self) -> None:
        super().reset()
        self.config = CONFIG

    def state(self) -> EchoState:
        return EchoState(virtio=self.virtio_state(), config=self.config)

    def load_state(self, state: EchoState) -> None:
        self.load_virtio_state(state.virtio)
        self.config = state.config

    @staticmethod
    def _answer(chain: Chain) -> int:
        return chain.write(chain.read()[::-1])
