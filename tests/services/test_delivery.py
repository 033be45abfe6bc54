"""The flows of `tests/flows/test_delivery.py`, on RabbitMQ and Debian's PostgreSQL, with two of each process."""

from tests.flows.test_delivery import *  # noqa: F403 - the same tests, on the stage of this folder
