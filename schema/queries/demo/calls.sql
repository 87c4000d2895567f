-- What the ledger says of every tenant, by second of the call's start.
SELECT
    tenant,
    toInt64(toUnixTimestamp(start)) AS second,
    count() AS all_calls,
    countIf(error_class = '') AS answered,
    countIf(unpriced != '') AS without_price,
    toString(sum(cost)) AS amount,
    toUnixTimestamp64Milli(max(received)) AS newest
FROM calls(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
GROUP BY tenant, second
ORDER BY tenant, second
