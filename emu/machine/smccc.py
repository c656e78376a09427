"""Firmware calls: who carries out what a guest asks for by HVC or SMC.

Sources: Arm DEN 0028 F (SMCCC); arch/arm64/kvm/hypercalls.c and handle_exit.c of Linux
6.1 and 6.4. Which functions there are the board says, in `emu.boards.services`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from emu.arch.firmware_functions import function_name
from emu.arch.smccc import FUNCTION_ID, KVM_UID, Conduit, Function, Owner, Status, uid_words
from emu.boards.services import CallHandling, FirmwareServices
from emu.core.events import EventStream, HypervisorCall
from emu.core.ports import Entropy
from emu.cpu import Vcpu
from emu.errors import BoardError
from emu.machine.call import Call, Handler
from emu.machine.psci import Psci
from emu.machine.stolen_time import StolenTime
from emu.machine.trng import Trng

_MASK32 = (1 << 32) - 1
_MASK64 = (1 << 64) - 1
_RESULT_REGISTERS = 4
_BITS_OF_A_FEATURE_WORD = 32


class FirmwareCalls:
    """What stands where a guest expects firmware.

    Args:
        services: what the board answers.
        psci: carries out the PSCI functions.
        stolen_time: carries out those of paravirtualized time.
        entropy: what the TRNG draws from; needed if the board has one.
        events: where each call is told.

    Raises:
        BoardError: as `offer`.
    """

    def __init__(
        self,
        services: FirmwareServices,
        *,
        psci: Psci,
        stolen_time: StolenTime,
        entropy: Entropy | None,
        events: EventStream,
    ) -> None:
        self._events = events
        self._vcpus: list[Vcpu] = []
        self._handlers: dict[int, Handler] = {
            **_HANDLERS,
            **psci.handlers,
            **stolen_time.handlers,
        }
        self._has_entropy = entropy is not None
        if entropy is not None:
            self._handlers |= Trng(entropy).handlers
        self.offer(services)

    @property
    def services(self) -> FirmwareServices:
        """What is answered at present."""
        return self._services

    def offer(self, services: FirmwareServices) -> None:
        """Answer these services from here on, as a monitor may decide before the guest runs.

        Raises:
            BoardError: the services need entropy and there is none, or have a function that
                nothing here carries out. What was offered before still is.
        """
        if services.has_trng and not self._has_entropy:
            raise BoardError(
                "the board has a TRNG and the machine no entropy for it: make the machine with "
                "`entropy`"
            )
        unknown = sorted(services.functions - self._handlers.keys())
        if unknown:
            names = ", ".join(function_name(function) for function in unknown)
            raise BoardError(
                f"the board has firmware functions that no machine carries out: {names}. Take "
                "them out of its `functions`, and they give NOT_SUPPORTED"
            )
        self._services = services
        for vcpu in self._vcpus:
            self._route(vcpu)

    def attach(self, vcpu: Vcpu) -> None:
        """Take this vCPU's calls."""
        self._vcpus.append(vcpu)
        self._route(vcpu)

    def _route(self, vcpu: Vcpu) -> None:
        vcpu.engine.on_hvc = self._taker(vcpu, Conduit.HVC)
        vcpu.engine.on_smc = self._taker(vcpu, Conduit.SMC)

    def _taker(self, vcpu: Vcpu, conduit: Conduit) -> Callable[[], None] | None:
        if self._services.handling(conduit) is CallHandling.UNDEFINED:
            return None
        return partial(self._take, vcpu, conduit)

    def _take(self, vcpu: Vcpu, conduit: Conduit) -> None:
        """Carry out the call whose function id is in W0, and leave its results in X0 and up."""
        x = vcpu.engine.x
        call = Call(vcpu, int(x[0]) & _MASK32, self._services)
        served = self._is_served(vcpu, conduit)
        results = self._carry_out(call) if served else (Status.NOT_SUPPORTED,)
        for number, result in enumerate(results):
            x[number] = result & _MASK64
        if self._events.active:
            event = HypervisorCall(vcpu.index, call.function, results[0] & _MASK64, conduit)
            self._events.emit(event)

    def _is_served(self, vcpu: Vcpu, conduit: Conduit) -> bool:
        handling = self._services.handling(conduit)
        if handling is CallHandling.SERVED_AT_0:
            return vcpu.engine.call_immediate == 0
        return handling is CallHandling.SERVED

    def _carry_out(self, call: Call) -> tuple[int, ...]:
        answer: int | tuple[int, ...] = Status.NOT_SUPPORTED
        if call.function in call.services.functions:
            answer = self._handlers[call.function](call)
        results = answer if isinstance(answer, tuple) else (answer,)
        if call.services.clears_results:
            results += (0,) * (_RESULT_REGISTERS - len(results))
        return results


def _arch_features(call: Call) -> int:
    """SMCCC_ARCH_FEATURES: what there is to say of a function of the architecture's."""
    return call.services.arch_features.get(call.argument(1), Status.NOT_SUPPORTED)


def _kvm_features(call: Call) -> tuple[int, ...]:
    """KVM_FEATURES: bit n of four 32-bit words is set if there is a function number n."""
    words = [0] * _RESULT_REGISTERS
    for function in call.services.functions:
        identity = FUNCTION_ID(function)
        word, bit = divmod(identity.Number, _BITS_OF_A_FEATURE_WORD)
        if identity.Owner == Owner.VENDOR_HYP and word < _RESULT_REGISTERS:
            words[word] |= 1 << bit
    return tuple(words)


def _not_supported(_call: Call) -> int:
    """A function that is offered, and has nothing to give here: there is no wall clock that is read
    together with the counter, as in a KVM whose host keeps its time by another clock.
    """
    return Status.NOT_SUPPORTED


def _workaround(_call: Call) -> int:
    """No instruction is executed speculatively, so there is nothing to work around."""
    return Status.SUCCESS


_HANDLERS: dict[int, Handler] = {
    Function.SMCCC_VERSION: lambda call: call.services.smccc_version,
    Function.SMCCC_ARCH_FEATURES: _arch_features,
    Function.SMCCC_ARCH_WORKAROUND_1: _workaround,
    Function.SMCCC_ARCH_WORKAROUND_2: _workaround,
    Function.SMCCC_ARCH_WORKAROUND_3: _workaround,
    Function.VENDOR_HYP_CALL_UID: lambda _call: uid_words(KVM_UID),
    Function.KVM_FEATURES: _kvm_features,
    Function.KVM_PTP: _not_supported,
}
