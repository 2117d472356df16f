"""What perf/run runs: Causeway, coturn and dpdk-testpmd measured side by side on one machine."""
