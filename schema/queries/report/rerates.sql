-- The re-rates that changed something in [from, to).
SELECT r.number, r.state, r.author, r.reason, r.started, r.price_version, c.books_, toString(c.changed_)
FROM rerates AS r
INNER JOIN
(
    SELECT run, arraySort(arrayDistinct(arrayFlatten(groupArray(books)))) AS books_, sum(after - before) AS changed_
    FROM rerated(from = {from:DateTime('UTC')}, to = {to:DateTime('UTC')})
    WHERE {every:UInt8} = 1 OR tenant = {tenant:String}
    GROUP BY run
) AS c ON r.id = c.run
ORDER BY r.number
