-- An alerts process claims the lead, or has stopped.
INSERT INTO alert_leads (holder, host, claimed, seen, gone)
SELECT {holder:UUID}, {host:String}, now64(6), now64(6), {gone:Bool}
SETTINGS max_execution_time = 3, async_insert = 0, deduplicate_insert = 'disable'
