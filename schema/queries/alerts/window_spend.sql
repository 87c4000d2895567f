-- Spend of a window that minutes can't make up. A call whose start is not believable counts at its receipt (flag 2).
SELECT
    tenant,
    '' AS value,
    toString(sum(cost)) AS amount,
    count() AS all_calls,
    countIf(unpriced != '') AS without_price
FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
WHERE if(bitAnd(flags, 2) != 0, toDateTime64(received, 9, 'UTC'), start) >= {start:DateTime64(9, 'UTC')}
  AND if(bitAnd(flags, 2) != 0, toDateTime64(received, 9, 'UTC'), start) < {end:DateTime64(9, 'UTC')}
GROUP BY tenant
