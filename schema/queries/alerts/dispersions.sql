-- How spend and calls of each tenant, and of all together (''), were spread over each whole day of [from, to), by cells of
-- ten minutes: the sum of the squared differences of neighbours, and the sum of both. Their ratio is variance over mean.
-- Money is in 10⁻¹² USD here, and its squares in 10⁻²⁴ USD².
SELECT tenant, day,
    toString(arraySum(arrayMap((a, b) -> (a - b) * (a - b), arrayPopBack(spends), arrayPopFront(spends)))) AS spend_squares,
    toString(arraySum(arrayMap((a, b) -> a + b, arrayPopBack(spends), arrayPopFront(spends)))) AS spend_sums,
    toString(arraySum(arrayMap((a, b) -> (a - b) * (a - b), arrayPopBack(calls), arrayPopFront(calls)))) AS call_squares,
    toString(arraySum(arrayMap((a, b) -> a + b, arrayPopBack(calls), arrayPopFront(calls)))) AS call_sums
FROM
(
    SELECT tenant, toInt64(toUnixTimestamp(toStartOfDay(cell))) AS day,
        groupArrayInsertAt(toInt256(0), 144)(amount, place) AS spends, groupArrayInsertAt(toInt256(0), 144)(n, place) AS calls
    FROM
    (
        SELECT arrayJoin(['', toString(tenant)]) AS tenant, toStartOfInterval(window, INTERVAL 10 MINUTE) AS cell,
            toUInt32(intDiv(toUnixTimestamp(cell) % 86400, 600)) AS place,
            toInt256(toDecimal256(sum(cost), 12) * 1000000000000) AS amount, toInt256(sum(calls)) AS n
        FROM spend_minute(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
        GROUP BY tenant, cell
    )
    GROUP BY tenant, day
)
