"""What is switched on and how: fleet, cutover, pilot and ledger live here, each an app of its own."""
