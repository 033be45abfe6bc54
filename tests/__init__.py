"""What Livery promises, checked from outside and inside: docs/proof.md lists the promises."""
