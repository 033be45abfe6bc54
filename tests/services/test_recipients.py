"""The flows of `tests/flows/test_recipients.py`, on RabbitMQ and Debian's PostgreSQL, with two of each process."""

from tests.flows.test_recipients import *  # noqa: F403 - the same tests, on the stage of this folder
