-- The month in which the range ends, as `tollkeeper report chargeback` hands it out.
SELECT
    tenant,
    if(name = tenant, '', name) AS name,
    parent,
    cost_centre AS `cost centre`,
    owner,
    own,
    adjusted AS adjustments,
    shared,
    reserved,
    total,
    if(at_least = 1, 'at least', '') AS note,
    calls,
    formatDateTime(c.month, '%Y-%m') AS month,
    at AS `as of`,
    hex(tenant) AS id
FROM chargebacks_now AS c
WHERE c.month = toStartOfMonth(toDate(toDateTime($__toTime, 'UTC') - 1))
ORDER BY total DESC, tenant
