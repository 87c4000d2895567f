-- As the rules see them, those of the configuration too, each in its own time zone.
SELECT
    name AS budget,
    tenant,
    arrayStringConcat(arrayMap((k, v) -> concat(k, ' ', v), mapKeys(scope), mapValues(scope)), ', ') AS part,
    period,
    amount AS budgeted,
    spent,
    toFloat64(spent) / nullIf(toFloat64(amount), 0) * 100 AS `used %`,
    least(dateDiff('second', begins, at) / dateDiff('second', begins, ends), 1) * 100 AS `elapsed %`,
    `used %` / nullIf(`elapsed %`, 0) AS burn,
    amount - spent AS left,
    if(left <= 0, 0, toFloat64(left) / nullIf(toFloat64(spent), 0) * dateDiff('second', begins, at) / 86400) AS `days left`,
    if(at_least = 1, 'at least', '') AS note,
    begins AS since,
    time_zone AS `time zone`,
    source,
    hex(tenant) AS id
FROM budget_states_now
WHERE name != ''
ORDER BY burn DESC, budget, tenant, part
LIMIT 200
