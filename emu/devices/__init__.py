"""Device models: MMIO windows and what else a board has outside its vCPUs and its GIC."""
