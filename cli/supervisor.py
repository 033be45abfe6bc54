"""Who keeps the processes alive? One loop that starts them, restarts what crashes, passes on what they say, ends them.

It holds no state that matters: if it is killed, the kernel kills its children with it, and the next start goes on from
the database. Single-threaded on purpose, because children are tied to the thread that started them.
"""

import contextlib
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from cli.output import Output, shortened
from kit.process import die_with_parent

# A crashed process is restarted after a pause, which doubles up to the longest and begins anew after a steady run.
_FIRST_PAUSE, _LONGEST_PAUSE, _STEADY = 0.5, 30.0, 60.0
# A process that ends this often before everything has been ready once will not start at the next attempt either.
_HOPELESS = 3
# The doors give sessions 30 s to end (docs/operating.md); then it is over.
_GRACE = 35.0
_QUESTION = 0.1
_LONGEST_LINE = 65_536


class GaveUp(Exception):
    """A process did not come up; the text says which and what it said last."""


@dataclass(frozen=True)
class Program:
    """One process to keep running: its name for people, and the words after `livery`."""

    name: str
    command: tuple[str, ...]
    announces: str | None = None
    """The event that it logs once it is ready; None for one that must be asked."""


@dataclass
class _Child:
    program: Program
    process: subprocess.Popen[bytes] | None = None
    voice: int = -1
    """Our end of the pipe that it writes to; -1 when it has been closed."""
    started: float = 0.0
    restart_at: float = 0.0
    pause: float = _FIRST_PAUSE
    crashes: int = 0
    announced: bool = False
    unread: bytes = b""
    last_words: str = "nothing"


class Supervisor:
    """The processes of one machine. `tend` runs the loop; what happens is told to `output`."""

    def __init__(self, programs: Sequence[Program], environ: Mapping[str, str], output: Output) -> None:
        self._children = [_Child(program) for program in programs]
        self._environ = dict(environ)
        self._output = output
        self._selector = selectors.DefaultSelector()
        self._stopping: signal.Signals | None = None
        self._been_ready = False

    def tend(
        self,
        *,
        ready: Callable[[], bool],
        when_ready: Callable[[], None],
        look: Callable[[], None] = lambda: None,
    ) -> None:
        """Start everything and keep it running until SIGINT, SIGTERM or SIGHUP; then stop it and return.

        Once every process that announces itself has done so, `ready` is asked until it says yes; then `when_ready` is
        called, once. `look` is called at every turn, at least once a second, and may raise to end it all. Raises GaveUp
        if a process cannot be started at all.
        """
        next_question = 0.0
        with self._signals():
            try:
                while self._stopping is None:
                    self._start_due()
                    self._turn(1.0 if self._been_ready else _QUESTION)
                    look()
                    if self._been_ready or self._stopping is not None or time.monotonic() < next_question:
                        continue
                    next_question = time.monotonic() + _QUESTION
                    if all(child.process and child.announced for child in self._children) and ready():
                        self._been_ready = True
                        when_ready()
            finally:
                self._stop()

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        """Let signals wake the loop through a socket, so that nothing happens inside a handler."""
        woken, waker = socket.socketpair()
        for end in (woken, waker):
            end.setblocking(False)
        self._selector.register(woken, selectors.EVENT_READ, None)
        before = signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        stops = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup wants us to stay
            stops.append(signal.SIGHUP)
        old = {number: signal.signal(number, self._asked_to_stop) for number in stops}
        old[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, lambda *_: None)
        try:
            yield
        finally:
            for number, handler in old.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before)
            self._selector.unregister(woken)
            woken.close()
            waker.close()

    def _asked_to_stop(self, number: int, _frame: object) -> None:
        if self._stopping is not None:
            self._signal_all(signal.SIGKILL)  # asked twice: at once
        self._stopping = signal.Signals(number)

    def _start_due(self) -> None:
        now = time.monotonic()
        for child in self._children:
            if child.process is None and child.restart_at <= now:
                self._start(child)

    def _start(self, child: _Child) -> None:
        child.voice, mouth = os.pipe()
        os.set_blocking(child.voice, False)
        child.process = subprocess.Popen(
            # -P: the folder one happens to stand in is no place to import from.
            [sys.executable, "-P", "-m", "cli", *child.program.command],
            stdin=subprocess.DEVNULL,
            stdout=mouth,
            stderr=mouth,
            env=self._environ,
            start_new_session=True,  # Ctrl-C is for us; we decide about the order
            # SIGKILL: the database goes too, so nothing that they could still do would be recorded.
            preexec_fn=die_with_parent(signal.SIGKILL),
        )
        child.started = time.monotonic()
        child.announced = child.program.announces is None
        os.close(mouth)
        self._selector.register(child.voice, selectors.EVENT_READ, child)

    def _turn(self, timeout: float) -> None:
        """Wait for something to happen, pass on what was said, and notice who has ended."""
        pauses = [child.restart_at - time.monotonic() for child in self._children if child.process is None]
        for key, _ in self._selector.select(max(0.0, min([timeout, *pauses]))):
            if key.data is None:
                with contextlib.suppress(BlockingIOError):
                    while key.fileobj.recv(4096):  # type: ignore[union-attr]
                        pass
            else:
                self._listen(key.data)
        for child in self._children:
            if child.process is not None and child.process.poll() is not None:
                self._ended(child, child.process.returncode)

    def _listen(self, child: _Child) -> bool:
        """Pass on what a process has said; False if it had nothing to say now, or never will again."""
        try:
            heard = os.read(child.voice, 65536)
        except BlockingIOError:
            return False
        if not heard:
            self._close_voice(child)
            return False
        *lines, child.unread = (child.unread + heard).split(b"\n")
        if len(child.unread) > _LONGEST_LINE:
            lines, child.unread = [*lines, child.unread], b""
        for line in lines:
            text = line.decode(errors="replace").rstrip()
            child.last_words = text or child.last_words
            child.announced |= f"event={child.program.announces} " in f"{text} "
            self._output.heard(child.program.name, text)
        return True

    def _ended(self, child: _Child, status: int) -> None:
        self._hear_out(child)
        child.process = None
        if self._stopping is not None:
            return
        now = time.monotonic()
        if now - child.started > _STEADY:
            child.pause, child.crashes = _FIRST_PAUSE, 0
        child.crashes += 1
        if not self._been_ready and child.crashes >= _HOPELESS:
            raise GaveUp(
                f"{child.program.name} does not start ({_how(status)}). It said: {shortened(child.last_words)}"
            )
        child.restart_at = now + child.pause
        self._output.say(f"{child.program.name} ended ({_how(status)}); starting it again in {child.pause:g} s.")
        child.pause = min(child.pause * 2, _LONGEST_PAUSE)

    def _hear_out(self, child: _Child) -> None:
        """Read what an ended process had still to say."""
        while child.voice >= 0 and self._listen(child):
            pass
        self._close_voice(child)
        child.unread = b""

    def _close_voice(self, child: _Child) -> None:
        if child.voice >= 0:
            self._selector.unregister(child.voice)
            os.close(child.voice)
            child.voice = -1

    def _stop(self) -> None:
        """SIGTERM to all, SIGKILL to who is left after the grace; nobody is left behind."""
        if self._stopping is None:
            self._stopping = signal.SIGTERM
        self._signal_all(signal.SIGTERM)
        deadline = time.monotonic() + _GRACE
        while any(child.process for child in self._children):
            if time.monotonic() > deadline:
                self._signal_all(signal.SIGKILL)
            self._turn(0.5)

    def _signal_all(self, number: signal.Signals) -> None:
        for child in self._children:
            if child.process is not None and child.process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.process.pid, number)


def _how(status: int) -> str:
    return f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
