-- Episodes whose id begins with {id}, open or changed since {since}: how each began and where it stands, the newest first.
SELECT toString(episode) AS id, toString(any(rule)) AS name, toString(any(kind)) AS sort, toString(any(tenant)) AS who, argMin(subject, sequence) AS part,
    toString(argMin(severity, sequence)) AS level, toString(argMin(value, sequence)) AS amount, toString(argMin(threshold, sequence)) AS needed,
    argMin(summary, sequence) AS told, argMin(detail, sequence) AS facts, min(crossed) AS crossing, min(at) AS started, toString(argMin(state, sequence)) AS first_state,
    max(sequence) AS number, toString(argMax(state, sequence)) AS last_state, argMax(summary, sequence) AS last_told, argMax(detail, sequence) AS last_facts,
    max(at) AS changed
FROM alert_events FINAL
GROUP BY episode
HAVING startsWith(id, {id:String}) AND (last_state != 'resolved' OR changed >= {since:DateTime64(3, 'UTC')})
ORDER BY last_state = 'resolved', changed DESC, id
LIMIT {most:UInt32}
