"""What does the SMTP door count? Sessions, logins, messages in, refusals by code, and how long an acceptance takes."""

from prometheus_client import Counter, Gauge, Histogram

SESSIONS = Gauge("smtpd_sessions", "Connections open now")
CONNECTIONS = Counter("smtpd_connections_total", "Connections by what became of them", ["result"])
LOGINS = Counter("smtpd_logins_total", "Logins by result: ok, wrong, throttled, suspended, fault", ["result"])
ACCEPTED = Counter("smtpd_accepted_total", "Messages answered with 250", ["kind"])
REFUSED = Counter("smtpd_refused_total", "Replies of 4xx and 5xx by code and enhanced code", ["code"])
FAULTS = Counter("smtpd_faults_total", "Commands that failed because of us")
LATENCY = Histogram(
    "smtpd_accept_seconds",
    "From the final dot to the committed message",
    buckets=(0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
