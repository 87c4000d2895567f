-- Decisions, whole groups of them. One that is final is written before the minute's mark for later may be due, else not at all: whoever takes
-- that mark has to see it (docs/adr/0027-settling-twice.md). Both times are this server's.
INSERT INTO settlements
(
    minute, tenant, trace_id, span_id, revision, loses, winner_minute, winner_tenant, winner_trace_id, winner_span_id, reason
)
SELECT toDateTime(minute_, 'UTC'), unhex(tenant_), toFixedString(unhex(trace_), 16), toFixedString(unhex(span_), 8), revision_, loses_,
    toDateTime(winner_minute_, 'UTC'), unhex(winner_tenant_), toFixedString(unhex(winner_trace_), 16), toFixedString(unhex(winner_span_), 8), reason_
FROM (SELECT 1)
ARRAY JOIN
    {minutes:Array(UInt32)} AS minute_, {tenants:Array(String)} AS tenant_, {traces:Array(String)} AS trace_, {spans:Array(String)} AS span_,
    {revisions:Array(UInt64)} AS revision_, {loses:Array(UInt8)} AS loses_,
    {winner_minutes:Array(UInt32)} AS winner_minute_, {winner_tenants:Array(String)} AS winner_tenant_,
    {winner_traces:Array(String)} AS winner_trace_, {winner_spans:Array(String)} AS winner_span_, {reasons:Array(String)} AS reason_
WHERE {final:UInt8} = 0 OR now64(3) <
(
    SELECT min(due) - INTERVAL {margin:UInt32} SECOND
    FROM dirty_windows
    WHERE level = 'minute' AND window = {minute:DateTime('UTC')} AND id = {later:UUID}
      AND at <= now64(3) + INTERVAL 1 MINUTE
)
SETTINGS max_execution_time = 60, async_insert = 0, deduplicate_insert = 'disable'
