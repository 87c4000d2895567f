INSERT INTO process_metrics (seen, process, name, labels, counter, value)
