-- Episodes that began in [from, to): how long, whether something was done (a throttle that wasn't a dry run, or a person says
-- so), what people say of them, and how many receivers didn't get them.
SELECT toString(e.episode) AS id, e.name AS name, e.sort AS sort, e.who AS who, e.level AS level, e.started AS started, e.ended AS ended, e.open AS is_open,
    t.commands > 0 OR l.acted > 0 AS was_acted, l.verdict AS verdict, d.letters AS undelivered
FROM
(
    SELECT episode, toString(any(rule)) AS name, toString(any(kind)) AS sort, toString(any(tenant)) AS who, toString(argMin(severity, sequence)) AS level,
        min(at) AS started, max(at) AS ended, argMax(state, sequence) != 'resolved' AS open
    FROM alert_events FINAL
    WHERE kind != 'watchdog'
    GROUP BY episode
    HAVING started >= {from:DateTime64(3, 'UTC')} AND started < {to:DateTime64(3, 'UTC')}
) AS e
LEFT JOIN (SELECT episode, countIf(step = 'acknowledged' AND dry_run = 0 OR author != 'alerts') AS commands FROM throttle_events GROUP BY episode) AS t ON t.episode = e.episode
LEFT JOIN (SELECT episode, toString(argMax(verdict, at)) AS verdict, argMax(acted, at) AS acted FROM alert_labels GROUP BY episode) AS l ON l.episode = e.episode
LEFT JOIN (SELECT episode, uniqExact(sequence, receiver) AS letters FROM alert_dead_letters GROUP BY episode) AS d ON d.episode = e.episode
ORDER BY started, id
