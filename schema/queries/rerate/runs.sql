-- Re-rates with what they changed, the newest first.
SELECT toString(r.id), r.number, r.state, r.range_from, r.range_to, r.every, r.tenant, r.model, r.price_version, r.rules, r.reread, r.author, r.reason, r.started, r.last, r.hours,
    r.all_hours, c.changed, toString(c.before), toString(c.after), c.books
FROM rerates AS r
LEFT JOIN
(
    SELECT run, sum(changed) AS changed, sum(before) AS before, sum(after) AS after, arraySort(arrayDistinct(arrayFlatten(groupArray(books)))) AS books
    FROM (SELECT * FROM rerate_changes FINAL WHERE (run, hour) IN (SELECT id, done_to FROM rerate_runs WHERE step = 'prepared'))
    GROUP BY run
) AS c ON r.id = c.run
WHERE r.state != 'withdrawn'
ORDER BY r.number DESC
