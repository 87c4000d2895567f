-- Counts from the rollups; the reasons, which only calls have, from the calls of the range's last hour. Calls that reserved capacity serves, or
-- that bill otherwise, have no price of their own and are not missing one.
SELECT s.tenant AS tenant, s.model AS model, arrayStringConcat(r.reasons, ', ') AS `reasons in the last hour`, n AS calls
FROM
(
    SELECT toString(tenant) AS tenant, toString(model) AS model, sum(unpriced_calls) AS n
    FROM $spend(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC'))
    WHERE unpriced_calls > 0
    GROUP BY tenant, model
    ORDER BY n DESC, tenant, model
    LIMIT 100
) AS s
LEFT JOIN
(
    SELECT toString(tenant) AS tenant, toString(model) AS model, arraySort(groupUniqArray(20)(toString(unpriced))) AS reasons
    FROM $calls(greatest(toDateTime($__fromTime, 'UTC'), toDateTime($__toTime, 'UTC') - INTERVAL 1 HOUR), toDateTime($__toTime, 'UTC'))
    WHERE $unpriced
    GROUP BY tenant, model
) AS r ON r.tenant = s.tenant AND r.model = s.model
ORDER BY calls DESC, tenant, model
