"""The flows again where the platform is spread out: RabbitMQ, Debian's PostgreSQL by TCP, and several of each process."""
