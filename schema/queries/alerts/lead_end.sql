-- Claims that were renewed in the future end: the server's clock was set back since.
INSERT INTO alert_leads (holder, host, claimed, seen, gone)
SELECT holder, any(host), now64(6), now64(6), true
FROM alert_leads
GROUP BY holder
HAVING max(seen) > now64(6) + toIntervalMillisecond({future:UInt32})
SETTINGS max_execution_time = 3, async_insert = 0, deduplicate_insert = 'disable'
