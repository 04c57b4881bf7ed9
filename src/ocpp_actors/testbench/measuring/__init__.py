"""What a session measures: response times, throughput, connections, verdicts, transactions. Pure; bounded memory."""
