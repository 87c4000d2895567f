-- Of each tenant, the first call, in the order of receipt, with which the running total of the window reaches its {needs}.
SELECT tenant, toUnixTimestamp64Milli(received) AS at
FROM
(
    SELECT
        tenant,
        received,
        sum(cost) OVER (PARTITION BY tenant ORDER BY received, trace_id, span_id ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS running
    FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
    WHERE tenant IN {tenants:Array(String)}
      AND if(bitAnd(flags, 2) != 0, toDateTime64(received, 9, 'UTC'), start) >= {start:DateTime64(9, 'UTC')}
      AND if(bitAnd(flags, 2) != 0, toDateTime64(received, 9, 'UTC'), start) < {end:DateTime64(9, 'UTC')}
)
WHERE running >= toDecimal128({needs:Array(String)}[indexOf({tenants:Array(String)}, tenant)], 12)
ORDER BY tenant, running
LIMIT 1 BY tenant
