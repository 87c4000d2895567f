-- Notifications that nobody got, as they stand, newest first, with what they were about.
SELECT toString(d.episode) AS id, d.sequence AS number, d.receiver AS who, d.last.1 AS how, d.last.2 AS why, d.last.3 AS again, d.last.4 AS actor, d.changed AS changed,
    e.rule AS rule, e.tenant AS tenant, toString(e.state) AS entered
FROM
(
    SELECT episode, sequence, receiver, argMax((toString(outcome), reason, sent, author), at) AS last, max(at) AS changed
    FROM alert_dead_letters
    GROUP BY episode, sequence, receiver
) AS d
LEFT JOIN (SELECT * FROM alert_events FINAL) AS e ON e.episode = d.episode AND e.sequence = d.sequence
ORDER BY changed DESC, id, who
LIMIT 1000
