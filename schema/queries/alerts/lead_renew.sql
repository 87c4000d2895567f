-- It lives. A claim that has lapsed isn't revived: another process may have acted since. All times are this server's.
INSERT INTO alert_leads (holder, host, claimed, seen, gone)
SELECT {holder:UUID}, {host:String}, now64(6), now64(6), false
WHERE (SELECT max(seen) FROM alert_leads WHERE holder = {holder:UUID}) > now64(6) - toIntervalMillisecond({renewable:UInt32})
SETTINGS max_execution_time = 3, async_insert = 0, deduplicate_insert = 'disable'
