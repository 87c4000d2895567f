-- The same month and rows as Chargeback, added up by what the tenant directory says; each table adds up to the same total.
SELECT
    if($__arg = '', '(none)', $__arg) AS `charged to`,
    sum(c.own) AS own,
    sum(c.adjusted + c.shared + c.reserved) AS handed,
    sum(c.total) AS total,
    if(max(at_least) = 1, 'at least', '') AS note
FROM chargebacks_now AS c
WHERE month = toStartOfMonth(toDate(toDateTime($__toTime, 'UTC') - 1))
GROUP BY `charged to`
ORDER BY total DESC, `charged to`
