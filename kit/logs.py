"""How does a process talk to its operator? One line an event, key=value, dotted past-tense names ("mail.accepted").

Ids of account, message and session are bound once at the door and cleared at its end; content and secrets are never logged.
"""

import logging
import sys

import structlog


def configure(process: str, *, verbose: bool = False) -> None:
    """Send structlog and the standard library's logging to stderr as one-line events of `process`."""
    level = logging.DEBUG if verbose else logging.INFO
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    render = structlog.processors.LogfmtRenderer(key_order=["timestamp", "level", "process", "event"])
    structlog.configure(
        processors=[*shared, _name(process), structlog.processors.format_exc_info, render],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                _name(process),
                structlog.processors.format_exc_info,
                render,
            ],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(logging.WARNING)
    # aiosmtpd logs every command, and every line of DATA at DEBUG: content never belongs into a log.
    logging.getLogger("mail.log").setLevel(logging.WARNING)


def _name(process: str) -> structlog.typing.Processor:
    def add(_logger: object, _method: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
        event["process"] = process
        return event

    return add
