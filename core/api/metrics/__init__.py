"""What a Prometheus server reads of this process."""
